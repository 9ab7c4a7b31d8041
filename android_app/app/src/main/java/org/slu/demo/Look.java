package org.slu.demo;

import android.content.res.Resources;
import android.graphics.drawable.GradientDrawable;
import android.text.Spannable;
import android.text.SpannableString;
import android.text.Spanned;
import android.text.style.ForegroundColorSpan;
import android.widget.TextView;
import java.util.List;

/** Words and colours of answers, in the language and the theme of the screen. */
final class Look {
  private static final int[] SLOT_TINTS = {R.color.slot_tint_0, R.color.slot_tint_1, R.color.slot_tint_2,
      R.color.slot_tint_3, R.color.slot_tint_4, R.color.slot_tint_5, R.color.slot_tint_6, R.color.slot_tint_7};
  private static final int[] SLOT_TEXTS = {R.color.slot_text_0, R.color.slot_text_1, R.color.slot_text_2,
      R.color.slot_text_3, R.color.slot_text_4, R.color.slot_text_5, R.color.slot_text_6, R.color.slot_text_7};

  private static final float PILL_DP = 8;

  final Resources resources;
  final Labels intents;
  final Labels slots;

  Look(Resources resources) {
    this.resources = resources;
    intents = new Labels(resources.getStringArray(R.array.intent_labels));
    slots = new Labels(resources.getStringArray(R.array.slot_labels));
  }

  /** What was understood, in a few words. */
  String title(Answer answer) {
    switch (answer.kind) {
      case EMPTY:
        return resources.getString(R.string.answer_empty);
      case OTHER:
        return resources.getString(R.string.answer_other);
      case NOT_UNDERSTOOD:
        return resources.getString(R.string.answer_not_understood);
      default:
        return intents.of(answer.result.getIntent());
    }
  }

  int icon(Answer.Kind kind) {
    switch (kind) {
      case EMPTY:
        return R.drawable.ic_understand;
      case COMMAND:
        return R.drawable.ic_good;
      case NOT_UNDERSTOOD:
        return R.drawable.ic_unsure;
      default:
        return R.drawable.ic_other;
    }
  }

  int color(Answer.Kind kind) {
    return color(kind == Answer.Kind.COMMAND     ? R.color.good
            : kind == Answer.Kind.NOT_UNDERSTOOD ? R.color.unsure
                                                 : R.color.text_quiet);
  }

  private int color(int id) {
    return color(resources, id);
  }

  /** A colour of the theme by day or by night. */
  @SuppressWarnings("deprecation") // the other one is there since API 23 alone
  static int color(Resources resources, int id) {
    return resources.getColor(id);
  }

  /** Colour the slots of an answer in its text, and nothing else; the text stays as it is. */
  void paint(Spannable text, Answer answer, List<String> slots) {
    for (SlotSpan span : text.getSpans(0, text.length(), SlotSpan.class)) text.removeSpan(span);
    for (SlotColor span : text.getSpans(0, text.length(), SlotColor.class)) text.removeSpan(span);
    for (Highlight part : Highlight.of(answer, slots, SLOT_TINTS.length)) {
      text.setSpan(ground(part.color), part.start, part.end, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
      text.setSpan(
          new SlotColor(color(SLOT_TEXTS[part.color])), part.start, part.end, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
    }
  }

  /** The text of an answer with its slots coloured. */
  CharSequence painted(Answer answer, List<String> slots) {
    SpannableString text = new SpannableString(answer.result.getText());
    paint(text, answer, slots);
    return text;
  }

  /** Give a view the colours of a slot. */
  void paint(TextView view, String slot, List<String> slots) {
    int color = Highlight.color(slot, slots, SLOT_TINTS.length);
    GradientDrawable ground = new GradientDrawable();
    ground.setColor(color(SLOT_TINTS[color]));
    ground.setCornerRadius(PILL_DP * resources.getDisplayMetrics().density);
    view.setBackground(ground);
    view.setTextColor(color(SLOT_TEXTS[color]));
  }

  private SlotSpan ground(int color) {
    return new SlotSpan(color(SLOT_TINTS[color]));
  }

  /** A class of its own, so that removing ours leaves those of the keyboard alone. */
  private static final class SlotColor extends ForegroundColorSpan {
    SlotColor(int color) {
      super(color);
    }
  }
}
