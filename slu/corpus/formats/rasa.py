"""Rasa's NLU training data in YAML: intents with examples, slots in brackets.

``[花心](song)``, or ``[花心]{"entity": "song", "role": ..., "group": ..., "value": ...}``. The name of the slot is the
entity, with its role and group behind dots if it has them; a ``value`` that is not the text is its correction.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.corpus.formats.annotated import Annotated, Findings, Options, Span, head_of, quoted, read_text
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError

if TYPE_CHECKING:
    import yaml

_SLOT = re.compile(r"\[(?P<text>[^\[\]]+)\](?:\((?P<name>[^():]+)(?::(?P<value>[^()]*))?\)|(?P<fields>\{[^{}]*\}))")
_OTHER = ("synonym", "regex", "lookup")


def is_rasa(path: Path) -> bool:
    """Whether it is a YAML file with the key ``nlu`` at the beginning of a line."""
    text = head_of(path)
    return re.search(r"^nlu\s*:", text, re.MULTILINE) is not None and "\t" not in text.split("\n", 1)[0]


def read_rasa(path: Path, options: Options, findings: Findings) -> Iterator[Annotated]:
    """The examples of all intents. Synonyms, regular expressions and lookup tables are reported, not read."""
    nlu = _mapping(_compose(path), f"{path}:1").get("nlu")
    entities: dict[str, tuple[str, ...]] = {}
    left = path.stat().st_size
    for node in _items(nlu, f"{path}:1"):
        where = f"{path}:{node.start_mark.line + 1}"
        group = _mapping(node, where)
        for kind in _OTHER:
            if kind in group:
                findings.add(where, f"{kind} sections", f"{kind} {_scalar(group[kind], where)!r} is not read")
        if "intent" not in group:
            if not any(kind in group for kind in _OTHER):
                raise CorpusError(f"{where}: neither intent nor {', '.join(_OTHER)}; each item of nlu needs one")
            continue
        intent = _scalar(group["intent"], where)
        for line, example in _examples(group.get("examples"), where):
            left -= 1 + len(example)
            if left < 0:  # an alias can stand for a whole list again and again
                raise CorpusError(f"{where}: the examples are more than the file has; write out its aliases (*name)")
            found = _annotated(example, intent, f"{path}:{line}", findings, entities)
            if found is not None:
                yield found


def write_rasa(utterances: Sequence[Utterance], findings: Findings) -> dict[str, str]:
    """One file of version 3.1, an item an intent in the order of their first texts. Sessions are lost."""
    examples: dict[str, list[str]] = {}
    for number, utterance in enumerate(utterances, 1):
        example = _bracketed(utterance)
        where = f"utterance {number}"
        if not _same(_annotated(example, utterance.intent, where, Findings(), {}), utterance):
            findings.add(
                where, "texts that the format cannot hold", f"{quoted(utterance.text)} is read otherwise", True
            )
            continue
        examples.setdefault(utterance.intent, []).append(example)
    if len({utterance.session for utterance in utterances}) < len(utterances):
        findings.add("all utterances", "sessions", "the format has no dialogues; each text becomes one of its own")
    for name in dict.fromkeys(slot.name for one in utterances for slot in one.slots if "." in slot.name):
        message = f"{name!r} is written as an entity of this name, without role and group"
        findings.add("all utterances", "names with dots", message)
    lines = ['version: "3.1"', "nlu:"]
    for intent, texts in examples.items():
        lines += [
            f"- intent: {json.dumps(intent, ensure_ascii=False)}",
            "  examples: |",
            *(f"    - {t}" for t in texts),
        ]
    return {"": "\n".join(lines) + "\n"}


def _compose(path: Path) -> yaml.Node:
    import yaml

    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CorpusError(f"{path}:{line}: not YAML (it has U+{ord(text[error.position]):04X}); delete it") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise CorpusError(f"{place}: not YAML ({getattr(error, 'problem', None) or error})") from error
    except RecursionError as error:
        raise CorpusError(f"{path}: nested too deeply; this is no training data of Rasa") from error
    if node is None:
        raise CorpusError(f"{path}: empty")
    return node


def _mapping(node: yaml.Node, where: str) -> dict[str, yaml.Node]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise CorpusError(f"{where}: a mapping with names and colons is expected")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _scalar(key, where)
        if name in found:
            line = f"{where.rpartition(':')[0]}:{key.start_mark.line + 1}"
            raise CorpusError(f"{line}: {name!r} is there twice, and only one would count; put both into one")
        found[name] = value
    return found


def _items(node: yaml.Node | None, where: str) -> list[yaml.Node]:
    import yaml

    if not isinstance(node, yaml.SequenceNode):
        raise CorpusError(f"{where}: nlu is no list; items that begin with '- intent:' are expected")
    return list(node.value)


def _scalar(node: yaml.Node, where: str) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise CorpusError(f"{where}: a single text is expected, not a list or a mapping")
    return str(node.value)


def _examples(node: yaml.Node | None, where: str) -> Iterator[tuple[str, str]]:
    """Line and text of each example: the lines of a block that begin with ``-``, or a list with a ``text`` each."""
    import yaml

    if node is None:
        return
    if isinstance(node, yaml.SequenceNode):
        begin = Counter(item.start_mark.line for item in node.value)
        for number, item in enumerate(node.value, 1):
            line = f"{item.start_mark.line + 1}"
            if begin[item.start_mark.line] > 1:
                line += f": example {number}"
            text = _mapping(item, f"{where}").get("text") if isinstance(item, yaml.MappingNode) else item
            if text is None:
                raise CorpusError(f"{where.rpartition(':')[0]}:{line}: an example has no text")
            yield line, _scalar(text, where).strip().removeprefix("- ").strip()
        return
    first = node.start_mark.line + (2 if getattr(node, "style", None) in ("|", ">") else 1)
    for number, raw in enumerate(_scalar(node, where).split("\n"), first):
        line_text = raw.strip()
        if line_text.startswith("-"):
            yield str(number), line_text[1:].strip()
        elif line_text:
            raise CorpusError(f"{where.rpartition(':')[0]}:{number}: {line_text[:40]!r}: examples begin with '- '")


def _annotated(
    example: str, intent: str, where: str, findings: Findings, entities: dict[str, tuple[str, ...]]
) -> Annotated | None:
    """The text of an example and its slots. ``entities``: entity, role and group behind each name of a slot so far."""
    text, spans, at = "", [], 0
    rest = _SLOT.sub(" ", example)
    odd = next((mark for mark in ("](", "]{", "][") if mark in rest), None)
    if odd:
        findings.add(where, "brackets that are no slots", f"{quoted(example)} has {odd!r}: they are part of the text")
    for match in _SLOT.finditer(example):
        text += example[at : match.start()]
        value = match["text"]
        name, correction = match["name"], match["value"]
        if match["fields"]:
            try:
                fields = json.loads(match["fields"])
            except (ValueError, RecursionError):
                fields = None
            entity = fields.get("entity") if isinstance(fields, dict) else None
            if not isinstance(entity, str):
                message = f'{match["fields"]} is no JSON object with "entity"'
                findings.add(where, "slots that cannot be read", message, True)
                return None
            parts = entity, *(f"{key} {fields[key]}" for key in ("role", "group") if fields.get(key))
            name = ".".join(str(part) for part in (entity, fields.get("role"), fields.get("group")) if part)
            correction = fields.get("value")
        else:
            parts = (name,)
        if entities.setdefault(name, parts) != parts:
            both = " and ".join(", ".join(one) for one in (entities[name], parts))
            findings.add(where, "different slots of the same name", f"{both} are both {name!r} in the corpus")
        if correction is not None and not isinstance(correction, str):
            correction = str(correction)
        spans.append(Span(name.strip(), len(text), len(text) + len(value), value, correction or None))
        text += value
        at = match.end()
    return Annotated(text + example[at:], (intent,), tuple(spans), where)


def _bracketed(utterance: Utterance) -> str:
    pieces, at = [], 0
    for slot in utterance.slots:
        pieces += [utterance.text[at : slot.start], _slot(slot)]
        at = slot.end
    return "".join((*pieces, utterance.text[at:]))


def _slot(slot: Slot) -> str:
    if slot.correction is None and not set(slot.name) & set("():"):
        return f"[{slot.value}]({slot.name})"
    fields: dict[str, Any] = {"entity": slot.name}
    if slot.correction is not None:
        fields["value"] = slot.correction
    return f"[{slot.value}]{json.dumps(fields, ensure_ascii=False)}"


def _same(read: Annotated | None, utterance: Utterance) -> bool:
    """Whether an example is read as the utterance that it was written from, also from a line of a block."""
    if read is None or read.text != utterance.text.strip() or set(read.text) & set("\x85\u2028\u2029"):
        return False
    spans = [(span.name, span.start, span.end, span.correction) for span in read.spans]
    return spans == [(slot.name, slot.start, slot.end, slot.correction) for slot in utterance.slots]
