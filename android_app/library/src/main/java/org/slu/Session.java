package org.slu;

/**
 * One dialogue: its turns in their order, each parsed knowing the intent of the one before. "取消" after a request to
 * navigate is another intent than "取消" after a song. It needs no close, and shares its parser with other sessions;
 * the thread rules are those of the parser.
 */
public final class Session {
  private final Parser parser;
  private int previous = SluNative.FIRST_TURN;

  Session(Parser parser) {
    this.parser = parser;
  }

  /**
   * Understand the next turn.
   *
   * @param text what the user said
   * @return never null
   * @throws SluException as {@link Parser#parse(CharSequence)}; the dialogue is then where it was
   */
  public ParseResult parse(CharSequence text) {
    ParseResult result = parser.parse(text, previous);
    previous = parser.getModel().getInfo().getIntents().indexOf(result.getIntent());
    return result;
  }

  /** Begin a new dialogue: the next turn is the first one. Lexicons stay. */
  public void restart() {
    previous = SluNative.FIRST_TURN;
  }

  /**
   * The intent of the last turn.
   *
   * @return null before the first turn
   */
  public String getPreviousIntent() {
    return previous < 0 ? null : parser.getModel().getInfo().getIntents().get(previous);
  }
}
