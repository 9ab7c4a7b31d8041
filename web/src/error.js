const STATUSES = { 1: "argument", 2: "file", 3: "format", 4: "version", 5: "memory", 6: "utf8", 7: "kernel" };

/** Everything that can go wrong in this package. `code` says which kind it is, `message` what, where and what to do. */
export class SluError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "SluError";
    this.code = code;
  }
}

/** The error of a status of slu.h and the engine's own message. */
export function errorOf(status, message) {
  const code = STATUSES[status] ?? "engine";
  return new SluError(code, message || `the engine gave status ${status}`);
}
