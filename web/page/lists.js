import { at, element } from "./marks.js";
import { INTENTS, intentWords } from "./words.js";

/** A list that can be edited; `onChange(entries)` after every change, which returns what is wrong with it, if anything is. */
export class EntryList {
  #entries;
  #items;
  #words;

  constructor(id, entries, onChange) {
    this.#entries = [...entries];
    this.onChange = onChange;
    const form = at(id);
    this.#items = form.querySelector("ul");
    this.input = form.querySelector("input");
    this.input.addEventListener("input", () => this.input.setCustomValidity(""));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(this.input.value);
      this.input.focus();
    });
  }
  get entries() {
    return [...this.#entries];
  }
  add(text) {
    const added = this.read(text), texts = added.map(String);
    if (this.#change([...this.#entries.filter((entry) => !texts.includes(String(entry))), ...added])) this.input.value = "";
  }
  /** The entries that a text is. */
  read(text) {
    return [...new Set(text.split(/[\n,，、;；]+/).map((name) => name.trim()).filter(Boolean))];
  }
  /** Nodes that show an entry. */
  nodes(entry) {
    return [element("span", { lang: "zh" }, entry)];
  }
  show(words) {
    this.#words = words;
    this.#items.replaceChildren(
      ...this.#entries.map((entry) =>
        element(
          "li", {}, ...this.nodes(entry),
          element("button", { type: "button", "aria-label": words.remove(String(entry)), onclick: () => this.#remove(entry) }, "×"),
        ),
      ),
    );
  }
  #remove(entry) {
    this.#change(this.#entries.filter((other) => other !== entry));
    this.input.focus();
  }
  // What the engine refuses, such as a name that is too long, is not kept.
  #change(entries) {
    const before = this.#entries;
    this.#entries = entries;
    const problem = this.onChange(this.entries);
    if (problem) {
      this.#entries = before;
      this.onChange(this.entries);
    }
    this.input.setCustomValidity(problem ?? "");
    if (problem) this.input.reportValidity();
    this.show(this.#words);
    return !problem;
  }
}

/** Pinned phrases: entries are texts with their intents, each text once. */
export class PinList extends EntryList {
  #language;
  #choice = at("pin-intent");

  /** The texts of each intent. */
  get byIntent() {
    const texts = {};
    for (const { intent, text } of this.entries) (texts[intent] ??= []).push(text);
    return texts;
  }
  choose(intent) {
    this.#choice.value = intent;
  }
  read(text) {
    const intent = this.#choice.value;
    return text.trim() ? [{ text: text.trim(), intent, toString: () => text.trim() }] : [];
  }
  nodes({ text, intent }) {
    const { label } = intentWords(intent, this.#language);
    return [element("span", {}, element("span", { lang: "zh" }, text.replace(/<\/?[a-z][\w.-]*>/gi, "")), ` → ${label}`)];
  }
  show(words, language = this.#language) {
    this.#language = language;
    const chosen = this.#choice.value;
    this.#choice.replaceChildren(...Object.keys(INTENTS).map((value) => element("option", { value }, intentWords(value, language).label)));
    if (chosen) this.choose(chosen);
    super.show(words);
  }
}
