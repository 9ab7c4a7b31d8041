/** What kind of failure an SluError is. */
export type SluErrorCode =
  | "argument" /** a wrong argument, an unknown slot or intent, a phrase that is too long, tags that are wrong */
  | "file" /** cannot be read or fetched */
  | "format" /** not such a model, or a damaged one */
  | "version" /** of a version that this engine does not read */
  | "memory"
  | "utf8"
  | "kernel" /** no such kernel here */
  | "engine" /** WebAssembly or its SIMD is missing */
  | "stopped"; /** the engine met something unforeseen; load the model again */

/** Everything that can go wrong in this package. */
export class SluError extends Error {
  readonly code: SluErrorCode;
}

/** One slot: `text.slice(start, end)` is its value. */
export interface Slot {
  name: string;
  value: string;
  /** UTF-16 offsets into the text, as strings of JavaScript count. */
  start: number;
  end: number;
}

/** One label of a text; in a tree its name is its path, such as `music##play`. */
export interface Label {
  name: string;
  /** Probability that the text has it, 0 to 1. */
  score: number;
}

export interface ParseResult {
  text: string;
  /** Empty in models that answer labels, or spans alone. */
  intent: string;
  /** Probability of the intent and all slots together, or of all labels, 0 to 1. */
  score: number;
  /** Whether the score reaches the model's threshold. */
  understood: boolean;
  /** The text had more tokens than the model reads; the rest was ignored. */
  truncated: boolean;
  /** The text is pinned: its answer was given, not computed, and the score is 1. */
  pinned: boolean;
  slots: Slot[];
  /** Of models that answer labels only. */
  labels?: Label[];
}

/** Lists of phrases that slots can have here, such as the contacts of a phone. A change is made as a whole or not at all. */
export interface Lexicon {
  add(slot: string, phrases: Iterable<string>): void;
  remove(slot: string, phrases: Iterable<string>): void;
  /** These phrases and no others, whatever lists below say. */
  replace(slot: string, phrases: Iterable<string>): void;
  /** Forget what was said here, for one slot or for all. */
  reset(slot?: string): void;
}

/**
 * Pinned phrases: whole texts whose answer is given here, not computed. Texts are compared without case, accents and white
 * space, of models that normalise also without punctuation, width and traditional characters. A change is made as a whole or
 * not at all; later ones win.
 */
export interface Pins {
  /** Let `intent` be the answer to these texts, their slots in tags: `带我回<destination>家</destination>`. */
  add(intent: string, texts: Iterable<string>): void;
  /** Let these texts be computed, also when the model has them pinned and this is a session's. */
  remove(texts: Iterable<string>): void;
  /** Let these texts, by their intent, be pinned and no others: `{ "music.prev": ["上一首"] }`. */
  replace(texts: { readonly [intent: string]: Iterable<string> } | ReadonlyMap<string, Iterable<string>>): void;
  /** Forget what was said here. */
  reset(): void;
}

export interface ModelInfo {
  readonly name: string;
  /** What the model answers: an intent and slots; one label; any number of them; spans alone, which are the slots; a part of a
   * passage that answers a question, which is the slot. */
  readonly head: "joint" | "sequence" | "labels" | "tokens" | "answer";
  readonly formatVersion: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly vocabSize: number;
  /** Longest input, two tokens of which are the model's own. */
  readonly maxTokens: number;
  readonly quantised: boolean;
  /** Of models that answer labels, these. */
  readonly intents: readonly string[];
  readonly slots: readonly string[];
  /** A result is understood from this score on. */
  readonly threshold: number;
  readonly modelBytes: number;
  /** Memory of one session. */
  readonly contextBytes: number;
  readonly usesLexicon: boolean;
  /** Phrases of the lists in the file. */
  readonly lexiconEntries: number;
  readonly usesPreviousIntent: boolean;
  /** Version of the engine. */
  readonly engine: string;
  /** Fastest kernel here: "simd128", or "relaxed..." with relaxed SIMD. */
  readonly kernel: string;
}

/** One dialogue: each turn is parsed knowing the intent of the one before. */
export interface Session {
  /** Lists for this dialogue only, on top of the model's. */
  readonly lexicon: Lexicon;
  /** Pinned phrases for this dialogue only, on top of the model's. */
  readonly pins: Pins;
  parse(text: string): ParseResult;
  /** Begin a new dialogue; lists and pinned phrases stay. */
  restart(): void;
  /** Free its memory. */
  close(): void;
}

/** A URL (in Node also a path), or what holds the bytes. */
export type Source = string | URL | ArrayBuffer | ArrayBufferView | Blob | Response;

export interface LoadOptions {
  /** Name of a Cache Storage: a model that was fetched is kept there and works offline. Give a changed model another URL. */
  cache?: string;
  /** Where the engine is, when slu.wasm and slu-relaxed.wasm are not beside this module. */
  engine?: { simd128: Source | WebAssembly.Module; relaxed?: Source | WebAssembly.Module };
  /** A kernel by name, for tests. */
  kernel?: string;
}

/** A model ready to parse. */
export class SluModel {
  private constructor();
  /** Load a model (`model.gguf`); rejects with an SluError. */
  static load(source: Source, options?: LoadOptions): Promise<SluModel>;
  readonly info: ModelInfo;
  /** Lists for everything that this model parses. */
  readonly lexicon: Lexicon;
  /** Phrases whose answer is given, for everything that this model parses. */
  readonly pins: Pins;
  /** Memory of the engine and the model, in bytes. */
  readonly memoryBytes: number;
  /** Parse one text. `previousIntent`: the intent of the previous turn, null when this is the first one, left out when it is not known. */
  parse(text: string, options?: { previousIntent?: string | null }): ParseResult;
  session(): Session;
  /** Free the model and its sessions. */
  close(): void;
}
