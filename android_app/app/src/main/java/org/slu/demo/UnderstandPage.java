package org.slu.demo;

import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.TextView;

/** One sentence: its slots are coloured in the field while it is typed, and the answer stands below. */
final class UnderstandPage {
  private final Look look;
  private final EditText sentence;
  private final View clear;
  private final View microphone;
  private final TextView microphoneState;
  private final AnswerCard card;
  private Assistant assistant;
  private Answer answer;

  /**
   * The page.
   *
   * @param root has the views of page_understand.xml
   * @param onMicrophone called when the microphone is tapped
   */
  UnderstandPage(View root, Look look, final Runnable onMicrophone) {
    this.look = look;
    sentence = (EditText) root.findViewById(R.id.sentence);
    clear = root.findViewById(R.id.clear);
    microphone = root.findViewById(R.id.microphone);
    microphoneState = (TextView) root.findViewById(R.id.microphone_state);
    card = new AnswerCard((ViewGroup) root.findViewById(R.id.answer), look);
    sentence.setHorizontallyScrolling(false);
    sentence.addTextChangedListener(new TextWatcher() {
      @Override
      public void beforeTextChanged(CharSequence text, int start, int count, int after) {
      }

      @Override
      public void onTextChanged(CharSequence text, int start, int before, int count) {
      }

      @Override
      public void afterTextChanged(Editable text) {
        refresh();
      }
    });
    clear.setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        type("");
      }
    });
    microphone.setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        onMicrophone.run();
      }
    });
    ViewGroup examples = (ViewGroup) root.findViewById(R.id.examples);
    for (final String example : look.resources.getStringArray(R.array.examples)) {
      Chips.add(examples, example, new View.OnClickListener() {
        @Override
        public void onClick(View view) {
          type(example);
        }
      });
    }
  }

  void use(Assistant assistant) {
    this.assistant = assistant;
    refresh();
  }

  /** Parse what the field has: it or the names of the assistant have changed. */
  void refresh() {
    if (assistant == null) return;
    Editable text = sentence.getText();
    answer = assistant.understand(text);
    look.paint(text, answer, assistant.info().getSlots());
    clear.setVisibility(text.length() == 0 ? View.INVISIBLE : View.VISIBLE);
    card.show(answer, assistant);
  }

  /** Put a sentence into the field, as if the user had typed it. */
  void type(CharSequence text) {
    sentence.setText(text);
    sentence.setSelection(sentence.length());
  }

  /** The answer on the screen; null before there is a model. */
  Answer answer() {
    return answer;
  }

  /**
   * Show the state of the microphone.
   *
   * @param message what to tell the user, or empty
   */
  void showMicrophone(boolean available, boolean listening, String message) {
    microphone.setVisibility(available ? View.VISIBLE : View.GONE);
    microphone.setActivated(listening);
    microphone.setContentDescription(look.resources.getString(listening ? R.string.speak_stop : R.string.speak));
    microphoneState.setText(message);
  }
}
