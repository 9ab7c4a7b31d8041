import { at, markedText } from "./marks.js";

/** The field for a sentence: a textarea without visible text over a copy of it in which slots are coloured. */
export class Composer {
  #area = at("sentence");
  #mirror = at("mirror");
  #clear = at("clear");

  /** `onText(text)` after every change, `onSay(text)` when it is to be said in the dialogue. */
  constructor({ onText, onSay }) {
    this.onText = onText;
    const changed = () => {
      const clean = this.#area.value.replace(/\s*\n\s*/g, " ");
      if (clean !== this.#area.value) this.#area.value = clean;
      this.onText(clean);
    };
    this.#area.addEventListener("input", changed);
    this.#area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        if (this.text.trim()) onSay(this.text);
      }
      if (event.key === "Escape") this.write("");
    });
    this.#clear.onclick = () => {
      this.write("");
      this.focus();
    };
    at("say").onclick = () => this.text.trim() && onSay(this.text);
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(textarea|input)$/i.test(document.activeElement?.tagName ?? "")) {
        event.preventDefault();
        this.focus();
        this.#area.select();
      }
    });
  }

  get text() {
    return this.#area.value;
  }
  write(text) {
    this.#area.value = text;
    this.onText(text);
  }
  focus() {
    this.#area.focus();
  }
  show(result, language) {
    this.#mirror.replaceChildren(...(result ? markedText(result, language) : [this.text]), "\u200b");
    this.#clear.hidden = !this.text;
  }
}
