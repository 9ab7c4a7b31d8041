// Time from asking for the page, from a file, to its first answer, in headless Chromium; prints JSON.
//   node web/bench/opening.mjs [--page build/web/slu.html] [--openings 20]
// Needs `make web`, `npm ci --prefix web --ignore-scripts` and Chromium (see web/chromium.mjs).
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { chromiumPath } from "../chromium.mjs";
import { ROOT, machine, median } from "./measuring.mjs";

const { values: options } = parseArgs({
  options: { page: { type: "string", default: join(ROOT, "build/web/slu.html") }, openings: { type: "string", default: "20" } },
});
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ["--no-sandbox", "--disable-gpu"],
});

/** Milliseconds since the page was asked for, of a page that nothing is known of: a new context each time. */
async function open() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(String(pathToFileURL(resolve(options.page))));
  const found = () => performance.getEntriesByName("first answer").length > 0;
  while (!(await page.evaluate(found))) await page.waitForTimeout(20);
  const times = await page.evaluate(() => ({
    read: performance.getEntriesByName("script")[0].startTime, // when its script began: all of the file is there
    answered: performance.getEntriesByName("first answer")[0].duration,
  }));
  await context.close();
  return times;
}

await open(); // the browser itself gets ready
const openings = [];
for (let i = 0; i < Number(options.openings); ++i) openings.push(await open());
const version = browser.version();
await browser.close();
const summary = (values) => Object.fromEntries(
  Object.entries({ least: Math.min(...values), median: median(values), most: Math.max(...values) }).map(([name, value]) => [name, Math.round(value)]),
);
console.log(
  JSON.stringify(
    {
      ...machine(), chromium: version, page_bytes: statSync(options.page).size, openings: openings.length,
      script_ms: summary(openings.map(({ read }) => read)), first_answer_ms: summary(openings.map(({ answered }) => answered)),
    },
    null, 2,
  ),
);
