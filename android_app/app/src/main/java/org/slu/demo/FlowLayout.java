package org.slu.demo;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;

/** Lays its children out like words: side by side, in as many lines as it takes. */
public final class FlowLayout extends ViewGroup {
  private static final int GAP_DP = 8;

  private final int gap;

  /** As the inflater calls it. */
  public FlowLayout(Context context, AttributeSet attributes) {
    super(context, attributes);
    gap = Math.round(GAP_DP * getResources().getDisplayMetrics().density);
  }

  @Override
  protected void onMeasure(int widthSpec, int heightSpec) {
    int width = MeasureSpec.getSize(widthSpec);
    measureChildren(MeasureSpec.makeMeasureSpec(width, MeasureSpec.AT_MOST), heightSpec);
    setMeasuredDimension(width, place(width, false));
  }

  @Override
  protected void onLayout(boolean changed, int left, int top, int right, int bottom) {
    place(right - left, true);
  }

  /** Height of all lines. With {@code layout}, the children are put where they belong. */
  private int place(int width, boolean layout) {
    boolean mirrored = getLayoutDirection() == LAYOUT_DIRECTION_RTL;
    int x = 0;
    int y = 0;
    int line = 0;
    for (int i = 0; i < getChildCount(); ++i) {
      View child = getChildAt(i);
      if (child.getVisibility() == GONE) continue;
      int wide = child.getMeasuredWidth();
      if (x > 0 && x + wide > width) {
        x = 0;
        y += line;
        line = 0;
      }
      if (layout) {
        int start = mirrored ? width - x - wide : x;
        child.layout(start, y, start + wide, y + child.getMeasuredHeight());
      }
      x += wide + gap;
      line = Math.max(line, child.getMeasuredHeight());
    }
    return y + line;
  }

  @Override
  public LayoutParams generateLayoutParams(AttributeSet attributes) {
    return new LayoutParams(getContext(), attributes);
  }
}
