"""Trying names: what is counted, the templates, and the lists that the project ships."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slu.cli import main
from slu.corpus.sample.names import MAKERS, invent
from slu.corpus.utterance import Slot
from slu.errors import LexiconError
from slu.evaluation.unseen_names import read_templates, try_names
from slu.inputs.entries import read_lexicon
from slu.runtime.parser import ParseResult

DATA = Path(__file__).parents[3] / "data" / "new_names"


class ListParser:
    """Finds what is in its list, as a contact, and the last character of the text, as a song."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self.lexicon = SimpleNamespace(add=lambda slot, names: self.known.extend(names))

    def parse_batch(self, texts: list[str]) -> list[ParseResult]:
        return [ParseResult(text, "call", 1.0, True, self.slots(text)) for text in texts]

    def slots(self, text: str) -> tuple[Slot, ...]:
        found = [Slot("contact_name", n, text.index(n), text.index(n) + len(n)) for n in self.known if n in text]
        return (*found, Slot("song", text[-1], len(text) - 1, len(text))) if text.endswith("歌") else tuple(found)


def test_counts() -> None:
    parser: Any = ListParser()
    result = try_names(parser, "contact_name", ["诸葛小明", "李雷"], ["打给{}", "{}的歌", "给{}"])
    assert result == {
        "slot": "contact_name", "names": 2, "utterances": 6,
        "slot_before": 0.0, "exact_before": 0.0, "slot_after": 100.0, "exact_after": pytest.approx(200 / 3),
    }  # fmt: skip


def test_templates(tmp_path: Path) -> None:
    path = tmp_path / "templates.txt"
    path.write_text("# comment\n\nsong\t听{}\nsong\t放{}吧\ncontact_name\t打给{}\n", encoding="utf-8")
    assert read_templates(path) == {"song": ["听{}", "放{}吧"], "contact_name": ["打给{}"]}
    for bad in ("song 听{}", "song\t听", "song\t{}和{}", "\t听{}"):
        path.write_text(f"song\t听{{}}\n{bad}\n", encoding="utf-8")
        with pytest.raises(LexiconError, match=r"templates\.txt:2: write it as the slot, a tab"):
            read_templates(path)
    path.write_bytes(b"song\t\xff{}\n")
    with pytest.raises(LexiconError, match="not UTF-8"):
        read_templates(path)


def test_shipped_names_are_what_the_generator_makes() -> None:
    templates = read_templates(DATA / "templates.txt")
    for slot in MAKERS:
        assert read_lexicon(DATA / f"{slot}.txt") == invent(slot)
        assert len(set(templates[slot])) == 10


def test_command(checkpoint_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.txt"
    names.write_text("诸葛小明\n", encoding="utf-8")
    arguments = ["lexicon", "try", str(checkpoint_directory), f"contact_name={names}", "--templates"]
    assert main([*arguments, str(tmp_path / "none.txt")]) == 2
    (tmp_path / "t.txt").write_text("song\t听{}\n", encoding="utf-8")
    assert main([*arguments, str(tmp_path / "t.txt")]) == 2
    assert "no sentence for contact_name" in capsys.readouterr().err
