// Makes build/web: package/ (for npm), slu.html (one file with the engine and pico in it) and nano.gguf beside it.
//   node web/build.mjs [--wasm DIR] [--models DIR] [--out DIR]
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const WEB = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(WEB);
const { values: options } = parseArgs({
  options: {
    wasm: { type: "string", default: join(ROOT, "build/wasm") },
    models: { type: "string", default: join(ROOT, "models") },
    out: { type: "string", default: join(ROOT, "build/web") },
  },
});
const SOURCES = ["error.js", "load.js", "layout.js", "engine.js", "lexicon.js", "pins.js", "model.js"]; // each after what it imports
const PAGE = ["words.js", "marks.js", "composer.js", "result.js", "lists.js", "speech.js", "main.js"];
const WASM = ["slu.wasm", "slu-relaxed.wasm"];

async function makePackage(out) {
  await mkdir(out, { recursive: true });
  const { devDependencies, private: _, ...about } = JSON.parse(await readFile(join(WEB, "package.json"), "utf8"));
  const header = await readFile(join(ROOT, "cpp_runtime/include/slu/slu.h"), "utf8");
  const published = {
    ...about,
    version: /#define SLU_VERSION "(.+)"/.exec(header)[1],
    exports: { ".": { types: "./index.d.ts", default: "./index.js" }, "./*.wasm": "./*.wasm" },
    types: "./index.d.ts",
    sideEffects: false,
  };
  await writeFile(join(out, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  for (const name of [...SOURCES, "index.js", "index.d.ts"]) await copyFile(join(WEB, "src", name), join(out, name));
  for (const name of WASM) await copyFile(join(options.wasm, name), join(out, name));
  await copyFile(join(WEB, "README.md"), join(out, "README.md"));
  await copyFile(join(ROOT, "LICENSE"), join(out, "LICENSE"));
}

// One script of all modules: they share a scope then, in which a name that is there twice is a syntax error.
async function script() {
  const paths = [...SOURCES.map((name) => join(WEB, "src", name)), ...PAGE.map((name) => join(WEB, "page", name))];
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  const bundle = texts.map((text) => text.replace(/^import [^;]+;\n/gm, "").replace(/^export /gm, "")).join("\n");
  if (/<\/script|<!--/i.test(bundle)) throw new Error("the page's script would end its own element");
  execFileSync(process.execPath, ["--check", "--input-type=module", "-"], { input: bundle });
  return bundle;
}

async function makePage(out) {
  const packed = async (id, path) => {
    const text = gzipSync(await readFile(path), { level: 9 }).toString("base64");
    return `<script type="text/plain" id="${id}">${text}</script>`;
  };
  const data = [
    await packed("simd128", join(options.wasm, "slu.wasm")),
    await packed("relaxed", join(options.wasm, "slu-relaxed.wasm")),
    await packed("pico", join(options.models, "nlpcc2018-pico/model.gguf")),
  ].join("\n");
  const engineBytes = gzipSync(await readFile(join(options.wasm, "slu.wasm")), { level: 9 }).length;
  const parts = {
    "/*STYLE*/": await readFile(join(WEB, "page/style.css"), "utf8"),
    "<body hidden>": `<body hidden data-engine-bytes="${engineBytes}">`,
    "<!--DATA-->": data,
    "/*SCRIPT*/": await script(),
  };
  let page = await readFile(join(WEB, "page/index.html"), "utf8");
  for (const [place, text] of Object.entries(parts)) page = page.replace(place, () => text);
  await writeFile(join(out, "slu.html"), page);
  console.log(`${join(out, "slu.html")}: ${Buffer.byteLength(page).toLocaleString("en")} bytes`);
}

await rm(options.out, { recursive: true, force: true });
await makePackage(join(options.out, "package"));
await makePage(options.out);
await copyFile(join(options.models, "nlpcc2018-nano/model.gguf"), join(options.out, "nano.gguf"));
