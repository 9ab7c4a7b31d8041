package org.slu.demo;

import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;

/** Small round buttons with a word or a sentence. */
final class Chips {
  private Chips() {
  }

  /** Add one at the end of a layout. */
  static TextView add(ViewGroup parent, CharSequence text, View.OnClickListener listener) {
    TextView chip = (TextView) LayoutInflater.from(parent.getContext()).inflate(R.layout.chip, parent, false);
    chip.setText(text);
    chip.setOnClickListener(listener);
    parent.addView(chip);
    return chip;
  }
}
