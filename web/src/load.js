import { SluError } from "./error.js";

const inNode = typeof process !== "undefined" && process.versions?.node !== undefined;

async function readFile(url) {
  const { readFile: read } = await import("node:fs/promises");
  try {
    return await read(url);
  } catch (cause) {
    throw new SluError("file", `${url.href ?? url}: cannot be read (${cause.code})`, { cause });
  }
}

async function fetched(url, cache) {
  const store = cache && typeof caches !== "undefined" ? await caches.open(cache) : null;
  const kept = await store?.match(url);
  if (kept) return kept;
  let response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new SluError("file", `${url}: cannot be fetched (${cause.message})`, { cause });
  }
  if (!response.ok) throw new SluError("file", `${url}: the server answered ${response.status} ${response.statusText}`);
  await store?.put(url, response.clone());
  return response;
}

/**
 * The bytes of an ArrayBuffer, a view of one, a Response, a Blob, or of what stands at a URL (in Node also a path).
 * `cache`: the name of a Cache Storage in which what was fetched is kept, and looked for first.
 */
export async function bytesOf(source, cache) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (typeof source === "string" || source instanceof URL) {
    const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(String(source))?.[1].toLowerCase();
    if (inNode && scheme === "file") return readFile(new URL(source));
    if (inNode && scheme === undefined) return readFile(source);
    return new Uint8Array(await (await fetched(String(source), cache)).arrayBuffer());
  }
  if (typeof source?.arrayBuffer === "function") return new Uint8Array(await source.arrayBuffer());
  throw new SluError("argument", "a model is loaded from a URL, an ArrayBuffer, a typed array, a Blob or a Response");
}
