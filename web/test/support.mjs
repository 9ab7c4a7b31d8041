// What the tests share. They run on build/web, which `make web` makes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Engine, compileEngine } from "../../build/web/package/engine.js";
import { SluError } from "../../build/web/package/index.js";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILT = join(ROOT, "build/web");
export const model = (name) => join(ROOT, `models/nlpcc2018-${name}/model.gguf`);
export const tiny = join(ROOT, "tests/golden/tiny.gguf");
export const golden = (name) => JSON.parse(readFileSync(join(ROOT, `tests/golden/${name}.json`), "utf8"));

/** A model file in an engine whose functions of slu.h can be called: for what the package does not offer. */
export async function opened(path) {
  const engine = new Engine(await compileEngine());
  const data = readFileSync(path);
  const place = engine.make("slu_model_open_memory", engine.put(data), data.length);
  return { engine, context: engine.make("slu_context_create", place, 0) };
}

/** `count` numbers of 32 bits at `place`, as `type` (Int32Array, Uint32Array, Float32Array). */
export function numbers(engine, place, count, type) {
  return Array.from(new type(engine.bytes.buffer, place, count));
}

/** That `call` throws or rejects with an SluError of this code and a message that matches. */
export async function fails(call, code, message = /./) {
  await assert.rejects(async () => call(), (error) => {
    assert.ok(error instanceof SluError, String(error.stack));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Numbers from 0 to 1, the same every time. */
export function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
