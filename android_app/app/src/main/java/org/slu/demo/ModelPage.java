package org.slu.demo;

import android.content.res.Resources;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import java.util.List;
import java.util.Locale;
import org.slu.ModelInfo;

/** What the model says about itself, and the way to another one. */
final class ModelPage {
  private final View root;
  private final Look look;
  private final TextView error;
  private final TextView open;

  /**
   * The page.
   *
   * @param root has the views of page_model.xml
   * @param onOpen called when the user wants another model
   * @param onBuiltIn called when the user wants the built-in model back
   */
  ModelPage(View root, Look look, final Runnable onOpen, final Runnable onBuiltIn) {
    this.root = root;
    this.look = look;
    error = (TextView) root.findViewById(R.id.model_error);
    open = (TextView) root.findViewById(R.id.model_open);
    open.setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        onOpen.run();
      }
    });
    root.findViewById(R.id.model_built_in).setOnClickListener(new View.OnClickListener() {
      @Override
      public void onClick(View view) {
        onBuiltIn.run();
      }
    });
  }

  /**
   * Show a model.
   *
   * @param file name of its file; null for the built-in one
   */
  void show(ModelInfo info, String file) {
    Resources resources = look.resources;
    showError("");
    root.findViewById(R.id.model_built_in).setVisibility(file == null ? View.GONE : View.VISIBLE);
    new Rows((ViewGroup) root.findViewById(R.id.model_rows))
        .add(R.string.model_file, file == null ? resources.getString(R.string.model_built_in_file) : file)
        .add(R.string.model_name, info.getName().isEmpty() ? resources.getString(R.string.unknown) : info.getName())
        .add(R.string.model_size, Answer.size(info.getModelBytes()))
        .add(R.string.model_layers, info.getLayers() + " × " + info.getHiddenSize())
        .add(R.string.model_precision, info.isQuantised() ? "INT8" : "FP32")
        .add(R.string.model_vocabulary, tokens(info.getVocabularySize()))
        .add(R.string.model_longest, tokens(info.getMaxTokens()))
        .add(R.string.model_lexicon, info.usesLexicon() ? number(info.getLexiconEntries()) : yes(false))
        .add(R.string.model_previous, yes(info.usesPreviousIntent()))
        .add(R.string.model_threshold, Answer.percent(info.getThreshold()));
    Rows intents = new Rows((ViewGroup) root.findViewById(R.id.model_intents));
    for (String intent : info.getIntents()) {
      String label = look.intents.of(intent);
      intents.addName(label.equals(intent) ? "" : label, intent);
    }
    showSlots(info.getSlots());
  }

  private void showSlots(List<String> names) {
    ViewGroup slots = (ViewGroup) root.findViewById(R.id.model_slots);
    slots.removeAllViews();
    for (String name : names) {
      TextView view = (TextView) LayoutInflater.from(slots.getContext()).inflate(R.layout.slot_name, slots, false);
      view.setText(look.slots.of(name));
      look.paint(view, name, names);
      slots.addView(view);
    }
  }

  /** Say why a model was not opened; empty: nothing went wrong. */
  void showError(String message) {
    error.setText(message);
    error.setVisibility(message.isEmpty() ? View.GONE : View.VISIBLE);
  }

  void showOpening(boolean opening) {
    open.setEnabled(!opening);
    open.setText(opening ? R.string.model_opening : R.string.model_open);
  }

  private String tokens(int count) {
    return look.resources.getString(R.string.model_tokens, number(count));
  }

  private String yes(boolean is) {
    return look.resources.getString(is ? R.string.yes : R.string.no);
  }

  private static String number(int value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
