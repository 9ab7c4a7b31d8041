// The JavaScript package, as a program uses it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { SluModel } from "../../build/web/package/index.js";
import { BUILT, ROOT, fails, model } from "./support.mjs";

const pico = await SluModel.load(model("pico"));
const SENTENCE = "来一首周华健的花心";
const SLOTS = [{ name: "singer", value: "周华健", start: 3, end: 6 }, { name: "song", value: "花心", start: 7, end: 9 }];

test("a sentence is understood, whatever the model is loaded from", async () => {
  const bytes = readFileSync(model("pico"));
  const whole = new ArrayBuffer(bytes.length);
  new Uint8Array(whole).set(bytes);
  const sources = [model("pico"), pathToFileURL(model("pico")), String(pathToFileURL(model("pico"))), bytes, whole, new Blob([bytes]), new Response(bytes)];
  for (const source of sources) {
    const loaded = await SluModel.load(source);
    const { score, ...rest } = loaded.parse(SENTENCE);
    assert.deepEqual(rest, { text: SENTENCE, intent: "music.play", understood: true, truncated: false, pinned: false, slots: SLOTS });
    assert.ok(score > 0.9 && score < 1);
    loaded.close();
  }
});

test("a model says what it is", () => {
  const { info } = pico;
  const config = JSON.parse(readFileSync(join(ROOT, "models/nlpcc2018-pico/config.json"), "utf8"));
  assert.deepEqual([info.name, info.layers, info.hiddenSize, info.quantised], ["nlpcc2018-pico", config.num_hidden_layers, config.hidden_size, true]);
  assert.ok(info.intents.includes("music.play") && info.slots.includes("contact_name"));
  assert.equal(info.modelBytes, readFileSync(model("pico")).length);
  assert.ok(info.usesLexicon && info.usesPreviousIntent && info.lexiconEntries > 10000 && info.threshold > 0.4);
  assert.match(info.kernel, /^(simd128|relaxed.*)$/);
  assert.equal(info.engine, JSON.parse(readFileSync(join(BUILT, "package/package.json"))).version);
});

test("slots are offsets of JavaScript's strings", () => {
  for (const before of ["", "😀", "😀 𠮷", "e\u0301", "\ud800", "\0"]) {
    const text = `${before}${SENTENCE}🎵`;
    const { slots } = pico.parse(text);
    assert.ok(slots.length > 0, text);
    for (const slot of slots) assert.equal(text.slice(slot.start, slot.end), slot.value);
    assert.ok(slots.some((slot) => slot.value === "周华健" && slot.start === before.length + 3));
  }
});

test("no text, a long text, a kernel by name", async () => {
  assert.deepEqual(pico.parse("").slots, []);
  assert.equal(pico.parse("听".repeat(100000)).truncated, true);
  const named = await SluModel.load(model("pico"), { kernel: pico.info.kernel });
  assert.equal(named.parse(SENTENCE).score, pico.parse(SENTENCE).score);
});

test("lists change what is understood, for the model or for a dialogue", () => {
  const name = ["慕容吹雪", "淳于望舒", "尉迟不寐", "阿狸卡卡"].find((one) => !understands(pico, one));
  function understands(parser, one = name) {
    const { understood, slots } = parser.parse(`打电话给${one}`);
    return understood && slots.length === 1 && slots[0].name === "contact_name" && slots[0].value === one;
  }
  const session = pico.session(), next = () => (session.restart(), understands(session));
  assert.ok(!understands(pico) && !next());
  session.lexicon.add("contact_name", [name]);
  assert.ok(!understands(pico) && next());
  pico.lexicon.replace("contact_name", new Set(["# 一", name]));
  assert.ok(understands(pico));
  pico.lexicon.remove("contact_name", [name]);
  assert.ok(!understands(pico) && next());
  pico.lexicon.add("contact_name", [name]);
  assert.ok(understands(pico));
  pico.lexicon.reset("contact_name");
  assert.ok(!understands(pico));
  session.lexicon.reset();
  assert.ok(!next());
  session.close();
});

test("a pinned phrase has the answer that was given, for the model or for a dialogue", () => {
  const session = pico.session();
  const answers = (text) => [pico, session].map((parser) => {
    const { pinned, understood, score, intent, slots } = parser.parse(text);
    return pinned && understood && score === 1 ? [intent, ...slots.map(({ value, start, end }) => `${value} ${start} ${end}`)].join(" ") : null;
  });
  const none = [null, null];
  assert.deepEqual(answers("老地方"), none);
  pico.pins.add("navigation.navigation", new Set(["去<destination>老地方</destination>", "老地方"]));
  assert.deepEqual(answers("老地方"), Array(2).fill("navigation.navigation"));
  assert.deepEqual(answers("😀去「老地方」！"), Array(2).fill("navigation.navigation 老地方 4 7")); // UTF-16, of the text as it is
  assert.deepEqual(answers("不去老地方"), none);
  session.pins.add("music.prev", ["老地方"]);
  session.pins.remove(["去老地方", "# 从来没有\t过", ""]);
  assert.deepEqual(answers("老地方"), ["navigation.navigation", "music.prev"]);
  assert.deepEqual(answers("去老地方"), ["navigation.navigation 老地方 1 4", null]);
  session.pins.reset();
  pico.pins.add("music.next", ["老地方"]); // later changes win
  assert.deepEqual(answers("老地方"), Array(2).fill("music.next"));
  session.pins.replace({ OTHERS: ["停"], "music.pause": ["先停\n一下"] });
  assert.deepEqual(answers("老地方"), ["music.next", null]);
  assert.deepEqual(answers("先停一下"), [null, "music.pause"]);
  assert.equal(session.parse("停").intent, "OTHERS");
  pico.pins.replace(new Map([["OTHERS", ["停"]]]));
  assert.equal(pico.parse("停").pinned, true);
  pico.pins.replace({});
  assert.deepEqual(answers("老地方"), none);
  session.close();
});

test("the intent of a pinned phrase is the previous one of the next", () => {
  const session = pico.session();
  session.pins.add("navigation.navigation", ["开嗨"]);
  session.parse("开嗨");
  assert.equal(session.parse("取消").intent, pico.parse("取消", { previousIntent: "navigation.navigation" }).intent);
  session.close();
});

test("a dialogue knows the intent before", () => {
  const session = pico.session();
  assert.equal(session.parse("取消").intent, pico.parse("取消", { previousIntent: null }).intent);
  session.restart();
  session.parse("导航到人民广场");
  assert.equal(session.parse("取消").intent, "navigation.cancel_navigation");
  assert.equal(pico.parse("取消", { previousIntent: "navigation.navigation" }).intent, "navigation.cancel_navigation");
  session.close();
});

test("what is wrong is an SluError that says so", async () => {
  await fails(() => SluModel.load("/nowhere/model.gguf"), "file", /\/nowhere\/model.gguf.*ENOENT/);
  await fails(() => SluModel.load(new ArrayBuffer(100)), "format", /not a GGUF file/);
  await fails(() => SluModel.load(new ArrayBuffer(0)), "format");
  await fails(() => SluModel.load(7), "argument", /URL/);
  await fails(() => SluModel.load(model("pico"), { kernel: "avx2" }), "kernel", /avx2/);
  await fails(() => SluModel.load(model("pico"), { engine: { simd128: join(BUILT, "package/none.wasm") } }), "file", /none.wasm/);
  await fails(() => pico.parse(undefined), "argument", /not a string/);
  await fails(() => pico.parse("取消", { previousIntent: "music" }), "argument", /music.play/);
  await fails(() => pico.lexicon.add("name", ["a"]), "argument", /no slot name; it has age/);
  await fails(() => pico.lexicon.add("song", "花心"), "argument", /array/);
  await fails(() => pico.lexicon.add("song", ["花心", "花".repeat(63)]), "argument", /line 2: 63 characters/);
  await fails(() => pico.pins.add("music", ["a"]), "argument", /no intent music; it has .*music.play/);
  await fails(() => pico.pins.add("music.play", "花心"), "argument", /array/);
  await fails(() => pico.pins.remove("花心"), "argument", /array/);
  for (const change of [() => pico.pins.add("OTHERS", [7]), () => pico.pins.remove(), () => pico.pins.replace(["a"]), () => pico.pins.replace(null), () => pico.lexicon.add("song", [null]), () => pico.lexicon.add("song")])
    await fails(change, "argument");
  await fails(() => pico.pins.add("music.play", ["花心", "<destination>家</destination>"]), "argument", /line 2: .*slot destination/);
  await fails(() => pico.pins.replace({ OTHERS: ["停"], "music.play": ["听<song>花心"] }), "argument", /line 2: a slot does not end/);
  await fails(() => pico.pins.add("music.play", ["花".repeat(63)]), "argument", /62 characters/);
  assert.ok(!pico.parse("花心").pinned && !pico.parse("停").pinned);
  const closed = await SluModel.load(model("pico")), session = closed.session();
  closed.close();
  closed.close();
  await fails(() => closed.parse("a"), "argument", /closed/);
  await fails(() => session.parse("a"), "argument", /closed/);
  await fails(() => closed.lexicon.reset(), "argument", /closed/);
  await fails(() => closed.pins.reset(), "argument", /closed/);
  await fails(() => session.pins.add("OTHERS", ["停"]), "argument", /closed/);
});

test("a trap becomes an error, and the model is not used again", async () => {
  const { Engine } = await import("../../build/web/package/engine.js");
  const trap = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 3, 2, 0, 0, 5, 3, 1, 0, 1, 7, 49, 3,
    6, ...Buffer.from("memory"), 2, 0, 17, ...Buffer.from("slu_wasm_allocate"), 0, 0, 16, ...Buffer.from("slu_version_trap"), 0, 1,
    10, 11, 2, 5, 0, 65, 128, 8, 11, 3, 0, 0, 11);
  const engine = new Engine(new WebAssembly.Module(trap));
  await fails(() => engine.call("slu_version_trap", 0), "stopped", /slu_version_trap: unreachable/);
  await fails(() => engine.call("slu_wasm_allocate", 1), "stopped", /load the model again/);
});

test("it works in a worker", async () => {
  const code = `import { parentPort } from "node:worker_threads";
    const { SluModel } = await import(${JSON.stringify(pathToFileURL(join(BUILT, "package/index.js")))});
    parentPort.postMessage((await SluModel.load(${JSON.stringify(model("pico"))})).parse("下一首").intent);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  assert.equal(await new Promise((done, failed) => worker.on("message", done).on("error", failed)), "music.next");
});

test("the types describe it", () => {
  const tsc = join(ROOT, "web/node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--skipLibCheck", join(ROOT, "web/test/usage.mts")], { stdio: "inherit" });
});
