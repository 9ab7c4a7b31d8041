package org.slu.demo;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.slu.ParseResult;
import org.slu.Slot;

/** A stretch of a sentence to be coloured: {@code text.substring(start, end)} is the value of a slot. */
final class Highlight {
  final int start;
  final int end;

  /** Number of the colour, from 0 to the number of colours. A slot has the same one in every sentence. */
  final int color;

  private Highlight(int start, int end, int color) {
    this.start = start;
    this.end = end;
    this.color = color;
  }

  /**
   * The slots of a result.
   *
   * @param slots names of the model's slots, whose order gives them their colours
   * @param colors how many colours there are
   * @return in the order of the text; nothing for an answer that is not to be trusted
   */
  static List<Highlight> of(Answer answer, List<String> slots, int colors) {
    if (answer.kind != Answer.Kind.COMMAND) return Collections.emptyList();
    List<Highlight> found = new ArrayList<Highlight>();
    ParseResult result = answer.result;
    for (Slot slot : result.getSlots()) {
      found.add(new Highlight(slot.getStart(), slot.getEnd(), color(slot.getName(), slots, colors)));
    }
    return found;
  }

  /** The colour of a slot's name; 0 for one that the model does not have. */
  static int color(String slot, List<String> slots, int colors) {
    return Math.max(0, slots.indexOf(slot)) % colors;
  }
}
