import { slotWords } from "./words.js";

export const at = (id) => document.getElementById(id);

/** A whole number with its thousands apart. Intl takes 10 ms to get ready, which is long for a first answer. */
export const grouped = (number) => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");

/** An element with attributes (or properties, or listeners as onclick) and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on") || name === "textContent") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A text as nodes, its slots marked in their colours. */
export function markedText(result, language) {
  const nodes = [], plain = (text) => element("span", { class: "plain" }, text);
  let at = 0;
  for (const slot of result.slots) {
    const { label, hue } = slotWords(slot.name, language);
    if (slot.start > at) nodes.push(plain(result.text.slice(at, slot.start)));
    nodes.push(element("mark", { class: "slot", style: `--hue:${hue}`, "data-label": label, "data-slot": slot.name }, slot.value));
    at = slot.end;
  }
  if (at < result.text.length) nodes.push(plain(result.text.slice(at)));
  return nodes;
}
