package org.slu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What was understood of one utterance. It cannot be changed, and stays valid after its parser is closed. */
public final class ParseResult {
  private final String text;
  private final String intent;
  private final float score;
  private final boolean understood;
  private final boolean truncated;
  private final boolean pinned;
  private final List<Slot> slots;
  private final List<Label> labels;

  /**
   * A computed result as parsers make them; public for the tests of those who use it.
   *
   * @param text the utterance
   * @param intent name of the intent
   * @param score probability of the answer, 0 to 1
   * @param understood whether the score reaches the model's threshold
   * @param truncated whether the end of the text was ignored
   * @param slots in the order of the text
   */
  public ParseResult(String text, String intent, float score, boolean understood, boolean truncated, List<Slot> slots) {
    this(text, intent, score, understood, truncated, false, slots);
  }

  /**
   * A result as parsers make them; public for the tests of those who use it.
   *
   * @param text the utterance
   * @param intent name of the intent
   * @param score probability of the answer, 0 to 1
   * @param understood whether the score reaches the model's threshold
   * @param truncated whether the end of the text was ignored
   * @param pinned whether the answer is that of a pinned phrase
   * @param slots in the order of the text
   */
  public ParseResult(String text, String intent, float score, boolean understood, boolean truncated, boolean pinned,
      List<Slot> slots) {
    this(text, intent, score, understood, truncated, pinned, slots, Collections.<Label>emptyList());
  }

  /**
   * A result as parsers make them, of any kind of model; public for the tests of those who use it.
   *
   * @param text the utterance
   * @param intent name of the intent, empty in models without
   * @param score probability of the answer, 0 to 1
   * @param understood whether the score reaches the model's threshold
   * @param truncated whether the end of the text was ignored
   * @param pinned whether the answer is that of a pinned phrase
   * @param slots in the order of the text
   * @param labels of models that answer labels, in the order of the model's
   */
  public ParseResult(String text, String intent, float score, boolean understood, boolean truncated, boolean pinned,
      List<Slot> slots, List<Label> labels) {
    if (text == null || intent == null || slots == null || labels == null) {
      throw SluException.argument("a result needs a text, an intent, a list of slots and one of labels");
    }
    this.labels = Collections.unmodifiableList(new ArrayList<Label>(labels));
    this.text = text;
    this.intent = intent;
    this.score = score;
    this.understood = understood;
    this.truncated = truncated;
    this.pinned = pinned;
    this.slots = Collections.unmodifiableList(new ArrayList<Slot>(slots));
  }

  /**
   * The text that was parsed.
   *
   * @return never null
   */
  public String getText() {
    return text;
  }

  /**
   * The most probable intent, one of {@link ModelInfo#getIntents()}. It is given even when the utterance was not
   * understood: look at {@link #isUnderstood()} before you act on it.
   *
   * @return never null; empty in models that answer labels, or spans alone ({@link ModelInfo#getHead()})
   */
  public String getIntent() {
    return intent;
  }

  /**
   * Probability of the whole answer, intent and slots together, or all labels.
   *
   * @return 0 to 1
   */
  public float getScore() {
    return score;
  }

  /**
   * Whether the answer is to be trusted: the score reaches {@link ModelInfo#getThreshold()}. If not, ask the user
   * again.
   *
   * @return false for what the model is not sure of
   */
  public boolean isUnderstood() {
    return understood;
  }

  /**
   * Whether the text was longer than the model takes ({@link ModelInfo#getMaxTokens()}), so that its end was ignored.
   *
   * @return false for texts that were read to their end
   */
  public boolean isTruncated() {
    return truncated;
  }

  /**
   * Whether the text is a pinned phrase ({@link Pins}): the answer is what the app said, nothing was computed.
   *
   * @return false for what the model computed
   */
  public boolean isPinned() {
    return pinned;
  }

  /**
   * The slots, in the order of the text; they do not overlap.
   *
   * @return a list that cannot be changed, never null
   */
  public List<Slot> getSlots() {
    return slots;
  }

  /**
   * The first slot of this name.
   *
   * @param name such as {@code singer}
   * @return null when there is none
   */
  public Slot getSlot(String name) {
    for (Slot slot : slots) {
      if (slot.getName().equals(name)) return slot;
    }
    return null;
  }

  /**
   * The value of the first slot of this name.
   *
   * @param name such as {@code singer}
   * @return null when there is none
   */
  public String getValue(String name) {
    Slot slot = getSlot(name);
    return slot == null ? null : slot.getValue();
  }

  /**
   * The labels of the text, in models that answer labels, in the order of {@link ModelInfo#getIntents()}.
   *
   * @return a list that cannot be changed, never null; empty in other models
   */
  public List<Label> getLabels() {
    return labels;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof ParseResult)) return false;
    ParseResult result = (ParseResult) other;
    return text.equals(result.text) && intent.equals(result.intent) && Float.compare(score, result.score) == 0
        && understood == result.understood && truncated == result.truncated && pinned == result.pinned
        && slots.equals(result.slots) && labels.equals(result.labels);
  }

  @Override
  public int hashCode() {
    return ((text.hashCode() * 31 + intent.hashCode()) * 31 + slots.hashCode()) * 31 + labels.hashCode();
  }

  @Override
  public String toString() {
    return (intent.isEmpty() ? "" : intent + " ") + score
        + (understood ? pinned ? " (pinned) " : " " : " (not understood) ") + (labels.isEmpty() ? slots : labels);
  }
}
