// A line of JSON for each line of a file: node parse.mjs MODEL FILE
import { readFileSync } from "node:fs";
import { SluModel } from "../../build/web/package/index.js";

const [, , path, file] = process.argv;
const model = await SluModel.load(path);
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
