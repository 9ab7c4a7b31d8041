package org.slu.demo;

import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.RectF;
import android.text.Spanned;
import android.text.style.LineBackgroundSpan;

/** A round-cornered ground behind a part of a text, which stays where it is: it fits a field that is being typed in. */
final class SlotSpan implements LineBackgroundSpan {
  private static final float CORNER = 0.22f; // of the letters' size
  private static final float OVERHANG = 0.06f; // above and below
  private static final float INSET = 0.04f; // at both sides, so that two slots in a row are two

  private final int color;
  private final RectF box = new RectF();

  SlotSpan(int color) {
    this.color = color;
  }

  @Override
  public void drawBackground(Canvas canvas, Paint paint, int left, int right, int top, int baseline, int bottom,
      CharSequence text, int start, int end, int line) {
    Spanned spanned = (Spanned) text;
    int from = Math.max(start, spanned.getSpanStart(this));
    int to = Math.min(end, spanned.getSpanEnd(this));
    if (from >= to) return; // of another line
    float size = paint.getTextSize();
    float x = left + paint.measureText(text, start, from);
    float width = paint.measureText(text, from, to);
    box.set( // within the line, beyond which a text view clips
        Math.max(left, x + INSET * size), Math.max(top, baseline + paint.ascent() - OVERHANG * size),
        Math.min(right, x + width - INSET * size), Math.min(bottom, baseline + paint.descent() + OVERHANG * size));
    int before = paint.getColor();
    paint.setColor(color);
    canvas.drawRoundRect(box, CORNER * size, CORNER * size, paint);
    paint.setColor(before);
  }
}
