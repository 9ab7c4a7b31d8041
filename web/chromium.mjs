// Where Chromium is: the variable SLU_CHROMIUM, or the first of the names that systems give it, on the PATH.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

function runs(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of its program; throws an Error that says what to install. */
export function chromiumPath() {
  if (process.env.SLU_CHROMIUM) return process.env.SLU_CHROMIUM;
  const places = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => places.map((place) => join(place, name))).find(runs);
  if (!found) throw new Error(`none of ${NAMES.join(", ")} is there; install Chromium, or say where it is by SLU_CHROMIUM`);
  return found;
}
