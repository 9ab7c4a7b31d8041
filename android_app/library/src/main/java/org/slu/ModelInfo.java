package org.slu;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a model says about itself. It cannot be changed, and stays valid after the model is closed. */
public final class ModelInfo {
  // What SluNative.numbers hands over, in this order: slu_jni.cpp has the same.
  private static final int FORMAT_VERSION = 0;
  private static final int LAYERS = 1;
  private static final int HIDDEN_SIZE = 2;
  private static final int HEADS = 3;
  private static final int VOCABULARY_SIZE = 4;
  private static final int MAX_TOKENS = 5;
  private static final int QUANTISED = 6;
  private static final int USES_LEXICON = 7;
  private static final int LEXICON_ENTRIES = 8;
  private static final int USES_PREVIOUS_INTENT = 9;
  private static final int MODEL_BYTES = 10;
  private static final int PARSER_BYTES = 11;
  private static final int THRESHOLD = 12; // the bits of a double

  private final long[] numbers;
  private final String name;
  private final String kernel;
  private final String manifest;
  private final String head;
  private final List<String> intents;
  private final List<String> slots;

  ModelInfo(long[] numbers, String[] texts, String[] intents, String[] slots) {
    this.numbers = numbers;
    name = texts[0];
    kernel = texts[1];
    manifest = texts[2];
    head = texts[3];
    this.intents = Collections.unmodifiableList(Arrays.asList(intents));
    this.slots = Collections.unmodifiableList(Arrays.asList(slots));
  }

  /**
   * Name of the model, as its exporter was told.
   *
   * @return may be empty, never null
   */
  public String getName() {
    return name;
  }

  /**
   * What the model answers: {@code joint}, an intent and slots; {@code sequence}, one label of the text; {@code
   * labels}, any number of them; {@code tokens}, spans alone, which are the slots; {@code answer}, a part of a passage,
   * which is the slot.
   *
   * @return never null
   */
  public String getHead() {
    return head;
  }

  /**
   * Intents that the model tells apart; of models that answer labels, these. None of models that answer spans alone.
   *
   * @return a list that cannot be changed
   */
  public List<String> getIntents() {
    return intents;
  }

  /**
   * Names of the slots that the model finds.
   *
   * @return a list that cannot be changed
   */
  public List<String> getSlots() {
    return slots;
  }

  /**
   * Score from which on a result is understood.
   *
   * @return 0 to 1
   */
  public double getThreshold() {
    return Double.longBitsToDouble(numbers[THRESHOLD]);
  }

  /**
   * Tokens of the longest text that is read to its end, two marks counted. A Chinese character is a token.
   *
   * @return above 2
   */
  public int getMaxTokens() {
    return (int) numbers[MAX_TOKENS];
  }

  /**
   * Whether the model looks for the phrases of lexicons in the text. If not, {@link Lexicon} refuses every change.
   *
   * @return false for models that were trained without lexicons
   */
  public boolean usesLexicon() {
    return numbers[USES_LEXICON] != 0;
  }

  /**
   * Phrases of the lexicons in the model file.
   *
   * @return 0 for models without
   */
  public int getLexiconEntries() {
    return (int) numbers[LEXICON_ENTRIES];
  }

  /**
   * Whether the previous intent counts. If not, a {@link Session} is of no use, and does no harm.
   *
   * @return false for models that were trained without dialogues
   */
  public boolean usesPreviousIntent() {
    return numbers[USES_PREVIOUS_INTENT] != 0;
  }

  /**
   * Version of the model file's format.
   *
   * @return above 0
   */
  public int getFormatVersion() {
    return (int) numbers[FORMAT_VERSION];
  }

  /**
   * Encoder layers.
   *
   * @return above 0
   */
  public int getLayers() {
    return (int) numbers[LAYERS];
  }

  /**
   * Width of the encoder.
   *
   * @return above 0
   */
  public int getHiddenSize() {
    return (int) numbers[HIDDEN_SIZE];
  }

  /**
   * Attention heads of a layer.
   *
   * @return above 0
   */
  public int getHeads() {
    return (int) numbers[HEADS];
  }

  /**
   * Tokens in the vocabulary.
   *
   * @return above 0
   */
  public int getVocabularySize() {
    return (int) numbers[VOCABULARY_SIZE];
  }

  /**
   * Whether matrix products are computed in INT8.
   *
   * @return false for float models
   */
  public boolean isQuantised() {
    return numbers[QUANTISED] != 0;
  }

  /**
   * Size of the model file in bytes. It is mapped: the system drops and reads pages of it as it sees fit.
   *
   * @return above 0
   */
  public long getModelBytes() {
    return numbers[MODEL_BYTES];
  }

  /**
   * Working memory of one parser in bytes.
   *
   * @return above 0
   */
  public long getParserBytes() {
    return numbers[PARSER_BYTES];
  }

  /**
   * The fastest kernel of this processor, which {@link SluModel#newParser()} takes.
   *
   * @return such as {@code smmla}, {@code sdot}, {@code neon} or {@code plain}
   */
  public String getKernel() {
    return kernel;
  }

  /**
   * What made the model, as JSON.
   *
   * @return empty when the file does not say
   */
  public String getManifest() {
    return manifest;
  }
}
