package org.slu.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slu.Lexicon;
import org.slu.ModelInfo;
import org.slu.ParseResult;
import org.slu.Parser;
import org.slu.Session;
import org.slu.SluException;
import org.slu.SluModel;

/**
 * What the app does with a model: understand a sentence, hold a dialogue, know the user's names. It belongs to one
 * thread, the one of the screen: a parse takes less than a hundredth of a frame's time. Close it with the model that it
 * was given.
 */
final class Assistant implements AutoCloseable {
  /** Slots that a user may know names for, in the order in which the app offers them. */
  private static final List<String> NAMED_SLOTS = Arrays.asList("contact_name", "song", "singer", "destination");

  private final SluModel model;
  private final Parser parser; // knows the user's names
  private final Parser bare; // does not
  private final Session session;
  private final List<Turn> turns = new ArrayList<Turn>();
  private final Map<String, List<String>> names = new LinkedHashMap<String, List<String>>();

  /**
   * An assistant that owns the model from now on, and closes it.
   *
   * @throws SluException CLOSED, MEMORY; the model is closed then
   */
  Assistant(SluModel model) {
    this.model = model;
    try {
      parser = model.newParser();
      bare = model.newParser();
    } catch (SluException failure) {
      model.close();
      throw failure;
    }
    session = parser.newSession();
    if (!model.getInfo().usesLexicon()) return;
    for (String slot : NAMED_SLOTS) {
      if (model.getInfo().getSlots().contains(slot)) names.put(slot, new ArrayList<String>());
    }
  }

  ModelInfo info() {
    return model.getInfo();
  }

  String kernel() {
    return parser.getKernel();
  }

  /** Understand a sentence by itself. */
  Answer understand(CharSequence text) {
    return understand(parser, text);
  }

  private static Answer understand(Parser parser, CharSequence text) {
    long start = System.nanoTime();
    ParseResult result = parser.parse(text);
    return new Answer(result, System.nanoTime() - start);
  }

  /** Understand the next turn of the dialogue. Blank texts are passed over: null. */
  Turn say(CharSequence text) {
    if (text.toString().trim().isEmpty()) return null;
    String previous = session.getPreviousIntent();
    long start = System.nanoTime();
    ParseResult result = session.parse(text.toString().trim());
    Turn turn = new Turn(new Answer(result, System.nanoTime() - start), previous);
    turns.add(turn);
    return turn;
  }

  /** The dialogue so far. */
  List<Turn> turns() {
    return Collections.unmodifiableList(turns);
  }

  /** Begin a new dialogue. */
  void restart() {
    session.restart();
    turns.clear();
  }

  /** Slots that names can be added for: none if the model takes no lexicons. */
  List<String> namedSlots() {
    return new ArrayList<String>(names.keySet());
  }

  /** The names that the user has added for one of {@link #namedSlots()}, the latest first. */
  List<String> names(String slot) {
    return Collections.unmodifiableList(names.get(slot));
  }

  /**
   * Add a name. It is found from the next sentence on.
   *
   * @param name white space around it is dropped
   * @return false when it is blank, or there already
   * @throws SluException when the name is too long; nothing has changed then
   */
  boolean add(String slot, String name) {
    String trimmed = name.trim();
    if (trimmed.isEmpty() || names.get(slot).contains(trimmed)) return false;
    if (!Lexicon.accepts(trimmed)) throw new NameTooLong();
    parser.getLexicon().add(slot, Collections.singletonList(trimmed));
    names.get(slot).add(0, trimmed);
    return true;
  }

  /** Take an added name back; what the model's own lexicons say about it counts again. */
  void remove(String slot, String name) {
    if (!names.get(slot).remove(name)) return;
    Lexicon lexicon = parser.getLexicon();
    lexicon.reset(slot);
    lexicon.add(slot, names.get(slot));
  }

  /** Take over the names of another assistant, as far as this model has their slots. */
  void addAll(Assistant other) {
    for (Map.Entry<String, List<String>> entry : other.names.entrySet()) {
      if (!names.containsKey(entry.getKey()) || entry.getValue().isEmpty()) continue;
      parser.getLexicon().add(entry.getKey(), entry.getValue());
      names.get(entry.getKey()).addAll(entry.getValue());
    }
  }

  /** The same sentence without and with the added names. */
  Comparison compare(CharSequence text) {
    return new Comparison(understand(bare, text), understand(parser, text));
  }

  /**
   * Time a sentence, with a parser of its own: may be called by any thread.
   *
   * @param runs durations to take, after a tenth as many that do not count
   */
  Timings time(CharSequence text, int runs) {
    Parser own = model.newParser();
    try {
      for (int i = 0; i < runs / 10; ++i) own.parse(text);
      long[] nanos = new long[runs];
      for (int i = 0; i < runs; ++i) {
        long start = System.nanoTime();
        own.parse(text);
        nanos[i] = System.nanoTime() - start;
      }
      return new Timings(nanos);
    } finally {
      own.close();
    }
  }

  /** Close the model too. Any thread may call it; a measurement under way ends with a SluException. */
  @Override
  public void close() {
    model.close();
  }

  /** A name has more characters than a lexicon takes. */
  static final class NameTooLong extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    NameTooLong() {
      super("a name has at most " + Lexicon.MAX_PHRASE_LENGTH + " characters");
    }
  }
}
