package org.slu;

import java.util.List;
import java.util.Map;

/**
 * Pinned phrases: texts whose answer the app gives. <i>This text, exactly, is this intent</i>: the network is not
 * asked, the score is 1, and {@link ParseResult#isPinned()} says so.
 *
 * <p>A text is given with its slots in tags, such as {@code 带我回<destination>家</destination>}, 16 of them at most.
 * The whole text is compared: without letter case, accents and white space, and, by models that normalise, without
 * punctuation, width and traditional characters. It has at most {@value #MAX_TEXT_LENGTH} characters after that.
 *
 * <p>There are two layers: what was said for the model ({@link SluModel#getPins()}) and, above it, what was said for a
 * parser ({@link Parser#getPins()}). The upper one that says something about a text counts, and within a layer the last
 * change. Only a hash of a text is kept.
 *
 * <p>Batch your changes: each call copies what its layer has. A call that fails has changed nothing. Those of a model
 * may be changed by any thread while others parse: each parse sees all of a change or nothing of it. Those of a parser
 * belong to the parser's thread.
 */
public final class Pins {
  /** Characters (Unicode code points) that a text has at most, white space not counted. */
  public static final int MAX_TEXT_LENGTH = Lexicon.MAX_PHRASE_LENGTH;

  static final int MAX_SLOTS = 16;

  // Stands where an intent would: texts that are to be removed have none, but may begin with '#' or have a tab in them.
  private static final String NO_INTENT = "\u3000";

  private final SluModel model;
  private final Parser parser; // null: the model's

  Pins(SluModel model, Parser parser) {
    this.model = model;
    this.parser = parser;
  }

  /**
   * The intent is the answer to these texts.
   *
   * @param intent one of {@link ModelInfo#getIntents()}
   * @param texts with their slots in tags
   * @throws SluException ARGUMENT for an unknown intent, a slot that the intent cannot have, wrong tags, a text that is
   *     too long or of which nothing is compared, which the message names by its number (from 1) as a "line", or null;
   *     CLOSED, BUSY, MEMORY
   */
  public void add(String intent, Iterable<? extends CharSequence> texts) {
    StringBuilder lines = new StringBuilder();
    write(known(intent), texts, lines);
    change(SluNative.ADD, lines);
  }

  /**
   * These texts are computed, whatever the layer below says. Others do no harm.
   *
   * @param texts with tags or without
   * @throws SluException ARGUMENT for wrong tags, a text that is too long or of which nothing is compared, or null;
   *     CLOSED, BUSY, MEMORY
   */
  public void remove(Iterable<? extends CharSequence> texts) {
    StringBuilder lines = new StringBuilder();
    write(NO_INTENT, texts, lines);
    change(SluNative.REMOVE, lines);
  }

  /**
   * These texts are pinned and no others: the layer below and what was said before do not count.
   *
   * @param texts by their intent; may be empty
   * @throws SluException as {@link #add}; "lines" are counted through all intents in the order of the map
   */
  public void replace(Map<String, ? extends Iterable<? extends CharSequence>> texts) {
    if (texts == null) throw SluException.argument("texts is null");
    StringBuilder lines = new StringBuilder();
    for (Map.Entry<String, ? extends Iterable<? extends CharSequence>> entry : texts.entrySet()) {
      write(known(entry.getKey()), entry.getValue(), lines);
    }
    change(SluNative.REPLACE, lines);
  }

  /**
   * Forget what was said here.
   *
   * @throws SluException CLOSED, BUSY, MEMORY
   */
  public void reset() {
    change(SluNative.RESET, new StringBuilder());
  }

  private void change(int change, StringBuilder lines) {
    if (parser == null) {
      model.changePins(change, lines.toString());
    } else {
      parser.changePins(change, lines.toString());
    }
  }

  private String known(String intent) {
    List<String> intents = model.getInfo().getIntents();
    if (!intents.contains(intent)) throw SluException.argument("intent " + intent + ": the model has " + intents);
    return intent;
  }

  /** An intent, a tab and a text a line. */
  private static void write(String intent, Iterable<? extends CharSequence> texts, StringBuilder lines) {
    if (texts == null) throw SluException.argument("texts is null");
    int count = 0;
    for (CharSequence text : texts) {
      ++count;
      if (text == null) throw SluException.argument("text " + count + " is null");
      lines.append(intent).append('\t').append(text.toString().replace('\n', ' ')).append('\n');
    }
  }
}
