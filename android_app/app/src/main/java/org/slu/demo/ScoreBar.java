package org.slu.demo;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.RectF;
import android.util.AttributeSet;
import android.view.View;

/** A score from 0 to 1 as a bar, with a mark where the model begins to be understood. */
public final class ScoreBar extends View {
  private static final float THICK_DP = 8;
  private static final float MARK_DP = 2;

  private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final RectF bar = new RectF();
  private final float density = getResources().getDisplayMetrics().density;
  private final int track = Look.color(getResources(), R.color.outline);
  private final int mark = Look.color(getResources(), R.color.text);
  private float score;
  private float threshold;
  private int color;

  /** As the inflater calls it. */
  public ScoreBar(Context context, AttributeSet attributes) {
    super(context, attributes);
  }

  void show(float score, double threshold, int color) {
    this.score = score;
    this.threshold = (float) threshold;
    this.color = color;
    invalidate();
  }

  @Override
  protected void onDraw(Canvas canvas) {
    float thick = THICK_DP * density;
    float top = (getHeight() - thick) / 2;
    rounded(canvas, getWidth(), top, thick, track);
    rounded(canvas, Math.max(thick, getWidth() * score), top, thick, color);
    float x = getWidth() * threshold;
    paint.setColor(mark);
    canvas.drawRect(x - MARK_DP * density / 2, 0, x + MARK_DP * density / 2, getHeight(), paint);
  }

  private void rounded(Canvas canvas, float width, float top, float thick, int fill) {
    paint.setColor(fill);
    bar.set(0, top, width, top + thick);
    canvas.drawRoundRect(bar, thick / 2, thick / 2, paint);
  }
}
