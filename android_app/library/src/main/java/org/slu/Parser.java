package org.slu;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Turns texts into intents and slots. Made by {@link SluModel#newParser()}; has its own working memory
 * ({@link ModelInfo#getParserBytes()}) until it is closed.
 *
 * <p>It serves one thread at a time, and may wander from thread to thread. A call while another thread's is under way
 * throws a {@link SluException} with BUSY. {@link #close()} may be called by any thread at any time.
 */
public final class Parser implements AutoCloseable {
  // States. A thread that is in is the one that frees a parser which another closes meanwhile.
  private static final int IDLE = 0;
  private static final int IN = 1;
  private static final int CLOSING = 2;
  private static final int CLOSED = 3;

  private final SluModel model;
  private final long context;
  private final String kernel;
  private final Lexicon lexicon;
  private final Pins pins;
  private final int[] answer;
  private final AtomicInteger state = new AtomicInteger(IDLE);

  Parser(SluModel model, long context, String kernel) {
    this.model = model;
    this.context = context;
    this.kernel = kernel;
    lexicon = new Lexicon(model, this);
    pins = new Pins(model, this);
    ModelInfo info = model.getInfo();
    answer = new int[SluNative.HEADER + SluNative.PER_SLOT * Math.max(info.getMaxTokens(), Pins.MAX_SLOTS)
        + SluNative.PER_LABEL * info.getIntents().size()];
  }

  /**
   * Understand one utterance, without knowing what was said before.
   *
   * @param text any text: an empty one, one that is too long (it is truncated, and says so), emoji; a surrogate without
   *     its other half counts as a character that the model does not know
   * @return never null; look at {@link ParseResult#isUnderstood()}
   * @throws SluException ARGUMENT for null; CLOSED, BUSY, MEMORY
   */
  public ParseResult parse(CharSequence text) {
    return parse(text, SluNative.UNKNOWN_INTENT);
  }

  /**
   * Understand one utterance that follows another. Models that do not {@linkplain ModelInfo#usesPreviousIntent() use}
   * the previous intent give the same result as without it. {@link Session} does this for whole dialogues.
   *
   * @param text as for {@link #parse(CharSequence)}
   * @param previousIntent previous intent, or null when it is not known
   * @return never null
   * @throws SluException ARGUMENT for a null text or an intent that the model does not have; CLOSED, BUSY, MEMORY
   */
  public ParseResult parse(CharSequence text, String previousIntent) {
    if (previousIntent == null) return parse(text, SluNative.UNKNOWN_INTENT);
    List<String> intents = model.getInfo().getIntents();
    int index = intents.indexOf(previousIntent);
    if (index < 0) {
      throw SluException.argument("previous intent " + previousIntent + ": the model has " + intents);
    }
    return parse(text, index);
  }

  /**
   * Begin a dialogue whose turns know the intent of the one before.
   *
   * @return a session at its first turn; it needs no close
   */
  public Session newSession() {
    return new Session(this);
  }

  /**
   * Names for this parser only, on top of those of the model, such as the contacts of one of several users.
   *
   * @return always the same
   */
  public Lexicon getLexicon() {
    return lexicon;
  }

  /**
   * Texts whose answer the app gives, for this parser only, on top of those of the model.
   *
   * @return always the same
   */
  public Pins getPins() {
    return pins;
  }

  /**
   * The model of this parser.
   *
   * @return never null
   */
  public SluModel getModel() {
    return model;
  }

  /**
   * Name of the kernel that computes.
   *
   * @return such as {@code sdot}
   */
  public String getKernel() {
    return kernel;
  }

  /**
   * Free the working memory. Results stay valid; every other call throws CLOSED from now on. When another thread is in
   * the middle of a call, that call ends as it would have, and then the memory is freed. Closing twice does nothing.
   */
  @Override
  public void close() {
    for (;;) {
      if (state.compareAndSet(IDLE, CLOSED)) {
        free();
        return;
      }
      if (state.get() != IN || state.compareAndSet(IN, CLOSING)) return;
    }
  }

  /**
   * Whether {@link #close()} was called, for this parser or its model.
   *
   * @return false while it can be used
   */
  public boolean isClosed() {
    return state.get() >= CLOSING;
  }

  ParseResult parse(CharSequence given, int previousIntent) {
    if (given == null) throw SluException.argument("text is null");
    String text = given.toString();
    ModelInfo info = model.getInfo();
    enter();
    try {
      SluNative.parse(context, text, info.usesPreviousIntent() ? previousIntent : SluNative.NO_PREVIOUS_INTENT, answer);
      return result(text, info);
    } finally {
      leave();
    }
  }

  void changeLexicon(int change, String slot, String phrases) {
    enter();
    try {
      SluNative.changeContextLexicon(context, change, slot, phrases);
    } finally {
      leave();
    }
  }

  void changePins(int change, String lines) {
    enter();
    try {
      SluNative.changeContextPins(context, change, lines);
    } finally {
      leave();
    }
  }

  private ParseResult result(String text, ModelInfo info) {
    int count = answer[SluNative.SLOT_COUNT];
    List<Slot> slots = new ArrayList<Slot>(count);
    int at = SluNative.HEADER;
    for (int i = 0; i < count; ++i, at += SluNative.PER_SLOT) {
      int start = answer[at + 1];
      int end = answer[at + 2];
      slots.add(new Slot(info.getSlots().get(answer[at]), text.substring(start, end), start, end));
    }
    List<Label> labels = new ArrayList<Label>(answer[SluNative.LABEL_COUNT]);
    for (int i = 0; i < answer[SluNative.LABEL_COUNT]; ++i, at += SluNative.PER_LABEL) {
      labels.add(new Label(info.getIntents().get(answer[at]), Float.intBitsToFloat(answer[at + 1])));
    }
    int intent = answer[SluNative.INTENT];
    return new ParseResult(text, intent < 0 ? "" : info.getIntents().get(intent),
        Float.intBitsToFloat(answer[SluNative.SCORE]), answer[SluNative.UNDERSTOOD] != 0,
        answer[SluNative.TRUNCATED] != 0, answer[SluNative.PINNED] != 0, slots, labels);
  }

  private void enter() {
    if (state.compareAndSet(IDLE, IN)) return;
    if (isClosed()) throw new SluException(SluException.Status.CLOSED, "this parser was closed; make a new one");
    throw new SluException(
        SluException.Status.BUSY, "another thread is using this parser; make one for each thread with newParser()");
  }

  private void leave() {
    if (state.compareAndSet(IN, IDLE)) return;
    state.set(CLOSED);
    free();
  }

  private void free() {
    SluNative.freeContext(context);
    model.forget(this);
  }
}
