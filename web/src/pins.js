import { SluError } from "./error.js";
import { ADD, REMOVE, REPLACE, RESET, lineOf, several } from "./lexicon.js";

/**
 * Pinned phrases of a model or of a session: whole texts whose answer is given, not computed. Every change is made as a
 * whole or, on an error, not at all.
 */
export class Pins {
  #engine;
  #function;
  #owner;
  #intents;

  constructor(engine, name, owner, intents) {
    this.#engine = engine;
    this.#function = name;
    this.#owner = owner;
    this.#intents = intents;
  }
  /** Let `intent` be the answer to these texts, with their slots in tags. */
  add(intent, texts) {
    this.#change(ADD, this.#lines(intent, texts));
  }
  /** Let these texts be computed. */
  remove(texts) {
    this.#change(REMOVE, several("remove", texts).map((text) => lineOf(text.replaceAll("\t", " "))));
  }
  /** Let these texts, by their intent, be pinned and no others. */
  replace(texts) {
    if (texts === null || typeof texts !== "object") throw new SluError("argument", "replace: give the texts by their intent, { intent: [text] }");
    const byIntent = texts instanceof Map ? [...texts] : Object.entries(texts);
    this.#change(REPLACE, byIntent.flatMap(([intent, given]) => this.#lines(intent, given)));
  }
  /** Forget what was said here. */
  reset() {
    this.#change(RESET, []);
  }
  #lines(intent, texts) {
    if (!this.#intents.includes(intent))
      throw new SluError("argument", `the model has no intent ${intent}; it has ${this.#intents.join(", ")}`);
    return several(intent, texts).map((text) => `${intent}\t${lineOf(text)}`);
  }
  #change(change, lines) {
    const engine = this.#engine;
    engine.withBytes(new TextEncoder().encode(lines.join("\n")), (place, bytes) =>
      engine.change(this.#function, this.#owner(), change, place, bytes),
    );
  }
}
