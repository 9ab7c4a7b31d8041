import { SluError } from "./error.js";

export const ADD = 0, REMOVE = 1, REPLACE = 2, RESET = 3; // slu_lexicon_change

/** A phrase as a line of a file of phrases. What is put in or replaced is of no meaning in a phrase. */
export function lineOf(phrase) {
  const line = phrase.replaceAll("\n", " ");
  return /^[ \t\r]*[#\ufeff]/.test(line) ? `\u200b${line}` : line;
}

/** An array of the phrases; one that is not in a list would be taken apart into its letters. */
export function several(what, phrases) {
  if (typeof phrases === "string" || typeof phrases?.[Symbol.iterator] !== "function")
    throw new SluError("argument", `${what}: give an array of phrases`);
  const list = Array.from(phrases);
  if (!list.every((phrase) => typeof phrase === "string")) throw new SluError("argument", `${what}: a phrase is not a string`);
  return list;
}

/** The lists of phrases of a model or of a session. Every change is made as a whole or, on an error, not at all. */
export class Lexicon {
  #engine;
  #function;
  #owner;

  constructor(engine, name, owner) {
    this.#engine = engine;
    this.#function = name;
    this.#owner = owner;
  }
  add(slot, phrases) {
    this.#change(ADD, slot, phrases);
  }
  remove(slot, phrases) {
    this.#change(REMOVE, slot, phrases);
  }
  replace(slot, phrases) {
    this.#change(REPLACE, slot, phrases);
  }
  reset(slot) {
    this.#change(RESET, slot, []);
  }
  #change(change, slot, phrases) {
    const encoder = new TextEncoder();
    const list = encoder.encode(several(slot, phrases).map(lineOf).join("\n"));
    const engine = this.#engine;
    const run = (name) =>
      engine.withBytes(list, (place, bytes) => engine.change(this.#function, this.#owner(), change, name, place, bytes));
    if (slot === undefined) run(0);
    else engine.withBytes(encoder.encode(`${slot}\0`), run);
  }
}
