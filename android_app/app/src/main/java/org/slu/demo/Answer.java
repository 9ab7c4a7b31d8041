package org.slu.demo;

import java.util.Locale;
import org.slu.ParseResult;

/** What the screens show of one utterance: the result, what kind of answer it is, and how long it took. */
final class Answer {
  /** The intent of a sentence that asks for nothing the model knows. */
  static final String OTHERS = "OTHERS";

  /** What to tell the user. */
  enum Kind {
    /** There is no text yet. */
    EMPTY,
    /** An intent, with its slots, to be carried out. */
    COMMAND,
    /** The model is sure that nothing it knows was asked for. */
    OTHER,
    /** The score is below the model's threshold: ask again. */
    NOT_UNDERSTOOD
  }

  final ParseResult result;
  final Kind kind;

  /** From the text to the answer, in nanoseconds. */
  final long nanos;

  Answer(ParseResult result, long nanos) {
    this.result = result;
    this.nanos = nanos;
    kind = kindOf(result);
  }

  private static Kind kindOf(ParseResult result) {
    if (result.getText().trim().isEmpty()) return Kind.EMPTY;
    if (!result.isUnderstood()) return Kind.NOT_UNDERSTOOD;
    return result.getIntent().equals(OTHERS) ? Kind.OTHER : Kind.COMMAND;
  }

  /**
   * The score as a percentage with one decimal, rounded down: 99.96 % is not certainty, and no score looks better than
   * it is.
   */
  static String percent(double score) {
    return String.format(Locale.ROOT, "%.1f%%", Math.floor(score * 1000 + 1e-4) / 10);
  }

  /** A time in the unit that reads best, with three digits: {@code 87.3 µs}, {@code 1.25 ms}, {@code 12.5 ms}. */
  static String duration(double nanos) {
    double value = nanos < 1e6 ? nanos / 1e3 : nanos / 1e6;
    String unit = nanos < 1e6 ? "µs" : "ms";
    String form = value < 9.995 ? "%.2f %s" : value < 99.95 ? "%.1f %s" : "%.0f %s";
    return String.format(Locale.ROOT, form, value, unit);
  }

  /** A size in the unit that reads best: {@code 812 B}, {@code 49.2 KB}, {@code 2.18 MB} (of 1,000 and 1,000,000). */
  static String size(long bytes) {
    if (bytes < 1000) return bytes + " B";
    if (bytes < 1000000) return String.format(Locale.ROOT, "%.1f KB", bytes / 1e3);
    return String.format(Locale.ROOT, "%.2f MB", bytes / 1e6);
  }
}
