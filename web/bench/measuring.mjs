// What the benchmarks share.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const WASM = { simd128: join(ROOT, "build/wasm/slu.wasm"), relaxed: join(ROOT, "build/wasm/slu-relaxed.wasm") };
export const modelPath = (name) => join(ROOT, `models/nlpcc2018-${name}/model.gguf`);
export const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What it takes to repeat a measurement. */
export const machine = () => ({ processor: cpus()[0].model, node: process.version, v8: process.versions.v8 });

/** Texts of a file: of corpus lines the second column, else whole lines. Every n-th, so that there are about `count`. */
export function readTexts(path, count) {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  const texts = lines.map((line) => line.split("\t")[1] ?? line);
  const step = Math.max(1, Math.floor(texts.length / count));
  return texts.filter((_, i) => i % step === 0).slice(0, count);
}

const rounded = (value) => Number(value.toFixed(6));
/** Mean and percentiles (nearest rank) of milliseconds. */
export function summary(times) {
  const sorted = Float64Array.from(times).sort();
  const rank = (part) => rounded(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);
  return { mean: rounded(sorted.reduce((sum, time) => sum + time, 0) / sorted.length), p50: rank(0.5), p90: rank(0.9), p99: rank(0.99) };
}
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Milliseconds of each call of `run` over `inputs`. */
export function timed(inputs, run) {
  return inputs.map((input) => {
    const begin = performance.now();
    run(input);
    return performance.now() - begin;
  });
}
export async function timedAsync(inputs, run) {
  const times = [];
  for (const input of inputs) {
    const begin = performance.now();
    await run(input);
    times.push(performance.now() - begin);
  }
  return times;
}
