package org.slu.demo;

import android.text.Editable;
import android.text.TextWatcher;
import android.view.KeyEvent;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.TextView;
import java.util.List;
import org.slu.Lexicon;

/** The user's own contacts, songs and places, and the same sentence understood without and with them. */
final class NamesPage {
  private final View root;
  private final Look look;
  private final Labels examples;
  private final Labels sentences;
  private final ViewGroup slots;
  private final ViewGroup added;
  private final EditText text;
  private final TextView error;
  private final Runnable onChange;
  private Assistant assistant;
  private String slot;

  /**
   * The page.
   *
   * @param root has the views of page_names.xml
   * @param onChange called when a name was added or removed
   */
  NamesPage(View root, Look look, Runnable onChange) {
    this.root = root;
    this.look = look;
    this.onChange = onChange;
    examples = new Labels(look.resources.getStringArray(R.array.name_examples));
    sentences = new Labels(look.resources.getStringArray(R.array.name_sentences));
    slots = (ViewGroup) root.findViewById(R.id.names_slots);
    added = (ViewGroup) root.findViewById(R.id.names_added);
    text = (EditText) root.findViewById(R.id.names_text);
    error = (TextView) root.findViewById(R.id.names_error);
    root.findViewById(R.id.names_add).setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        add();
      }
    });
    text.setOnEditorActionListener(new TextView.OnEditorActionListener() {
      @Override
      public boolean onEditorAction(TextView view, int action, KeyEvent event) {
        if (event == null || event.getAction() == KeyEvent.ACTION_DOWN) add();
        return true;
      }
    });
    text.addTextChangedListener(new TextWatcher() {
      @Override
      public void beforeTextChanged(CharSequence text, int start, int count, int after) {
      }

      @Override
      public void onTextChanged(CharSequence text, int start, int before, int count) {
      }

      @Override
      public void afterTextChanged(Editable text) {
        compare();
      }
    });
  }

  void use(Assistant assistant) {
    this.assistant = assistant;
    List<String> named = assistant.namedSlots();
    root.findViewById(R.id.names_unavailable).setVisibility(named.isEmpty() ? View.VISIBLE : View.GONE);
    root.findViewById(R.id.names_form).setVisibility(named.isEmpty() ? View.GONE : View.VISIBLE);
    root.findViewById(R.id.names_proof).setVisibility(named.isEmpty() ? View.GONE : View.VISIBLE);
    slots.removeAllViews();
    for (final String name : named) {
      Chips.add(slots, look.slots.of(name), new View.OnClickListener() {
        @Override
        public void onClick(View view) {
          select(name);
        }
      });
    }
    slot = null;
    if (!named.isEmpty()) select(named.get(0));
  }

  /** Show the names of one of the assistant's slots. */
  void select(String name) {
    slot = name;
    int at = assistant.namedSlots().indexOf(name);
    for (int i = 0; i < slots.getChildCount(); ++i) slots.getChildAt(i).setActivated(i == at);
    text.setHint(look.resources.getString(R.string.names_hint, examples.of(name)));
    text.setText("");
    refresh();
  }

  /** Add a name, as if the user had typed it. */
  void add(String name) {
    text.setText(name);
    add();
  }

  private void add() {
    if (slot == null) return;
    String name = text.getText().toString();
    if (name.trim().isEmpty()) name = examples.of(slot); // the hint says so
    try {
      assistant.add(slot, name);
      error.setVisibility(View.GONE);
      text.setText("");
    } catch (Assistant.NameTooLong tooLong) {
      error.setText(look.resources.getString(R.string.names_too_long, Lexicon.MAX_PHRASE_LENGTH));
      error.setVisibility(View.VISIBLE);
    }
    refresh();
    onChange.run();
  }

  private void refresh() {
    added.removeAllViews();
    for (final String name : assistant.names(slot)) {
      TextView chip = Chips.add(added, name + "  ×", new View.OnClickListener() {
        @Override
        public void onClick(View view) {
          assistant.remove(slot, name);
          refresh();
          onChange.run();
        }
      });
      chip.setContentDescription(look.resources.getString(R.string.names_remove, name));
    }
    added.setVisibility(added.getChildCount() == 0 ? View.GONE : View.VISIBLE);
    compare();
  }

  /** The name that is being typed, or else the latest one, in its sentence. */
  private void compare() {
    if (slot == null) return;
    List<String> names = assistant.names(slot);
    String typed = text.getText().toString().trim();
    String name = !typed.isEmpty() ? typed : names.isEmpty() ? examples.of(slot) : names.get(0);
    Comparison comparison = assistant.compare(String.format(sentences.of(slot), name));
    show(comparison.without, R.id.names_without_text, R.id.names_without_answer);
    show(comparison.with, R.id.names_with_text, R.id.names_with_answer);
  }

  private void show(Answer answer, int sentence, int line) {
    ((TextView) root.findViewById(sentence)).setText(look.painted(answer, assistant.info().getSlots()));
    TextView text = (TextView) root.findViewById(line);
    String percent = Answer.percent(answer.result.getScore());
    text.setText(DialoguePage.summary(look, answer) + " · " + percent);
    text.setTextColor(look.color(answer.kind));
  }
}
