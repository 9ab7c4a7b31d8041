package org.slu.demo;

/** One turn of a dialogue. */
final class Turn {
  final Answer answer;

  /** Previous intent, which the model knew; null for the first turn. */
  final String previousIntent;

  Turn(Answer answer, String previousIntent) {
    this.answer = answer;
    this.previousIntent = previousIntent;
  }
}
