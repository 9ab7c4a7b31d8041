import { at, element, grouped, markedText } from "./marks.js";
import { intentWords, slotWords } from "./words.js";

let announcing;

function slotRows(result, language) {
  return result.slots.map((slot) => {
    const { label, hue } = slotWords(slot.name, language);
    return element(
      "li", { style: `--hue:${hue}` },
      element("span", { class: "slot-label" }, label),
      element("span", { class: "slot-value", lang: "zh" }, slot.value),
      element("code", {}, `${slot.name === label ? "" : `${slot.name} `}${slot.start}–${slot.end}`),
    );
  });
}

/** Show what was understood of a text; null while there is none. */
export function showResult(result, threshold, words, language) {
  const card = at("result");
  card.dataset.state = !result ? "empty" : result.understood ? "understood" : "unsure";
  const { label, icon } = result ? intentWords(result.intent, language) : { label: words.empty, icon: "" };
  at("state").textContent = result ? (result.understood ? words.understood : words.notUnderstood) : "";
  at("icon").textContent = icon;
  at("intent").textContent = label;
  at("intent-name").textContent = result?.intent ?? "";
  at("guess").textContent = result && !result.understood ? words.guess : "";
  const percent = result ? 100 * result.score : 0;
  at("score").textContent = result ? `${percent.toFixed(1)}%` : "–";
  at("meter").style.setProperty("--score", `${percent}%`);
  at("meter").style.setProperty("--threshold", `${100 * threshold}%`);
  at("meter").setAttribute("aria-valuenow", percent.toFixed(1));
  at("threshold").textContent = result?.pinned ? words.pinned : words.threshold(`${(100 * threshold).toFixed(0)}%`);
  at("slots").replaceChildren(...(result?.slots.length ? slotRows(result, language) : [element("li", { class: "none" }, words.noSlots)]));
  at("json").textContent = result ? JSON.stringify({ ...result, score: Number(result.score.toFixed(6)) }, null, 2) : "";
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    const slots = result?.slots.map((slot) => `${slotWords(slot.name, language).label} ${slot.value}`).join(language === "zh" ? "，" : ", ");
    at("announcer").textContent = result ? words.announce(result.understood ? label : words.notUnderstood, slots) : "";
  }, 700);
}

/** Show how long a sentence takes; null while that is not known. */
export function showTime(time, words) {
  at("microseconds").textContent = time ? grouped(time.microseconds) : "–";
  at("time-note").textContent = time ? words.timeNote(time.runs) : "";
}

const BATCHES = 9;

/**
 * Time of a parse in microseconds. Browsers' clocks tick every 5 to 100 µs, so parses are timed in batches of a
 * millisecond; of these the median counts, as other programs run in between.
 */
export function timeOf(parse) {
  const batch = (runs) => {
    const begin = performance.now();
    for (let i = 0; i < runs; ++i) parse();
    return performance.now() - begin;
  };
  let runs = 2;
  while (batch(runs) < 1 && runs < 256) runs *= 2;
  const times = Array.from({ length: BATCHES }, () => batch(runs)).sort((a, b) => a - b);
  return { microseconds: (1000 * times[BATCHES >> 1]) / runs, runs: BATCHES * runs };
}

/** One turn of the dialogue; `alone`: the same text without what was said before. */
export function turnOf(result, alone, words, language) {
  const { label, icon } = intentWords(result.intent, language);
  const other = alone.intent !== result.intent ? intentWords(alone.intent, language).label : null;
  return element(
    "li", { class: result.understood ? "turn" : "turn unsure" },
    element("p", { class: "said", lang: "zh" }, ...markedText(result, language)),
    element(
      "p", { class: "answer" },
      element("span", { class: "answer-intent" }, element("span", { class: "glyph", "aria-hidden": "true" }, icon), result.understood ? label : `${words.notUnderstood} · ${label}`),
      element("span", { class: "answer-score" }, `${(100 * result.score).toFixed(0)}%`),
      ...(other ? [element("span", { class: "alone" }, `${words.alone} ${other}`)] : []),
    ),
  );
}
