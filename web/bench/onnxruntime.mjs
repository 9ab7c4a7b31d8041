// The WebAssembly engine against onnxruntime-web (wasm, one thread), block by block in turns; prints JSON.
//   npm ci --prefix web/bench
//   slu export models/nlpcc2018-pico --out build/web-bench/pico --format onnx,onnx-int8 --length 16   (and nano)
//   node web/bench/onnxruntime.mjs [--bundles build/web-bench] [--data FILE] [--rounds 10]
// Of onnxruntime-web the network alone is timed, of the engine the whole way from text to answer. The ratio is of the
// processor time of whole blocks, which other programs on the machine do not change much.
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { Engine, compileEngine } from "../src/engine.js";
import { SluModel } from "../src/index.js";
import { ROOT, WASM, machine, median, modelPath, readTexts, sha256, summary, timed, timedAsync } from "./measuring.mjs";

const { values: options } = parseArgs({
  options: {
    bundles: { type: "string", default: join(ROOT, "build/web-bench") },
    data: { type: "string", default: join(ROOT, "data/sample/corpus.txt") },
    rounds: { type: "string", default: "10" },
    models: { type: "string", default: "pico,nano" },
  },
});
const engineSources = { simd128: WASM.simd128, relaxed: WASM.simd128 };
const texts = readTexts(options.data, 100);
const DIST = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
// Its build for browsers: the one that Node would choose is for another purpose.
const ort = await import(pathToFileURL(join(DIST, "ort.wasm.min.mjs")));
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = `${pathToFileURL(DIST)}/`;

/** Inputs of the graph for a text: ids and flags, cut or padded to the length that it was exported for. */
function inputsOf({ engine, context, flags }, session, shapes, text) {
  const tokens = engine.ofText("slu_tokenize", context, text);
  const length = shapes.length, count = Math.min(engine.u32(tokens), length);
  const ids = new Int32Array(engine.bytes.buffer, engine.u32(tokens + 8), count);
  const feed = {};
  const padded = shapes.type === "int64" ? new BigInt64Array(length) : new Int32Array(length);
  for (let i = 0; i < count; ++i) padded[i] = shapes.type === "int64" ? BigInt(ids[i]) : ids[i];
  feed[session.inputNames[0]] = new ort.Tensor(shapes.type, padded, [1, length]);
  if (session.inputNames[1]) {
    const values = new Float32Array(length * flags.columns);
    engine.withText(text, (place, bytes) => engine.call("slu_flags", context, place, bytes, flags.place, flags.capacity));
    values.set(new Float32Array(engine.bytes.buffer, flags.place, count * flags.columns));
    feed[session.inputNames[1]] = new ort.Tensor("float32", values, [1, length, flags.columns]);
  }
  return feed;
}

/** Processor time of this process in microseconds. */
function cpuTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}
const largest = (values) => values.indexOf(Math.max(...values));

async function compare(name) {
  const path = modelPath(name);
  const model = await SluModel.load(path, { engine: engineSources });
  const engine = new Engine(await compileEngine(engineSources));
  const data = readFileSync(path);
  const opened = engine.make("slu_model_open_memory", engine.put(data), data.length);
  const context = engine.make("slu_context_create", opened, 0);
  const columns = engine.u32(engine.call("slu_model_info", opened) + 96), capacity = 64 * columns;
  const tools = { engine, context, flags: { columns, capacity, place: engine.allocate(4 * capacity) } };
  const rivals = [];
  for (const file of ["model.onnx", "model.int8.onnx"]) {
    const session = await ort.InferenceSession.create(readFileSync(join(options.bundles, name, file)), { intraOpNumThreads: 1, graphOptimizationLevel: "all" });
    const shapes = { length: 16, type: "int64" };
    try {
      await session.run(inputsOf(tools, session, shapes, texts[0]));
    } catch {
      shapes.type = "int32"; // what the exporter chose
    }
    const inputs = texts.map((text) => inputsOf(tools, session, shapes, text));
    let same = 0;
    for (const [i, input] of inputs.entries()) {
      const outputs = await session.run(input);
      const intents = Object.values(outputs).find((tensor) => tensor.dims.length === 2);
      same += model.info.intents[largest(Array.from(intents.data))] === model.parse(texts[i]).intent;
    }
    rivals.push({ file, session, inputs, same, times: [], ratios: [] });
  }
  const own = [];
  for (let i = 0; i < 20; ++i) timed(texts, (text) => model.parse(text)); // until it is compiled well
  for (let round = 0; round < Number(options.rounds); ++round) {
    const begin = cpuTime();
    for (let i = 0; i < 10; ++i) own.push(...timed(texts, (text) => model.parse(text)));
    const ownCpu = (cpuTime() - begin) / 10;
    for (const rival of rivals) {
      const start = cpuTime();
      rival.times.push(...(await timedAsync(rival.inputs, (input) => rival.session.run(input))));
      rival.ratios.push((cpuTime() - start) / ownCpu);
    }
  }
  return {
    model: name,
    model_sha256: sha256(path),
    engine: { kernel: model.info.kernel, end_to_end_ms: summary(own) },
    onnxruntime: rivals.map(({ file, times, ratios, same }) => ({
      file,
      bytes: statSync(join(options.bundles, name, file)).size,
      padded_to: 16,
      model_ms: summary(times),
      times_engine: Number(median(ratios).toFixed(1)),
      same_intent_of_100: same,
    })),
  };
}

/** Of what a page loads: the WebAssembly module alone, and with its JavaScript. `times`: how many times the first one's. */
function sizes(loaded) {
  const of = (files) => {
    const contents = files.map((file) => readFileSync(file));
    const sum = (count) => contents.reduce((total, content) => total + count(content), 0);
    return { bytes: sum((content) => content.length), gzipped: sum((content) => gzipSync(content, { level: 9 }).length) };
  };
  const rows = loaded.map(([name, module, ...scripts]) => ({ name, module: of([module]), all: of([module, ...scripts]) }));
  const times = (row, part) => Object.fromEntries(Object.entries(row[part]).map(([unit, value]) => [unit, Number((value / rows[0][part][unit]).toFixed(1))]));
  return rows.map((row) => ({ ...row, times: { module: times(row, "module"), all: times(row, "all") } }));
}
const models = [];
for (const name of options.models.split(",")) models.push(await compare(name));
const inDist = (...files) => files.map((file) => join(DIST, file));
const SOURCES = ["index.js", "error.js", "load.js", "layout.js", "engine.js", "lexicon.js", "pins.js", "model.js"];
const size = sizes([
  ["slu-engine", WASM.simd128, ...SOURCES.map((file) => join(ROOT, "web/src", file))],
  ["onnxruntime-web", ...inDist("ort-wasm-simd-threaded.jsep.wasm", "ort.bundle.min.mjs")],
  ["onnxruntime-web/wasm", ...inDist("ort-wasm-simd-threaded.wasm", "ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs")],
]);
const version = JSON.parse(readFileSync(join(DIST, "../package.json"))).version;
console.log(
  JSON.stringify({ ...machine(), onnxruntime_web: version, threads: 1, utterances: texts.length, rounds: Number(options.rounds), size, models }, null, 2),
);
