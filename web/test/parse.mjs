// A line of JSON for each line of a file: node parse.mjs MODEL FILE simd128|relaxed
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SluModel } from "../../build/web/package/index.js";
import { BUILT } from "./support.mjs";

const [, , path, file, variant] = process.argv;
const engine = join(BUILT, "package", variant === "relaxed" ? "slu-relaxed.wasm" : "slu.wasm");
const model = await SluModel.load(path, { engine: { simd128: engine, relaxed: engine } });
const lines = readFileSync(file, "utf8").replace(/\n$/, "").split("\n");
console.log(
  lines
    .map((line) => {
      // Characters, as other languages count; this file's texts have none of two UTF-16 units.
      const { intent, score, understood, slots } = model.parse(line);
      return JSON.stringify({ text: line, intent, score, understood, slots });
    })
    .join("\n"),
);
