package org.slu.demo;

import android.content.res.ColorStateList;
import android.content.res.Resources;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.TextView;
import org.slu.Slot;

/** Shows one answer: what was understood, how sure the model is, the slots, and the time it took. */
final class AnswerCard {
  private final Look look;
  private final ImageView icon;
  private final TextView title;
  private final TextView intent;
  private final TextView score;
  private final ScoreBar bar;
  private final TextView note;
  private final ViewGroup slots;
  private final TextView time;

  /**
   * A card.
   *
   * @param card an empty layout, which is filled
   */
  AnswerCard(ViewGroup card, Look look) {
    this.look = look;
    LayoutInflater.from(card.getContext()).inflate(R.layout.answer, card);
    icon = (ImageView) card.findViewById(R.id.answer_icon);
    title = (TextView) card.findViewById(R.id.answer_title);
    intent = (TextView) card.findViewById(R.id.answer_intent);
    score = (TextView) card.findViewById(R.id.answer_score);
    bar = (ScoreBar) card.findViewById(R.id.answer_bar);
    note = (TextView) card.findViewById(R.id.answer_note);
    slots = (ViewGroup) card.findViewById(R.id.answer_slots);
    time = (TextView) card.findViewById(R.id.answer_time);
  }

  void show(Answer answer, Assistant assistant) {
    Resources resources = look.resources;
    boolean empty = answer.kind == Answer.Kind.EMPTY;
    int color = look.color(answer.kind);
    String percent = Answer.percent(answer.result.getScore());
    icon.setImageResource(look.icon(answer.kind));
    icon.setImageTintList(ColorStateList.valueOf(color));
    title.setText(look.title(answer));
    title.setContentDescription(
        empty ? null : resources.getString(R.string.answer_description, look.title(answer), percent));
    intent.setText(answer.result.getIntent());
    score.setText(percent);
    score.setTextColor(color);
    bar.show(answer.result.getScore(), assistant.info().getThreshold(), color);
    for (View view : new View[] {intent, score, bar, time}) view.setVisibility(empty ? View.GONE : View.VISIBLE);

    String text = note(answer, assistant);
    note.setText(text);
    note.setVisibility(text.isEmpty() ? View.GONE : View.VISIBLE);

    slots.removeAllViews();
    if (answer.kind == Answer.Kind.COMMAND) {
      for (Slot slot : answer.result.getSlots()) add(slot, assistant);
    }
    slots.setVisibility(slots.getChildCount() == 0 ? View.GONE : View.VISIBLE);
    time.setText(resources.getString(R.string.answer_time, Answer.duration(answer.nanos), assistant.kernel()));
  }

  private String note(Answer answer, Assistant assistant) {
    Resources resources = look.resources;
    String cut = answer.result.isTruncated() ? resources.getString(R.string.answer_truncated) : "";
    switch (answer.kind) {
      case EMPTY:
        return resources.getString(R.string.answer_empty_note);
      case OTHER:
        return (resources.getString(R.string.answer_other_note) + "\n" + cut).trim();
      case NOT_UNDERSTOOD:
        String threshold = Answer.percent(assistant.info().getThreshold());
        String guess = look.intents.of(answer.result.getIntent());
        return (resources.getString(R.string.answer_not_understood_note, threshold, guess) + "\n" + cut).trim();
      default:
        return cut;
    }
  }

  private void add(Slot slot, Assistant assistant) {
    View row = LayoutInflater.from(slots.getContext()).inflate(R.layout.slot, slots, false);
    ((TextView) row.findViewById(R.id.slot_label)).setText(look.slots.of(slot.getName()));
    TextView value = (TextView) row.findViewById(R.id.slot_value);
    value.setText(slot.getValue());
    look.paint(value, slot.getName(), assistant.info().getSlots());
    slots.addView(row);
  }
}
