package org.slu;

/** One label of a {@link ParseResult}, of a model that answers labels. */
public final class Label {
  private final String name;
  private final float score;

  /**
   * A label as the engine finds them; public for the tests of those who use {@link ParseResult}.
   *
   * @param name name of the label
   * @param score probability that the text has it, 0 to 1
   */
  public Label(String name, float score) {
    if (name == null) throw SluException.argument("a label needs a name");
    this.name = name;
    this.score = score;
  }

  /**
   * Name of the label, one of {@link ModelInfo#getIntents()}; in a tree its path, such as {@code music##play}.
   *
   * @return never null
   */
  public String getName() {
    return name;
  }

  /**
   * Probability that the text has this label.
   *
   * @return 0 to 1
   */
  public float getScore() {
    return score;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof Label)) return false;
    Label label = (Label) other;
    return name.equals(label.name) && Float.compare(score, label.score) == 0;
  }

  @Override
  public int hashCode() {
    return name.hashCode() * 31 + Float.floatToIntBits(score);
  }

  @Override
  public String toString() {
    return name + " " + score;
  }
}
