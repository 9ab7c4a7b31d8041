// Compiled by a test, not run: the types as a program sees them.
import { SluError, SluModel, type ParseResult, type Session } from "../../build/web/package/index.js";

const model: SluModel = await SluModel.load(new URL("model.gguf", import.meta.url), { cache: "models" });
const session: Session = model.session();
const result: ParseResult = session.parse("来一首周华健的花心");
const values: string[] = result.slots.map((slot) => result.text.slice(slot.start, slot.end));
model.lexicon.add("contact_name", values);
model.parse("取消", { previousIntent: null });
model.pins.add("music.prev", new Set(["上一首"]));
session.pins.replace({ "music.prev": ["上一首"], OTHERS: [] });
session.pins.remove(["上一首"]);
const pinned: boolean = session.parse("上一首").pinned;
try {
  model.lexicon.reset("song");
} catch (error) {
  if (error instanceof SluError && error.code === "argument") console.log(error.message, pinned, model.info.threshold.toFixed(2));
}
// @ts-expect-error: a text is no list
model.lexicon.add("song", 7);
// @ts-expect-error: models are loaded
new SluModel();
