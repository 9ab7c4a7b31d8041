package org.slu.demo;

import android.content.res.ColorStateList;
import android.content.res.Resources;
import android.view.KeyEvent;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.ScrollView;
import android.widget.TextView;
import org.slu.Slot;

/** A dialogue: the turns with their answers, each understood knowing the one before. */
final class DialoguePage {
  private static final int CHIP_GAP_DP = 8;

  private final Look look;
  private final ScrollView scroll;
  private final ViewGroup turns;
  private final EditText text;
  private Assistant assistant;

  /**
   * The page.
   *
   * @param root has the views of page_dialogue.xml
   */
  DialoguePage(View root, Look look) {
    this.look = look;
    scroll = (ScrollView) root.findViewById(R.id.turns_scroll);
    turns = (ViewGroup) root.findViewById(R.id.turns);
    text = (EditText) root.findViewById(R.id.dialogue_text);
    root.findViewById(R.id.dialogue_send).setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        send();
      }
    });
    root.findViewById(R.id.dialogue_restart).setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        assistant.restart();
        turns.removeAllViews();
      }
    });
    text.setOnEditorActionListener(new TextView.OnEditorActionListener() {
      @Override
      public boolean onEditorAction(TextView view, int action, KeyEvent event) {
        if (event != null && event.getAction() != KeyEvent.ACTION_DOWN) return true; // the key comes up again
        send();
        return true;
      }
    });
    ViewGroup examples = (ViewGroup) root.findViewById(R.id.dialogue_examples);
    int gap = Math.round(CHIP_GAP_DP * look.resources.getDisplayMetrics().density);
    for (final String example : look.resources.getStringArray(R.array.dialogue_examples)) {
      View chip = Chips.add(examples, example, new View.OnClickListener() {
        @Override
        public void onClick(View view) {
          say(example);
        }
      });
      ((LinearLayout.LayoutParams) chip.getLayoutParams()).rightMargin = gap;
    }
  }

  void use(Assistant assistant) {
    this.assistant = assistant;
    turns.removeAllViews();
    for (Turn turn : assistant.turns()) show(turn);
  }

  /** Say the next turn, as if the user had typed it. */
  void say(CharSequence sentence) {
    if (assistant == null) return;
    Turn turn = assistant.say(sentence);
    if (turn != null) show(turn);
  }

  private void send() {
    say(text.getText());
    text.setText("");
  }

  private void show(Turn turn) {
    Resources resources = look.resources;
    View view = LayoutInflater.from(turns.getContext()).inflate(R.layout.turn, turns, false);
    ((TextView) view.findViewById(R.id.turn_text)).setText(look.painted(turn.answer, assistant.info().getSlots()));
    ImageView icon = (ImageView) view.findViewById(R.id.turn_icon);
    icon.setImageResource(look.icon(turn.answer.kind));
    icon.setImageTintList(ColorStateList.valueOf(look.color(turn.answer.kind)));
    ((TextView) view.findViewById(R.id.turn_title)).setText(summary(look, turn.answer));
    String percent = Answer.percent(turn.answer.result.getScore());
    ((TextView) view.findViewById(R.id.turn_note))
        .setText(turn.previousIntent == null
                ? resources.getString(R.string.turn_first, percent)
                : resources.getString(R.string.turn_after, percent, look.intents.of(turn.previousIntent)));
    turns.addView(view);
    scroll.post(new Runnable() {
      @Override
      public void run() {
        scroll.fullScroll(View.FOCUS_DOWN);
      }
    });
  }

  /** An answer in a line: what was understood, with its slots. */
  static String summary(Look look, Answer answer) {
    StringBuilder line = new StringBuilder(look.title(answer));
    if (answer.kind != Answer.Kind.COMMAND) return line.toString();
    for (Slot slot : answer.result.getSlots()) {
      String name = look.slots.of(slot.getName());
      line.append(" · ").append(look.resources.getString(R.string.slot_and_value, name, slot.getValue()));
    }
    return line.toString();
  }
}
