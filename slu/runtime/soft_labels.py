"""Soft labels: the logits of a teacher for texts, in files that students learn from.

A directory of `DESCRIPTION` and shards, safetensors files of so many lines of the labelled file each, with the tensors

* ``hashes``: uint64 ``[n]``, `text_hash` of each text and of what was asked with it;
* ``tokens``: int64 ``[n]``, the number of tokens of each text, [CLS] and [SEP] counted;
* for each output of the head its name: float32 ``[n, width]``, or ``[sum of tokens, width]`` for one row a token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slu.errors import BundleError
from slu.files import open_regular, read_bytes
from slu.inputs.lexicon import Entries
from slu.runtime.python_parser import PythonParser

DESCRIPTION = "soft-labels.json"
"""Which model, which file, which shards."""
HASHES, TOKENS = "hashes", "tokens"


def shard_name(number: int) -> str:
    """Name of the file of a shard."""
    return f"soft-labels-{number:05}.safetensors"


class Question(NamedTuple):
    """What a teacher is asked about: a ``text``; the intent before it, ``previous``, empty for the first utterance of a
    session, None if it is not known; and entries (slot, name) that its lexicons have for this text only."""

    text: str
    previous: str | None = None
    entries: tuple[tuple[str, str], ...] = ()

    @property
    def lexicons(self) -> dict[str, list[str]]:
        """The entries by slot."""
        found: dict[str, list[str]] = {}
        for slot, name in self.entries:
            found.setdefault(slot, []).append(name)
        return found

    def to_json(self) -> str:
        """As a line of a file for ``slu label``."""
        whole = {"text": self.text, "previous_intent": self.previous, "lexicons": self.lexicons}
        return json.dumps({name: value for name, value in whole.items() if value not in (None, {})}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Question:
        """Inverse of `to_json`; raise `ValueError` for anything else."""
        found = json.loads(line)
        try:
            text, previous, lexicons = found["text"], found.get("previous_intent"), found.get("lexicons", {})
            entries = tuple((slot, name) for slot, names in lexicons.items() for name in names)
            if set(found) - {"text", "previous_intent", "lexicons"} or isinstance(lexicons, str):
                raise ValueError
            if not all(isinstance(one, str) for one in (text, *(name for _, name in entries))):
                raise ValueError
            if not isinstance(previous, (str, type(None))) or any(isinstance(n, str) for n in lexicons.values()):
                raise ValueError
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError from error
        return cls(text, previous, entries)


def text_hash(question: Question | str) -> int:
    """64 bits by which the labels of a text are found: BLAKE2b of its UTF-8, little endian.

    If more is asked than a text, it is the hash of the line of JSON that asks it (`Question.to_json`).
    """
    if isinstance(question, str):
        question = Question(question)
    more = question.previous is not None or question.entries
    data = (question.to_json() if more else question.text).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8, person=b"question" if more else b"").digest()
    return int.from_bytes(digest, "little")


def logit_tensors(
    parser: PythonParser,
    texts: Sequence[str],
    previous_intents: Sequence[str | None] | None = None,
    lexicon: Entries | None = None,
    added: Sequence[Mapping[str, Sequence[str]]] | None = None,
) -> dict[str, np.ndarray]:
    """`TOKENS` and the outputs, as above; arguments as those of `PythonParser.logits`."""
    encodings = [parser.tokenizer.encode(text, parser.backend.max_length) for text in texts]
    found = parser.logits(texts, previous_intents, lexicon, added, encodings)
    tensors = {TOKENS: np.array([len(encoding.ids) for encoding in encodings], np.int64)}
    for number, output in enumerate(parser.head.outputs):
        of_one = [logits[number] for logits in found]
        tensors[output.logits] = np.concatenate(of_one) if output.per_token else np.stack(of_one)
    return tensors


class SoftLabels:
    """The soft labels of a directory, found by their text. Shards are mapped, not read."""

    def __init__(self, directory: str | Path):
        """Open a whole directory; raise `BundleError` for one that is not."""
        from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]

        self.path = Path(directory)
        self.description = description_of(self.path)
        if not self.description.get("complete"):
            raise BundleError(f"{self.path}: is not complete; run slu label again, it goes on where it was")
        self._shards: list[Any] = []
        self._places: dict[int, tuple[int, int, int]] = {}
        for number in range(self.description["shards"]):
            path = self.path / shard_name(number)
            try:
                open_regular(path).close()
                shard: Any = safe_open(path, "numpy")
                hashes, tokens = shard.get_tensor(HASHES), shard.get_tensor(TOKENS)
            except (OSError, SafetensorError) as error:
                raise BundleError(f"{path}: cannot be read ({error}); run slu label again") from error
            starts = np.concatenate([[0], np.cumsum(tokens)[:-1]]) if len(tokens) else tokens
            self._shards.append(shard)
            for row, (key, start) in enumerate(zip(hashes.tolist(), starts.tolist())):
                self._places[key] = number, row, start

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, question: Question | str) -> bool:
        return text_hash(question) in self._places

    def logits(self, question: Question | str) -> dict[str, np.ndarray]:
        """The logits of a text by the names of the outputs; raise `KeyError` for one that was not labelled."""
        number, row, start = self._places[text_hash(question)]
        shard = self._shards[number]
        count = int(shard.get_slice(TOKENS)[row : row + 1][0])
        found = {}
        for name, per_token in self.description["outputs"].items():
            part = shard.get_slice(name)
            found[name] = part[start : start + count] if per_token else part[row : row + 1][0]
        return found


def description_of(directory: Path) -> dict[str, Any]:
    """What `DESCRIPTION` says; raise `BundleError` if there is none."""
    path = directory / DESCRIPTION
    try:
        found = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read; slu label makes such directories") from error
    if not isinstance(found, dict) or not isinstance(found.get("shards"), int):
        raise BundleError(f"{path}: is not what slu label writes; make the soft labels again")
    return found
