import { variant } from "../src/engine.js";
import { SluError } from "../src/error.js";
import { SluModel } from "../src/model.js";
import { Composer } from "./composer.js";
import { EntryList, PinList } from "./lists.js";
import { at, element, grouped } from "./marks.js";
import { showResult, showTime, timeOf, turnOf } from "./result.js";
import { prepareSpeech } from "./speech.js";
import { DIALOGUE, EXAMPLES, FIRST_LISTS, NEW_NAMES, NEW_PIN, WORDS, sentenceWith } from "./words.js";

performance.mark("script");
const params = new URLSearchParams(location.search);
let language = params.get("lang") ?? (/^zh\b/i.test(navigator.language) ? "zh" : "en");
let words = WORDS[language];
let model = null, session = null, result = null, time = null, timing, turns = [], speaking = false, notice = "", newName = NEW_NAMES[0];

function fromBase64(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // newer browsers, in a tenth of the time
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** What the page carries, unpacked. */
async function carried(id) {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  writer.write(fromBase64(at(id).textContent));
  writer.close();
  return new Response(readable).arrayBuffer();
}

const opened = new Map();
let engineOfPage;
function engine() {
  const name = variant();
  return (engineOfPage ??= carried(name).then((bytes) => ({ [name]: bytes })));
}
const openers = {
  pico: () => Promise.all([carried("pico"), engine()]).then(([bytes, from]) => SluModel.load(bytes, { engine: from })),
  nano: async () => SluModel.load(new URL("nano.gguf", location.href), { engine: await engine(), cache: "slu-demo" }),
};

const composer = new Composer({ onText: understand, onSay: say });
const lists = {
  contact_name: new EntryList("contacts", FIRST_LISTS.contact_name, (names) => changeList("contact_name", names)),
  song: new EntryList("songs", FIRST_LISTS.song, (names) => changeList("song", names)),
};
const pins = new PinList("pins", [], changePins);

/** The names in a list are those of the model's file and these. Returns what is wrong with them, if anything is. */
function changeList(slot, names) {
  return change(() => {
    model.lexicon.reset(slot);
    if (names.length) model.lexicon.add(slot, names);
  });
}

function changePins() {
  return change(() => model.pins.replace(pins.byIntent));
}

function change(make) {
  if (!model) return undefined;
  try {
    make();
  } catch (error) {
    if (error instanceof SluError) return error.message;
    throw error;
  }
  understand(composer.text);
  return undefined;
}

function understand(text) {
  if (!model) return;
  result = text.trim() ? model.parse(text) : null;
  composer.show(result, language);
  showResult(result, model.info.threshold, words, language);
  clearTimeout(timing);
  timing = setTimeout(measure, 60, 4);
}

/** Measure now, and again for as often as `more` says: browsers compile what runs often better, after a while. */
function measure(more) {
  time = result ? timeOf(() => model.parse(result.text)) : null;
  showTime(time, words);
  if (more) timing = setTimeout(measure, 250, more - 1);
}

function say(text) {
  if (!model) return;
  takeTurn(text);
  composer.write("");
  composer.focus();
}

/** The next turn of the dialogue, and the same text as the first one of another. */
function takeTurn(text) {
  turns.push({ alone: model.parse(text, { previousIntent: null }), turn: session.parse(text) });
  showDialogue();
}

async function playExample() {
  restart();
  for (const text of DIALOGUE) {
    takeTurn(text);
    await new Promise((done) => setTimeout(done, matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 450));
  }
}

function restart() {
  session?.restart();
  turns = [];
  showDialogue();
}

function showDialogue() {
  at("turns").replaceChildren(...turns.map(({ turn, alone }) => turnOf(turn, alone, words, language)));
  at("no-turns").hidden = turns.length > 0;
  if (turns.length) at("log").scrollTop = at("log").scrollHeight; // which makes the browser lay the page out
}

async function choose(name) {
  const before = model;
  at("note").textContent = words.loading;
  try {
    if (!opened.has(name)) opened.set(name, await openers[name]());
    session?.close();
    model = opened.get(name);
    session = model.session();
    model.lexicon.reset("contact_name");
    newName = nameToAdd();
    for (const [slot, list] of Object.entries(lists)) changeList(slot, list.entries);
    changePins();
    const said = turns.map(({ turn }) => turn.text);
    turns = [];
    said.forEach(takeTurn);
    notice = "";
  } catch (error) {
    opened.delete(name);
    notice = words.loadFailed + error.message;
    if (before) at("pico-choice").checked = true;
  }
  translate();
}

/** A name that this model does not find in a sentence unless it is in the list. */
function nameToAdd() {
  const found = (name) => {
    const { understood, slots } = model.parse(sentenceWith(name), { previousIntent: null });
    return understood && slots.some(({ value }) => value === name);
  };
  return NEW_NAMES.find((name) => !found(name)) ?? NEW_NAMES[0];
}

const kilobytes = (bytes) => `${grouped(bytes / 1000)} KB`;

function translate() {
  words = WORDS[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = words.title;
  for (const node of document.querySelectorAll("[data-words]")) node.textContent = words[node.dataset.words];
  for (const node of document.querySelectorAll("[data-label-words]")) node.setAttribute("aria-label", words[node.dataset.labelWords]);
  for (const node of document.querySelectorAll("[data-placeholder-words]")) node.placeholder = words[node.dataset.placeholderWords];
  for (const [button, name] of [[at("zh"), "zh"], [at("en"), "en"]]) button.setAttribute("aria-pressed", String(name === language));
  at("examples").replaceChildren(
    ...EXAMPLES.map(([text, meaning]) =>
      element(
        "li", {},
        element("button", { type: "button", class: "chip", onclick: () => (composer.write(text), composer.focus()) },
          element("span", { lang: "zh" }, text), ...(language === "en" ? [element("small", {}, meaning)] : [])),
      ),
    ),
  );
  for (const list of Object.values(lists)) list.show(words);
  pins.show(words, language);
  showDialogue();
  at("note").textContent = speaking ? words.listening : notice;
  if (!model) return;
  const { modelBytes, lexiconEntries, kernel, engine: version } = model.info;
  at("try-name").textContent = words.tryName(newName);
  at("facts").textContent = words.facts(kilobytes(Number(document.body.dataset.engineBytes)), kilobytes(modelBytes), grouped(lexiconEntries));
  at("kernel").textContent = `slu ${version} · ${kernel}`;
  understand(composer.text);
  showTime(time, words);
}

for (const name of ["zh", "en"])
  at(name).onclick = () => {
    language = name;
    translate();
  };
at("theme").onclick = () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
};
at("play").onclick = playExample;
at("restart").onclick = restart;
at("try-name").onclick = () => {
  composer.write(sentenceWith(newName));
  lists.contact_name.input.value = newName;
  lists.contact_name.input.focus();
};
at("try-pin").onclick = () => {
  composer.write(NEW_PIN.sentence);
  pins.input.value = NEW_PIN.sentence;
  pins.choose(NEW_PIN.intent);
  pins.input.focus();
};
if (location.protocol.startsWith("http")) {
  at("models").hidden = false;
  for (const choice of document.querySelectorAll("input[name=model]")) choice.onchange = () => choose(choice.value);
}
at("speech-note").hidden = !prepareSpeech(at("speak"), {
  onText: (text) => composer.write(text),
  onState: (state) => {
    speaking = state;
    if (speaking) notice = "";
    translate();
  },
  onError: () => (notice = words.speechFailed),
});

composer.write(EXAMPLES[0][0]);
translate();
await choose("pico");
performance.measure("first answer"); // since the page was asked for
// Not before: laying out what is empty yet would take longer than all of the above.
document.body.hidden = false;
