import { at, element } from "./marks.js";

/** A list of names that can be edited; `onChange(names)` after every change. */
export class NameList {
  #names;
  #items;
  #words;

  constructor(id, names, onChange) {
    this.#names = [...names];
    this.onChange = onChange;
    const form = at(id);
    this.#items = form.querySelector("ul");
    this.input = form.querySelector("input");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(this.input.value);
      this.input.value = "";
      this.input.focus();
    });
  }
  get names() {
    return [...this.#names];
  }
  add(text) {
    const added = text.split(/[\n,，、;；]+/).map((name) => name.trim()).filter((name) => name && !this.#names.includes(name));
    if (added.length) this.#change([...this.#names, ...added], this.#names);
  }
  show(words) {
    this.#words = words;
    this.#items.replaceChildren(
      ...this.#names.map((name) =>
        element(
          "li", {}, element("span", { lang: "zh" }, name),
          element("button", { type: "button", "aria-label": words.remove(name), onclick: () => this.#remove(name) }, "×"),
        ),
      ),
    );
  }
  #remove(name) {
    this.#change(this.#names.filter((other) => other !== name), this.#names);
    this.input.focus();
  }
  // What the engine refuses, such as a name that is too long, is not kept.
  #change(names, before) {
    this.#names = names;
    const problem = this.onChange(this.names);
    if (problem) {
      this.#names = before;
      this.onChange(this.names);
    }
    this.input.setCustomValidity(problem ?? "");
    if (problem) this.input.reportValidity();
    this.input.oninput = () => this.input.setCustomValidity("");
    this.show(this.#words);
  }
}
