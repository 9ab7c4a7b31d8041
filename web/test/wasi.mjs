// Runs a program for WASI in the repository's directory: node wasi.mjs PROGRAM.wasm [ARGUMENT ...]
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";
import { ROOT } from "./support.mjs";

const [, , program, ...args] = process.argv;
const wasi = new WASI({ version: "preview1", args: [program, ...args], preopens: { ".": ROOT }, returnOnExit: true });
const compiled = new WebAssembly.Module(readFileSync(program));
process.exitCode = wasi.start(new WebAssembly.Instance(compiled, wasi.getImportObject()));
