import { Engine, compileEngine } from "./engine.js";
import { SluError } from "./error.js";
import { INFO, LABEL, RESULT, SLOT } from "./layout.js";
import { Lexicon } from "./lexicon.js";
import { bytesOf } from "./load.js";
import { Pins } from "./pins.js";

const FIRST_TURN = -1, UNKNOWN = -2;

function readInfo(engine, place) {
  const u32 = (field) => engine.u32(place + INFO[field]);
  const names = (field, count) => Object.freeze(Array.from({ length: u32(count) }, (_, i) => engine.string(engine.u32(u32(field) + 4 * i))));
  return Object.freeze({
    name: engine.string(u32("name")),
    head: engine.string(u32("head")),
    formatVersion: u32("formatVersion"),
    layers: u32("layers"),
    hiddenSize: u32("hiddenSize"),
    heads: u32("heads"),
    vocabSize: u32("vocabSize"),
    maxTokens: u32("maxTokens"),
    quantised: u32("quantised") === 1,
    intents: names("intents", "intentCount"),
    slots: names("slots", "slotCount"),
    threshold: engine.view.getFloat64(place + INFO.threshold, true),
    modelBytes: Number(engine.view.getBigUint64(place + INFO.modelBytes, true)),
    contextBytes: Number(engine.view.getBigUint64(place + INFO.contextBytes, true)),
    usesLexicon: u32("usesLexicon") === 1,
    lexiconEntries: u32("lexiconEntries"),
    usesPreviousIntent: u32("usesPreviousIntent") === 1,
    engine: engine.string(engine.call("slu_version")),
    kernel: engine.string(u32("kernel")),
  });
}

/** For each of the ascending code point offsets the UTF-16 offset in `text`. */
function utf16Offsets(text, offsets) {
  let unit = 0, point = 0;
  return offsets.map((offset) => {
    for (; point < offset; ++point) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    return unit;
  });
}

/** The working memory of one dialogue. */
class Context {
  #engine;
  #place;
  #info;

  constructor(engine, model, info, kernel) {
    this.#engine = engine;
    this.#info = info;
    const make = (name) => engine.make("slu_context_create", model, name);
    this.#place = kernel === undefined ? make(0) : engine.withBytes(new TextEncoder().encode(`${kernel}\0`), make);
  }
  get place() {
    if (this.#place === 0) throw new SluError("argument", "the session or its model was closed");
    return this.#place;
  }
  setPrevious(intent) {
    this.#engine.call("slu_set_previous_intent", this.place, intent);
  }
  parse(text) {
    if (typeof text !== "string") throw new SluError("argument", "the text is not a string");
    const engine = this.#engine;
    const place = engine.ofText("slu_parse", this.place, text);
    const view = engine.view;
    const u32 = (at) => view.getUint32(at, true);
    const count = u32(place + RESULT.slotCount), first = u32(place + RESULT.slots);
    const offsets = [];
    for (let i = 0, slot = first; i < count; ++i, slot += SLOT.bytes) offsets.push(u32(slot + SLOT.start), u32(slot + SLOT.end));
    const units = count ? utf16Offsets(text, offsets) : offsets;
    const slots = [];
    for (let i = 0, slot = first; i < count; ++i, slot += SLOT.bytes) {
      const start = units[2 * i], end = units[2 * i + 1];
      slots.push({ name: this.#info.slots[u32(slot + SLOT.index)], value: text.slice(start, end), start, end });
    }
    const { head, intents } = this.#info;
    const labels = head === "sequence" || head === "labels" ? [] : undefined;
    for (let i = 0, label = u32(place + RESULT.labels); i < u32(place + RESULT.labelCount); ++i, label += LABEL.bytes)
      labels.push({ name: intents[u32(label + LABEL.index)], score: view.getFloat32(label + LABEL.score, true) });
    return {
      text,
      intent: head === "joint" ? intents[u32(place + RESULT.intentIndex)] : "",
      score: view.getFloat32(place + RESULT.score, true),
      understood: u32(place + RESULT.understood) === 1,
      truncated: u32(place + RESULT.truncated) === 1,
      pinned: u32(place + RESULT.pinned) === 1,
      slots,
      ...(labels && { labels }),
    };
  }
  close() {
    if (this.#place) this.#engine.release("slu_context_free", this.#place);
    this.#place = 0;
  }
}

/** One dialogue: its turns in their order, each parsed knowing the intent of the one before. */
class Session {
  #context;
  #model;
  #previous = FIRST_TURN;
  #lexicon;
  #pins;
  #forget;

  constructor(model, engine, context, forget) {
    this.#model = model;
    this.#context = context;
    this.#forget = forget;
    this.#lexicon = new Lexicon(engine, "slu_context_change_lexicon", () => context.place);
    this.#pins = new Pins(engine, "slu_context_change_pins", () => context.place, model.info.intents);
  }
  /** Lists for this dialogue only, on top of the model's. */
  get lexicon() {
    return this.#lexicon;
  }
  /** Pinned phrases for this dialogue only, on top of the model's. */
  get pins() {
    return this.#pins;
  }
  parse(text) {
    const { usesPreviousIntent, intents } = this.#model.info;
    if (usesPreviousIntent) this.#context.setPrevious(this.#previous);
    const result = this.#context.parse(text);
    this.#previous = intents.indexOf(result.intent);
    return result;
  }
  /** Begin a new dialogue; lists and pinned phrases stay. */
  restart() {
    this.#previous = FIRST_TURN;
  }
  close() {
    this.#context.close();
    this.#forget();
  }
}

/** A model ready to parse. */
export class SluModel {
  #engine;
  #place;
  #data;
  #context;
  #contexts = new Set();
  #lexicon;
  #pins;
  #kernel;

  constructor(engine, data, kernel) {
    this.#engine = engine;
    this.#kernel = kernel;
    this.#data = engine.put(data);
    this.#place = engine.make("slu_model_open_memory", this.#data, data.length);
    this.info = readInfo(engine, engine.call("slu_model_info", this.#place));
    this.#context = this.#newContext();
    this.#lexicon = new Lexicon(engine, "slu_model_change_lexicon", () => this.#opened());
    this.#pins = new Pins(engine, "slu_model_change_pins", () => this.#opened(), this.info.intents);
  }

  /**
   * Load a model (a .gguf file) from a URL, an ArrayBuffer, a typed array, a Blob or a Response; in Node also from a path.
   * `options`: see index.d.ts.
   */
  static async load(source, options = {}) {
    const [compiled, data] = await Promise.all([compileEngine(options.engine), bytesOf(source, options.cache)]);
    return new SluModel(new Engine(compiled), data, options.kernel);
  }

  get lexicon() {
    return this.#lexicon;
  }
  get pins() {
    return this.#pins;
  }
  get memoryBytes() {
    return this.#engine.memoryBytes;
  }
  parse(text, { previousIntent } = {}) {
    this.#opened();
    if (this.info.usesPreviousIntent) this.#context.setPrevious(this.#intentNumber(previousIntent));
    return this.#context.parse(text);
  }
  session() {
    const context = this.#newContext();
    return new Session(this, this.#engine, context, () => this.#contexts.delete(context));
  }
  close() {
    if (!this.#place) return;
    for (const context of this.#contexts) context.close();
    this.#engine.release("slu_model_close", this.#place);
    this.#engine.free(this.#data, this.info.modelBytes);
    this.#place = 0;
  }

  #opened() {
    if (!this.#place) throw new SluError("argument", "the model was closed");
    return this.#place;
  }
  #newContext() {
    const context = new Context(this.#engine, this.#opened(), this.info, this.#kernel);
    this.#contexts.add(context);
    return context;
  }
  #intentNumber(name) {
    if (name === undefined) return UNKNOWN;
    if (name === null) return FIRST_TURN;
    const number = this.info.intents.indexOf(name);
    if (number < 0) throw new SluError("argument", `previousIntent ${name}: the model has ${this.info.intents.join(", ")}`);
    return number;
  }
}
