// The WebAssembly engine against this machine's native one, block by block in turns; prints JSON.
//   node --experimental-wasm-relaxed-simd web/bench/native.mjs [--cli build/host/slu-cli] [--data FILE] [--rounds 20]
// Node 20 needs the flag to have relaxed SIMD; without, only SIMD128 is measured. Needs `make web engine`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { variant } from "../src/engine.js";
import { SluModel } from "../src/index.js";
import { ROOT, WASM, machine, median, modelPath, readTexts, sha256, summary, timed } from "./measuring.mjs";

const { values: options } = parseArgs({
  options: {
    cli: { type: "string", default: join(ROOT, "build/host/slu-cli") },
    data: { type: "string", default: join(ROOT, "data/sample/corpus.txt") },
    rounds: { type: "string", default: "20" },
    models: { type: "string", default: "pico,nano" },
    native: { type: "string", default: "avx2" },
  },
});
const texts = readTexts(options.data, 400);
const directory = mkdtempSync(join(tmpdir(), "slu-"));
const file = join(directory, "texts.txt");
writeFileSync(file, `${texts.join("\n")}\n`);
const variants = variant() === "relaxed" ? ["simd128", "relaxed"] : ["simd128"];

function nativeTimes(model) {
  const words = ["bench", model, file, "--kernel", options.native, "--parse-only", "--repeat", "3"];
  return JSON.parse(execFileSync(options.cli, words, { encoding: "utf8" })).end_to_end_ms;
}

async function compare(name) {
  const path = modelPath(name);
  const engines = await Promise.all(variants.map((which) => SluModel.load(path, { engine: { simd128: WASM[which], relaxed: WASM[which] } })));
  const times = engines.map(() => []), ratios = engines.map(() => []), native = [];
  for (const engine of engines) for (let i = 0; i < 10; ++i) timed(texts, (text) => engine.parse(text)); // until it is compiled well
  for (let round = 0; round < Number(options.rounds); ++round) {
    const own = nativeTimes(path);
    native.push(own);
    engines.forEach((engine, i) => {
      const block = timed(texts, (text) => engine.parse(text));
      times[i].push(...block);
      ratios[i].push({ mean: summary(block).mean / own.mean, p50: summary(block).p50 / own.p50 });
    });
  }
  const ratio = (i, field) => Number(median(ratios[i].map((round) => round[field])).toFixed(2));
  return {
    model: name,
    model_sha256: sha256(path),
    native: { kernel: options.native, end_to_end_ms: { mean: median(native.map(({ mean }) => mean)), p50: median(native.map(({ p50 }) => p50)) } },
    measurements: engines.map((engine, i) => ({
      kernel: engine.info.kernel,
      end_to_end_ms: summary(times[i]),
      times_native: { mean: ratio(i, "mean"), p50: ratio(i, "p50") },
    })),
  };
}

const models = [];
for (const name of options.models.split(",")) models.push(await compare(name));
rmSync(directory, { recursive: true });
console.log(JSON.stringify({ ...machine(), utterances: texts.length, rounds: Number(options.rounds), models }, null, 2));
