package org.slu;

/**
 * The names that a slot can have on this device: contacts, songs, places. A model that {@link ModelInfo#usesLexicon()}
 * looks for them in the text and takes what it finds for a hint, so that a contact that no training text has is found
 * as soon as it is in the lexicon. A name in no lexicon is still understood from the words around it.
 *
 * <p>There are three layers: the lexicons in the model file, those of the model ({@link SluModel#getLexicon()}) and
 * those of a parser ({@link Parser#getLexicon()}). The uppermost that says something about a phrase of a slot counts,
 * and within a layer the last change.
 *
 * <p>Letter case, accents and white space do not count. A phrase has at most {@value #MAX_PHRASE_LENGTH} characters,
 * white space not counted; phrases of which nothing is left are passed over. Only a hash of a phrase is kept: about 14
 * bytes of memory, and nothing from which the names could be read.
 *
 * <p>Batch your changes: each call copies what its layer has. A call that fails has changed nothing. That of a model
 * may be changed by any thread while others parse: each parse sees all of a change or nothing of it. That of a parser
 * belongs to the parser's thread.
 */
public final class Lexicon {
  /** Characters (Unicode code points) that a phrase has at most, white space not counted. */
  public static final int MAX_PHRASE_LENGTH = 62;

  private static final char IDEOGRAPHIC_SPACE = '\u3000';

  private final SluModel model;
  private final Parser parser; // null: the model's

  Lexicon(SluModel model, Parser parser) {
    this.model = model;
    this.parser = parser;
  }

  /**
   * The phrases are names of the slot, in addition to those there are.
   *
   * @param slot one of {@link ModelInfo#getSlots()}
   * @param phrases such as the names of contacts
   * @throws SluException ARGUMENT for a phrase that is too long, which the message names by its number (from 1) as a
   *     "line", an unknown slot, null, or a model without lexicons; CLOSED, BUSY, MEMORY
   */
  public void add(String slot, Iterable<? extends CharSequence> phrases) {
    change(SluNative.ADD, named(slot), lines(phrases));
  }

  /**
   * The phrases are not names of the slot, whatever the layers below say.
   *
   * @param slot one of {@link ModelInfo#getSlots()}
   * @param phrases such as the names of contacts that were deleted
   * @throws SluException as {@link #add}
   */
  public void remove(String slot, Iterable<? extends CharSequence> phrases) {
    change(SluNative.REMOVE, named(slot), lines(phrases));
  }

  /**
   * The phrases are all the names of the slot: the layers below and what was said before do not count.
   *
   * @param slot one of {@link ModelInfo#getSlots()}
   * @param phrases such as the names of all contacts
   * @throws SluException as {@link #add}
   */
  public void replace(String slot, Iterable<? extends CharSequence> phrases) {
    change(SluNative.REPLACE, named(slot), lines(phrases));
  }

  /**
   * Undo the changes made here to the lexicon of a slot.
   *
   * @param slot one of {@link ModelInfo#getSlots()}
   * @throws SluException ARGUMENT for an unknown slot, null, or a model without lexicons; CLOSED, BUSY, MEMORY
   */
  public void reset(String slot) {
    change(SluNative.RESET, named(slot), "");
  }

  /**
   * Forget everything that was said here.
   *
   * @throws SluException ARGUMENT for a model without lexicons; CLOSED, BUSY, MEMORY
   */
  public void resetAll() {
    change(SluNative.RESET, null, "");
  }

  /**
   * Whether a phrase is short enough to be added. Contacts are typed by people: filter them with this, as one phrase
   * that is too long makes a whole call fail.
   *
   * @param phrase may be null
   * @return false for null and for phrases of more than {@value #MAX_PHRASE_LENGTH} characters
   */
  public static boolean accepts(CharSequence phrase) {
    if (phrase == null) return false;
    int count = 0;
    for (int i = 0; i < phrase.length(); ++i) {
      char unit = phrase.charAt(i);
      boolean second = Character.isLowSurrogate(unit) && i > 0 && Character.isHighSurrogate(phrase.charAt(i - 1));
      if (!second && !Character.isWhitespace(unit) && ++count > MAX_PHRASE_LENGTH) return false;
    }
    return true;
  }

  private void change(int change, String slot, String phrases) {
    if (parser == null) {
      model.changeLexicon(change, slot, phrases);
    } else {
      parser.changeLexicon(change, slot, phrases);
    }
  }

  private static String named(String slot) {
    if (slot == null) throw SluException.argument("slot is null; resetAll() is for all slots");
    return slot;
  }

  /** A phrase a line. The engine would pass over lines that begin with '#', but not behind a space of this kind. */
  private static String lines(Iterable<? extends CharSequence> phrases) {
    if (phrases == null) throw SluException.argument("phrases is null");
    StringBuilder lines = new StringBuilder();
    int count = 0;
    for (CharSequence phrase : phrases) {
      ++count;
      if (phrase == null) throw SluException.argument("phrase " + count + " is null");
      String line = phrase.toString().replace('\n', ' ');
      if (line.indexOf('#') >= 0) lines.append(IDEOGRAPHIC_SPACE);
      lines.append(line).append('\n');
    }
    return lines.toString();
  }
}
