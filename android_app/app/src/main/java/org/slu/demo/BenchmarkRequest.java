package org.slu.demo;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What a benchmark is asked to do: the extras of the intent that starts it, checked. docs/android-app.md describes
 * them.
 */
final class BenchmarkRequest {
  static final int DEFAULT_ROUNDS = 5;
  static final int MOST_ROUNDS = 100000;

  private static final List<String> KEYS =
      Arrays.asList("utterances", "rounds", "model", "kernel", "output", "answers");

  /** File with an utterance a line, in one of the app's directories. */
  final String utterances;

  /** How often all utterances are timed. */
  final int rounds;

  /** Model file beside the utterances; null: the one that is packaged with the app. */
  final String model;

  /** Kernel to compute with; null: the fastest. */
  final String kernel;

  /** File for the result, beside the utterances. */
  final String output;

  /** Whether the result has the answers too. */
  final boolean answers;

  private BenchmarkRequest(Map<String, ?> extras) {
    for (String key : extras.keySet()) {
      if (!KEYS.contains(key)) throw new IllegalArgumentException("unknown extra " + key + ": there are " + KEYS);
    }
    utterances = name(extras, "utterances", null);
    if (utterances == null) {
      throw new IllegalArgumentException("the extra utterances is missing: name a file with an utterance a line");
    }
    model = name(extras, "model", null);
    output = name(extras, "output", "result.json");
    if (output.equals(utterances) || output.equals(model)) {
      throw new IllegalArgumentException("output " + output + " would overwrite an input: choose another name");
    }
    kernel = text(extras, "kernel", null);
    rounds = rounds(text(extras, "rounds", Integer.toString(DEFAULT_ROUNDS)));
    answers = flag(text(extras, "answers", "true"));
  }

  /**
   * Check the extras.
   *
   * @param extras values of any type, as {@code am start} makes strings, numbers and truth values of them
   * @throws IllegalArgumentException says in one line which one is wrong
   */
  static BenchmarkRequest of(Map<String, ?> extras) {
    return new BenchmarkRequest(extras);
  }

  private static String text(Map<String, ?> extras, String key, String otherwise) {
    Object value = extras.get(key);
    return value == null || value.toString().isEmpty() ? otherwise : value.toString();
  }

  /** A name without a path: what starts the app from outside reaches no other files with it. */
  private static String name(Map<String, ?> extras, String key, String otherwise) {
    String name = text(extras, key, otherwise);
    if (name != null && (name.indexOf('/') >= 0 || name.startsWith("."))) {
      throw new IllegalArgumentException(key + " " + name + ": give the name of a file without its directory");
    }
    return name;
  }

  private static int rounds(String text) {
    int rounds = 0;
    try {
      rounds = Integer.parseInt(text);
    } catch (NumberFormatException noNumber) {
      rounds = 0; // refused below
    }
    if (rounds < 1 || rounds > MOST_ROUNDS) {
      throw new IllegalArgumentException("rounds " + text + ": give a number from 1 to " + MOST_ROUNDS);
    }
    return rounds;
  }

  private static boolean flag(String text) {
    if (text.equals("true") || text.equals("false")) return text.equals("true");
    throw new IllegalArgumentException("answers " + text + ": say true or false");
  }
}
