// The engine as a WebAssembly module: golden files, damaged models, memory.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { SluError, SluModel } from "../../build/web/package/index.js";
import { BUILT, fails, golden, model, numbers, opened, randomNumbers, tiny } from "./support.mjs";

const CODES = { 3: "format", 4: "version" };
const PARSES = Number(process.env.SLU_PARSES ?? 5000);

for (const name of ["slu.wasm", "slu-relaxed.wasm"])
  test(`${name} is small and imports nothing`, () => {
    const bytes = readFileSync(join(BUILT, "package", name));
    assert.ok(gzipSync(bytes, { level: 9 }).length <= 61440);
    if (name === "slu-relaxed.wasm" && !WebAssembly.validate(bytes)) return; // this Node has no relaxed SIMD
    const compiled = new WebAssembly.Module(bytes);
    assert.deepEqual(WebAssembly.Module.imports(compiled), []);
    for (const { name: exported } of WebAssembly.Module.exports(compiled)) assert.match(exported, /^(memory|slu_\w+)$/);
  });

test("tokens are those of the golden file", async () => {
  const { engine, context } = await opened(tiny);
  for (const expected of golden("tokenizer")) {
    const tokens = engine.ofText("slu_tokenize", context, expected.text);
    const count = engine.u32(tokens);
    const read = (field, type) => numbers(engine, engine.u32(tokens + field), count, type);
    assert.deepEqual(
      { text: expected.text, ids: read(8, Int32Array), starts: read(12, Uint32Array), ends: read(16, Uint32Array), truncated: engine.u32(tokens + 4) === 1 },
      expected,
    );
  }
});

test("logits are those of the golden file", async () => {
  const { engine, context } = await opened(tiny);
  const near = (found, expected) => found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 2e-5, `${value} ${expected[i]}`));
  for (const expected of golden("logits")) {
    const ids = engine.put(new Uint8Array(Int32Array.from(expected.ids).buffer));
    const input = engine.put(new Uint8Array(Uint32Array.of(16, expected.ids.length, ids, 0).buffer));
    const result = engine.allocate(4);
    assert.equal(engine.call("slu_run", context, input, result), 0);
    const logits = engine.u32(result);
    const [intents, tags, tokens] = numbers(engine, logits, 3, Uint32Array);
    near(numbers(engine, engine.u32(logits + 12), intents, Float32Array), expected.intents);
    near(numbers(engine, engine.u32(logits + 16), tags * tokens, Float32Array), expected.slots.flat());
  }
});

test("what is damaged in the golden file is refused, and with which code", async () => {
  const good = readFileSync(tiny);
  for (const { what, at, bytes, status } of golden("malformed")) {
    const damaged = Buffer.from(good);
    Buffer.from(bytes, "hex").copy(damaged, at);
    await fails(() => SluModel.load(damaged), CODES[status] ?? assert.fail(what));
  }
});

test("whatever is changed in a model or cut off, it works or is an SluError", async () => {
  const good = readFileSync(tiny);
  const random = randomNumbers(7);
  const below = (count) => Math.floor(random() * count);
  let refused = 0;
  for (let i = 0; i < 600; ++i) {
    let damaged = Buffer.from(good);
    if (i % 10 === 0) damaged = damaged.subarray(0, below(good.length));
    // The first 3,000 bytes are names and sizes, where damage does more.
    else for (let n = 1 + below(3); n; --n) damaged.writeUInt8([0, 1, 127, 128, 255, below(256)][below(6)], below(random() < 0.8 ? 3000 : good.length));
    try {
      const changed = await SluModel.load(damaged);
      changed.parse("来一首周华健的花心");
      changed.close();
    } catch (error) {
      assert.ok(error instanceof SluError && error.code !== "stopped", `${i}: ${error.stack}`);
      ++refused;
    }
  }
  assert.ok(refused > 120, String(refused));
});

test("a model that wants more memory than 32 bits can count is refused", { skip: !process.env.SLU_WIDE_MODEL && "tests/web makes it" }, () =>
  fails(() => SluModel.load(process.env.SLU_WIDE_MODEL), "memory", /no memory for a context, \d{10,} bytes/));

test(`memory does not grow with ${PARSES.toLocaleString("en")} parses, lists, pinned phrases and sessions`, async () => {
  const pico = await SluModel.load(model("pico"));
  const use = (parses) => {
    for (let i = 0; i < parses; ++i) pico.parse(i % 3 ? "来一首周华健的花心" : "导航到人民广场");
    for (let i = 0; i < 300; ++i) {
      pico.lexicon.add("contact_name", Array.from({ length: i % 50 }, (_, n) => `诸葛${i}号${n}`));
      const session = pico.session();
      session.lexicon.add("song", ["花心"]);
      pico.pins.add("music.next", Array.from({ length: i % 50 }, (_, n) => `口令${i}之${n}`));
      session.pins.add("music.play", ["来<song>花心</song>"]);
      session.parse("取消");
      session.close();
      if (i % 7 === 0) {
        pico.lexicon.reset();
        pico.pins.reset();
      }
    }
    pico.parse("一".repeat(30000));
  };
  use(10);
  const before = pico.memoryBytes;
  use(PARSES);
  assert.equal(pico.memoryBytes, before);
});
