// Models of labels, of spans alone and of answers. SLU_HEADS: a directory of tests/cpp_runtime/other_heads.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SluModel } from "../../build/web/package/index.js";
import { fails } from "./support.mjs";

const where = process.env.SLU_HEADS ?? assert.fail("SLU_HEADS is not set");
const lines = readFileSync(join(where, "answers.tsv"), "utf8").trimEnd().split("\n").map((line) => line.split("\t"));

for (const line of lines) line[1] = line[1].replaceAll("\\t", "\t");

for (const [kind, head] of [["labels", "labels"], ["spans", "tokens"], ["questions", "answer"]])
  test(`answers of ${kind} are those of the native engine`, async () => {
    const model = await SluModel.load(join(where, `${kind}.gguf`));
    assert.equal(model.info.head, head);
    const expected = lines.filter((line) => line[0] === kind);
    assert.ok(expected.length > 3);
    const session = model.session();
    for (const [, text, answer, score] of expected) {
      const found = model.parse(text);
      assert.equal(found.intent, "");
      assert.equal("labels" in found, kind === "labels");
      const names = (found.labels ?? []).map((label) => label.name);
      const spans = found.slots.map((slot) => `${slot.name}=${slot.value}[${slot.start},${slot.end})`);
      assert.equal([...names, ...spans].join(" "), answer);
      assert.ok(Math.abs(found.score - Number(score)) < 0.01);
      for (const slot of found.slots) assert.equal(text.slice(slot.start, slot.end), slot.value);
      for (const label of found.labels ?? []) assert.ok(label.score > 0 && label.score <= 1);
      assert.deepEqual(session.parse(text), found);
    }
    await fails(() => model.pins.add("name", ["text"]), "argument");
    model.close();
  });
