"""Lists of names: what is compared, where it matches, the table, and the layers, against obvious versions and the
golden file that the C++ runtime is held to as well."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.corpus.labels import Labels
from slu.errors import CheckpointError, LexiconError
from slu.inputs.entries import (
    MAX_CHARACTERS,
    check_lexicon,
    key_of,
    lexicon_files,
    normalise,
    numbered_lines,
    parse_lexicon,
    read_lexicon,
)
from slu.inputs.flags import KINDS, FlagColumns
from slu.inputs.lexicon import CompiledLexicon, Lexicon, compile_lexicon, find_matches
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer

SLOTS = ("name", "singer", "song")
LABELS = Labels(("call", "play"), SLOTS, {"call": ("name",), "play": ("singer", "song")})
TOKENIZER = Tokenizer([*SPECIAL_TOKENS, "a", "b", "ab", "##b", "##ab", "c", "花", "心", "1"])
GOLDEN = Path(__file__).parents[2] / "golden"

texts = st.text("aAbcz 花心1é\u0301\u200b", max_size=10)
lists = st.dictionaries(st.sampled_from(SLOTS), st.lists(texts, max_size=6))


def oracle(entries: dict[str, set[str]], text: str, length: int) -> list[tuple[int, int, int]]:
    """Every run of tokens, compared with every phrase."""
    encoding = TOKENIZER.encode(text, length)
    spans = list(zip(encoding.starts, encoding.ends))
    return sorted(
        (slot, first, end)
        for slot, name in enumerate(SLOTS)
        for first in range(1, len(spans) - 1)
        for end in range(first + 1, len(spans))
        if "".join(normalise(text[a:b]) for a, b in spans[first:end]) in entries.get(name, ())
    )


def found(entries: Any, text: str, length: int) -> list[tuple[int, int, int]]:
    return sorted(match[:3] for match in find_matches(entries, text, TOKENIZER.encode(text, length)))


@given(lists=lists, text=st.text("aAbcz 花心1é\u0301\u200b", max_size=30), length=st.integers(2, 20))
def test_every_match_is_found_and_no_other(lists: dict[str, list[str]], text: str, length: int) -> None:
    phrases = {name: {normalise(phrase) for phrase in given} - {""} for name, given in lists.items()}
    assert found(compile_lexicon(lists, SLOTS), text, length) == oracle(phrases, text, length)


@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from(SLOTS), st.integers(0, 3), st.lists(texts, max_size=4))))
def test_layers_are_what_was_said_last(steps: list[tuple[bool, str, int, list[str]]]) -> None:
    """Each layer against a dictionary that knows, for every slot and phrase, what the layer says about it."""
    built_in = {"name": ["a", "ab"], "song": ["花心", "a"]}
    base = compile_lexicon(built_in, SLOTS)
    layers = [Lexicon(base)]
    layers.append(Lexicon(layers[0]))
    said: list[dict[tuple[str, str | None], bool]] = [{}, {}]
    for upper, slot, change, phrases in steps:
        layer, says = layers[upper], said[upper]
        if change > 1:  # replace and reset
            for entry in [e for e in says if e[0] == slot]:
                del says[entry]
        if change == 2:
            says[slot, None] = False
        if change < 3:
            says.update({(slot, normalise(phrase)): change != 1 for phrase in phrases})
            getattr(layer, ("add", "remove", "replace")[change])(slot, phrases)
        else:
            layer.reset(slot)
    text = "a ab b 花心 c 1"
    everything = {normalise(p) for _, _, _, phrases in steps for p in phrases} | {"a", "ab", "花心"}
    counted: dict[str, set[str]] = {slot: {normalise(p) for p in built_in.get(slot, ())} for slot in SLOTS}
    for layer, says in zip(layers, said):
        counted = {
            slot: {p for p in everything - {""} if says.get((slot, p), p in counted[slot] and (slot, None) not in says)}
            for slot in SLOTS
        }
        assert found(layer, text, 20) == oracle(counted, text, 20)
    layers[1].reset()
    assert found(layers[1], text, 20) == found(layers[0], text, 20)


@given(lists=lists)
def test_a_table_has_every_entry_where_a_search_finds_it(lists: dict[str, list[str]]) -> None:
    lexicon = compile_lexicon(lists, SLOTS)
    entries = {(key_of(normalise(p)), SLOTS.index(n)) for n, given in lists.items() for p in given if normalise(p)}
    capacity = len(lexicon.hashes)
    assert capacity >= 4 * len(entries) / 3 and (lexicon.hashes == 0).any()
    stored = set()
    for key, slot in entries:
        place = key * capacity >> 64
        while lexicon.hashes[place] != 0 and (lexicon.hashes[place], lexicon.owners[place]) != (key, slot):
            place = (place + 1) % capacity
        stored.add((int(lexicon.hashes[place]), int(lexicon.owners[place])))
    assert stored == entries and len(lexicon) == len(entries)
    again = CompiledLexicon.from_tensors(lexicon.tensors(), SLOTS, "file")
    assert all(np.array_equal(a, b) for a, b in zip(lexicon.tensors().values(), again.tensors().values()))
    reversed_lists = {name: lists[name][::-1] for name in reversed(lists)}
    assert np.array_equal(compile_lexicon(reversed_lists, SLOTS).hashes, lexicon.hashes)


@pytest.mark.parametrize(
    "damage",
    [
        {"hashes": None},
        {"hashes": np.zeros(4, np.int64)},
        {"slots": np.zeros(3, np.uint16)},
        {"lengths": np.zeros(1, np.uint64)},
        {"lengths": np.array([1 << 63], np.uint64)},
        {"lengths": np.array([7], np.uint64)},
        {"counts": np.zeros(3, np.uint32)},
        {"counts": np.array([1, 1], np.uint32)},
        {"more": np.zeros(1)},
        "moved",
        "full",
        "slot",
    ],
)
def test_a_damaged_table_is_refused(damage: Any) -> None:
    tensors: dict[str, Any] = compile_lexicon({"name": ["a", "ab"], "song": ["心"]}, SLOTS).tensors()
    if damage == "moved":
        tensors = {**tensors, "hashes": np.roll(tensors["hashes"], 1), "slots": np.roll(tensors["slots"], 1)}
    elif damage == "full":
        tensors = {**tensors, "hashes": np.where(tensors["hashes"] == 0, 5, tensors["hashes"]).astype(np.uint64)}
    elif damage == "slot":
        tensors = {**tensors, "slots": np.where(tensors["hashes"] != 0, 9, 0).astype(np.uint16)}
    else:
        tensors = {name: value for name, value in {**tensors, **damage}.items() if value is not None}
    with pytest.raises(CheckpointError, match=r"^file: .*copy the file again"):
        CompiledLexicon.from_tensors(tensors, SLOTS, "file")


def test_a_refused_change_changes_nothing() -> None:
    lexicon = Lexicon(compile_lexicon({"name": ["a"]}, SLOTS))
    for change in (lexicon.add, lexicon.remove, lexicon.replace):
        with pytest.raises(LexiconError, match="name: entry 2 has 63 characters, at most 62"):
            change("name", ["b", "c" * (MAX_CHARACTERS + 1)])
        with pytest.raises(LexiconError, match="no slot 'town'; it has name, singer, song"):
            change("town", ["b"])
        with pytest.raises(LexiconError, match="give a list of entries"):
            change("name", "b")
    assert found(lexicon, "a b", 20) == [(0, 1, 2)]


def test_a_lexicon_is_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that parses meanwhile sees the entries of before, also when there are none to come."""
    lexicon = Lexicon(compile_lexicon({}, SLOTS))
    lexicon.add("song", ["a", "b"])
    seen = []
    without = lexicon._without

    def look(bits: int) -> Any:
        layer = without(bits)
        seen.append([lexicon.lookup(key_of(text)) for text in "abc"])
        return layer

    monkeypatch.setattr(lexicon, "_without", look)
    lexicon.replace("song", ["c"])
    assert [lexicon.lookup(key_of(text)) for text in "abc"] == [0, 0, 4]
    lexicon.reset("song")
    assert [lexicon.lookup(key_of(text)) for text in "abc"] == [0, 0, 0]
    assert seen == [[4, 4, 0], [0, 0, 4]]


def test_a_share_of_the_names() -> None:
    lexicon = Lexicon(compile_lexicon({"name": [f"{i}" for i in range(1000)]}, SLOTS))
    keys = [key_of(str(i)) for i in range(1000)]
    kept = []
    for share in (0.0, 0.3, 0.8, 1.0):
        lexicon.thin(share)
        kept.append({key for key in keys if Lexicon(lexicon).lookup(key)})
        assert abs(len(kept[-1]) / 1000 - share) < 0.05
    assert kept[0] < kept[1] < kept[2] < kept[3]


def test_a_list_file(tmp_path: Path) -> None:
    path = tmp_path / "song.txt"
    path.write_bytes("\ufeff花心\r\n# 歌\n\n  ＡＢ \n\u3000\n\nａｂ\n1 \n".encode())
    assert read_lexicon(path) == ["花心", "ＡＢ", "\u3000", "ａｂ", "1"]
    assert [(p.line, p.severity, p.message) for p in check_lexicon(path)] == [
        (5, "warning", "'\\u3000': has no character that can be matched, so it is ignored"),
        (7, "warning", "'ａｂ': the same as line 4"),
    ]
    path.write_bytes(b"a\n\xff\n" + b"a" * 63 + b"\nb\xe5\n")
    assert [(p.line, p.severity) for p in check_lexicon(path)] == [(2, "error"), (3, "error"), (4, "error")]
    with pytest.raises(LexiconError, match=r"song.txt:2: not UTF-8 at byte 0"):
        read_lexicon(path)
    with pytest.raises(LexiconError, match=r"none.txt: cannot be read \(No such file"):
        read_lexicon(tmp_path / "none.txt")
    assert lexicon_files(tmp_path, SLOTS) == [path]
    (tmp_path / "town.txt").touch()
    with pytest.raises(LexiconError, match=r"town.txt: the corpus has no slot 'town'; its slots are name, singer"):
        lexicon_files(tmp_path, SLOTS)
    with pytest.raises(LexiconError, match="contains no lexicon"):
        lexicon_files(tmp_path / "none", SLOTS)


def test_the_golden_file() -> None:
    golden = json.loads((GOLDEN / "lexicon.json").read_text(encoding="utf-8"))
    for case in golden["phrases"]:
        assert normalise(case["phrase"]) == case["characters"]
        assert case["key"] in (None, f"{key_of(case['characters']):016x}")
    for case in golden["files"]:
        content = bytes.fromhex(case["hex"])
        if case["line"]:
            with pytest.raises(LexiconError, match=f"^list:{case['line']}: "):
                parse_lexicon(content, "list")
        else:
            numbers = [number for number, _ in numbered_lines(content)]
            assert [list(pair) for pair in zip(numbers, parse_lexicon(content, "list"))] == case["phrases"]
    for case in golden["table"]:
        table = compile_lexicon(case["lists"], SLOTS)
        assert [f"{key:016x}" for key in table.hashes.tolist()] == case["hashes"]
        assert table.owners.tolist() == case["slots"] and table.counts.tolist() == case["counts"]
        assert f"{table.lengths:016x}" == case["lengths"]
    assert len(golden["scenarios"]) == 14


def test_the_golden_file_is_what_its_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario again: each change, its refusal, and the matches and flags of each text."""
    monkeypatch.syspath_prepend(GOLDEN)
    import make_lexicon

    golden = json.loads((GOLDEN / "lexicon.json").read_text(encoding="utf-8"))
    for name, cases in make_lexicon.parts().items():
        assert json.loads(json.dumps(cases)) == golden[name], name


def test_matching_a_corpus_takes_seconds(sample: Any, labels: Labels, vocab: list[str]) -> None:
    """4,000 utterances with 10,000 phrases; 17,000 of a real corpus took 2.5 s on a busy core of an EPYC."""
    phrases = {slot.value for u in sample for slot in u.slots} | {f"{i}号" for i in range(8000)}
    lexicon = compile_lexicon({"song": phrases, "singer": phrases}, labels.slots)
    tokenizer = Tokenizer(vocab)
    encodings = [tokenizer.encode(u.text, 32) for u in sample]
    start = time.process_time()
    matches = [find_matches(lexicon, u.text, e) for u, e in zip(sample, encodings)]
    assert time.process_time() - start < 5
    columns = FlagColumns.of(KINDS, labels)
    assert sum(map(len, matches)) > 4000 and columns.count == 4 * len(labels.slots) + len(labels.intents) + 1
