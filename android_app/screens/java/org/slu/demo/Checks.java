package org.slu.demo;

import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;

/** What a person with large fingers, or who hears the screen, needs of every view that can be seen. */
final class Checks {
  private static final int TOUCH_DP = 48;

  private final List<String> problems = new ArrayList<String>();
  private final float density;

  private Checks(float density) {
    this.density = density;
  }

  /** What is wrong with a view and those in it, after they were laid out; a line each. */
  static List<String> of(View root) {
    Checks checks = new Checks(root.getResources().getDisplayMetrics().density);
    checks.visit(root);
    return checks.problems;
  }

  private void visit(View view) {
    if (view.getVisibility() != View.VISIBLE) return;
    if (view.isClickable()) {
      int wide = Math.round(view.getWidth() / density);
      int high = Math.round(view.getHeight() / density);
      if (wide < TOUCH_DP || high < TOUCH_DP)
        problem(view, "is touched, but only " + wide + " x " + high + " dp large");
      if (words(view).isEmpty()) problem(view, "is touched, but says nothing to those who hear the screen");
    }
    if (view instanceof TextView) text((TextView) view);
    if (!(view instanceof ViewGroup)) return;
    ViewGroup group = (ViewGroup) view;
    for (int i = 0; i < group.getChildCount(); ++i) visit(group.getChildAt(i));
  }

  private void text(TextView view) {
    if (view.getLayout() == null || view.getText().length() == 0) return;
    for (int line = 0; line < view.getLayout().getLineCount(); ++line) {
      if (view.getLayout().getEllipsisCount(line) > 0) problem(view, "is cut off: " + view.getText());
    }
  }

  private static String words(View view) {
    if (view.getContentDescription() != null) return view.getContentDescription().toString();
    if (view instanceof TextView) {
      CharSequence hint = ((TextView) view).getHint();
      return ((TextView) view).getText().toString() + (hint == null ? "" : hint);
    }
    StringBuilder all = new StringBuilder();
    if (view instanceof ViewGroup) {
      for (int i = 0; i < ((ViewGroup) view).getChildCount(); ++i) all.append(words(((ViewGroup) view).getChildAt(i)));
    }
    return all.toString();
  }

  private void problem(View view, String what) {
    problems.add(
        view.getClass().getSimpleName() + " of " + view.getWidth() + " x " + view.getHeight() + " pixels " + what);
  }
}
