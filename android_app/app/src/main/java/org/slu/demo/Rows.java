package org.slu.demo;

import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;

/** Lines of a label and a value. */
final class Rows {
  private final ViewGroup parent;

  /** Rows in a layout, which is emptied. */
  Rows(ViewGroup parent) {
    this.parent = parent;
    parent.removeAllViews();
  }

  Rows add(CharSequence label, CharSequence value) {
    return add(R.layout.row, label, value);
  }

  /** A line with a name that stands in files and programs, and what it means. */
  Rows addName(CharSequence label, CharSequence name) {
    return add(R.layout.row_name, label, name);
  }

  private Rows add(int layout, CharSequence label, CharSequence value) {
    View row = LayoutInflater.from(parent.getContext()).inflate(layout, parent, false);
    ((TextView) row.findViewById(R.id.row_label)).setText(label);
    ((TextView) row.findViewById(R.id.row_value)).setText(value);
    parent.addView(row);
    return this;
  }

  Rows add(int label, CharSequence value) {
    return add(parent.getResources().getString(label), value);
  }
}
