// Takes the pictures of the demo page for docs/ and README: node web/picture.mjs (needs `make web`, Chromium and a Chinese font).
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { chromiumPath } from "./chromium.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const [name, locale] of [["web", "en-US"], ["web.zh-CN", "zh-CN"]]) {
  const context = await browser.newContext({ viewport: { width: 1120, height: 800 }, locale, colorScheme: "light", reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(String(pathToFileURL(join(ROOT, "build/web/slu.html"))));
  await page.waitForTimeout(3000); // until the time of the sentence has settled
  await page.screenshot({ path: join(ROOT, `docs/pictures/${name}.png`) });
  await context.close();
}
await browser.close();
