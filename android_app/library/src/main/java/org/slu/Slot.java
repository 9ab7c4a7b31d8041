package org.slu;

/** One slot of a {@link ParseResult}: a name, and the part of the text that is its value. */
public final class Slot {
  private final String name;
  private final String value;
  private final int start;
  private final int end;

  /**
   * A slot as the engine finds them; public for the tests of those who use {@link ParseResult}.
   *
   * @param name name of the slot
   * @param value {@code text.substring(start, end)}
   * @param start index of the first {@code char} of the value in the text
   * @param end index behind the last {@code char}
   */
  public Slot(String name, String value, int start, int end) {
    if (name == null || value == null) throw SluException.argument("a slot needs a name and a value");
    if (start < 0 || end - start != value.length()) {
      throw SluException.argument("slot " + name + ": [" + start + ", " + end + ") is not where its value stands");
    }
    this.name = name;
    this.value = value;
    this.start = start;
    this.end = end;
  }

  /**
   * Name of the slot, one of {@link ModelInfo#getSlots()}, such as {@code singer}.
   *
   * @return never null
   */
  public String getName() {
    return name;
  }

  /**
   * The value as it stands in the text: {@code text.substring(getStart(), getEnd())}.
   *
   * @return never null, never empty
   */
  public String getValue() {
    return value;
  }

  /**
   * Where the value begins, in UTF-16 units ({@code char}), as all indices of Java.
   *
   * @return index of its first {@code char} in the text
   */
  public int getStart() {
    return start;
  }

  /**
   * Where the value ends, in UTF-16 units ({@code char}).
   *
   * @return index behind its last {@code char} in the text
   */
  public int getEnd() {
    return end;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof Slot)) return false;
    Slot slot = (Slot) other;
    return name.equals(slot.name) && value.equals(slot.value) && start == slot.start && end == slot.end;
  }

  @Override
  public int hashCode() {
    return (name.hashCode() * 31 + value.hashCode()) * 31 + start;
  }

  @Override
  public String toString() {
    return name + "=" + value + "[" + start + "," + end + ")";
  }
}
