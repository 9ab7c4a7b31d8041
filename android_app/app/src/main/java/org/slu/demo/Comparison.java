package org.slu.demo;

/** The same sentence without and with the names that the user has added. */
final class Comparison {
  final Answer without;
  final Answer with;

  Comparison(Answer without, Answer with) {
    this.without = without;
    this.with = with;
  }

  /** Whether the names change what is understood, be it only how sure the model is that it has understood. */
  boolean differs() {
    return without.kind != with.kind || !without.result.getIntent().equals(with.result.getIntent())
        || !without.result.getSlots().equals(with.result.getSlots());
  }
}
