package org.slu.demo;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.util.AttributeSet;
import android.view.View;

/** Bars for the counts of {@link Timings#histogram}, with the shortest and the longest time under them. */
public final class Histogram extends View {
  static final int BINS = 40;

  private static final float TEXT_SP = 12;
  private static final float GAP_DP = 1;

  private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final int fill = Look.color(getResources(), R.color.accent);
  private final int line = Look.color(getResources(), R.color.outline);
  private final int letters = Look.color(getResources(), R.color.text_quiet);
  private int[] counts = {};
  private String shortest = "";
  private String longest = "";

  /** As the inflater calls it. */
  public Histogram(Context context, AttributeSet attributes) {
    super(context, attributes);
    paint.setTextSize(TEXT_SP * getResources().getDisplayMetrics().scaledDensity);
  }

  void show(Timings timings) {
    counts = timings.histogram(BINS);
    shortest = Answer.duration(timings.percentile(0));
    longest = Answer.duration(timings.longestShown());
    invalidate();
  }

  @Override
  protected void onDraw(Canvas canvas) {
    int most = 1;
    for (int count : counts) most = Math.max(most, count);
    float bottom = getHeight() - 1.6f * paint.getTextSize();
    float step = getWidth() / (float) Math.max(1, counts.length);
    float gap = GAP_DP * getResources().getDisplayMetrics().density;
    paint.setColor(fill);
    for (int i = 0; i < counts.length; ++i) {
      float height = bottom * counts[i] / most;
      if (counts[i] > 0) height = Math.max(height, gap); // one run in a thousand is seen too
      canvas.drawRect(i * step + gap / 2, bottom - height, (i + 1) * step - gap / 2, bottom, paint);
    }
    paint.setColor(line);
    canvas.drawRect(0, bottom, getWidth(), bottom + gap, paint);
    paint.setColor(letters);
    float baseline = getHeight() - 0.2f * paint.getTextSize();
    canvas.drawText(shortest, 0, baseline, paint);
    canvas.drawText("≥ " + longest, getWidth() - paint.measureText("≥ " + longest), baseline, paint);
  }
}
