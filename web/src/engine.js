import { SluError, errorOf } from "./error.js";
import { bytesOf } from "./load.js";

const MESSAGE_BYTES = 256; // slu_error
const TEXT_BYTES = 4096; // room for a text that is kept; longer ones get their own for the time of a call

// A function of relaxed SIMD, and the same without: what an engine does not know does not validate.
const module = (...body) =>
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, body.length + 4, 1, body.length + 2, 0, ...body, 11);
const VECTOR = [65, 0, 253, 15]; // i8x16.splat of 0
const HAS_SIMD = module(...VECTOR);
const HAS_RELAXED_SIMD = module(...VECTOR, ...VECTOR, ...VECTOR, 253, 147, 2); // i32x4.relaxed_dot_i8x16_i7x16_add_s

/** Which of the two modules this browser or Node can run best: "relaxed" or "simd128". */
export function variant() {
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(HAS_SIMD))
    throw new SluError("engine", "WebAssembly with SIMD is needed: Chrome 91, Firefox 89, Safari 16.4, Node 16.4 or newer");
  return WebAssembly.validate(HAS_RELAXED_SIMD) ? "relaxed" : "simd128";
}

const besideThis = {
  simd128: () => new URL("./slu.wasm", import.meta.url),
  relaxed: () => new URL("./slu-relaxed.wasm", import.meta.url),
};
const compiled = new Map(); // of the modules beside this file

async function compile(source) {
  if (source instanceof WebAssembly.Module) return source;
  return WebAssembly.compile(await bytesOf(source));
}

/** The compiled engine: of the modules beside this file once for all models, else of what `sources` has. */
export async function compileEngine(sources) {
  const name = variant();
  if (sources) return compile(sources[name] ?? sources.simd128);
  if (!compiled.has(name)) {
    const made = compile(besideThis[name]());
    compiled.set(name, made);
    made.catch(() => compiled.delete(name)); // so that it can be tried again
  }
  return compiled.get(name);
}

/** One instance of the engine, with a memory of its own: what a damaged model does in it touches nothing else. */
export class Engine {
  #exports;
  #stopped = null;
  #encoder = new TextEncoder();
  #decoder = new TextDecoder();
  #bytes = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  #text;
  #message;
  #result;

  constructor(compiledModule) {
    this.#exports = new WebAssembly.Instance(compiledModule, {}).exports;
    this.#text = this.allocate(TEXT_BYTES);
    this.#message = this.allocate(MESSAGE_BYTES);
    this.#result = this.allocate(8);
  }

  /** The memory as bytes and as numbers; asked for anew each time, as growing detaches the old ones. */
  get bytes() {
    if (this.#bytes.buffer !== this.#exports.memory.buffer) this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    return this.#bytes;
  }
  get view() {
    if (this.#view.buffer !== this.#exports.memory.buffer) this.#view = new DataView(this.#exports.memory.buffer);
    return this.#view;
  }
  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Call a function of slu.h. A trap becomes an error, and this instance is not used again. */
  call(name, ...values) {
    if (this.#stopped) throw new SluError("stopped", `the engine stopped before (${this.#stopped}); load the model again`);
    try {
      return this.#exports[name](...values);
    } catch (cause) {
      this.#stopped = cause.message;
      throw new SluError("stopped", `the engine stopped in ${name}: ${cause.message}; the model may be damaged`, { cause });
    }
  }

  /** Call a function that returns a status and whose last arguments are a pointer and a slu_error; returns the pointer. */
  make(name, ...values) {
    this.check(this.call(name, ...values, this.#result, this.#message));
    return this.u32(this.#result);
  }

  /** Call a function that returns a status and whose last argument is a slu_error. */
  change(name, ...values) {
    this.check(this.call(name, ...values, this.#message));
  }

  check(status) {
    if (status !== 0) throw errorOf(status, this.string(this.#message));
  }

  /** slu_parse, slu_tokenize or another function of (context, text, bytes, result); returns what it hands out. */
  ofText(name, context, text) {
    return this.withText(text, (place, bytes) => {
      const status = this.call(name, context, place, bytes, this.#result);
      if (status !== 0) throw errorOf(status, this.string(this.call("slu_context_message", context)));
      return this.u32(this.#result);
    });
  }

  /** Call `use(place, bytes)` with a text in the memory. */
  withText(text, use) {
    if (text.length * 3 <= TEXT_BYTES) {
      const { written } = this.#encoder.encodeInto(text, this.bytes.subarray(this.#text, this.#text + TEXT_BYTES));
      return use(this.#text, written);
    }
    return this.withBytes(this.#encoder.encode(text), use);
  }

  withBytes(data, use) {
    const place = this.put(data);
    try {
      return use(place, data.length);
    } finally {
      this.free(place, data.length);
    }
  }

  /** A copy of `data` in the memory, for as long as it is not freed. */
  put(data) {
    const place = this.allocate(data.length);
    this.bytes.set(data, place);
    return place;
  }

  allocate(bytes) {
    const place = this.call("slu_wasm_allocate", bytes);
    if (place === 0) throw new SluError("memory", `no memory for ${bytes} bytes`);
    return place;
  }

  free(place, bytes) {
    this.release("slu_wasm_free", place, bytes);
  }

  /** Call a function that frees something; an instance that stopped goes as a whole. */
  release(name, ...values) {
    if (!this.#stopped) this.call(name, ...values);
  }

  u32(place) {
    return this.view.getUint32(place, true);
  }

  /** The string at `place`, which ends in NUL. */
  string(place) {
    const bytes = this.bytes;
    return this.#decoder.decode(bytes.subarray(place, bytes.indexOf(0, place)));
  }
}
