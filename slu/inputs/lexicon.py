"""Lexicons: the names that each slot can have, such as the contacts of a phone, and their matches in a text.

A lexicon has entries, one for each name. An entry is compared by its normalised characters, those of the tokens
(`slu.inputs.normalisation`): neither case nor spaces matter, nor whether the vocabulary has the characters. It matches
where these characters follow one another, from the first character of a token to the last character of one; matches may
lie inside others.

Of an entry a 64-bit hash is kept. So the time of matching does not depend on the number of entries, an entry takes 10
bytes, and no readable list of contacts is in the memory of a phone. The C++ engine does the same with the same table
(both are tested against tests/golden/lexicon.json).

Only the standard library and NumPy are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np

from slu.errors import CheckpointError, LexiconError
from slu.inputs.entries import FACTOR, MAX_CHARACTERS, SEED, WORD, key_of, normalise, read_lexicon
from slu.inputs.normalisation import PLAIN, beginning, normalise_text
from slu.inputs.tokenizer import Encoding


class Match(NamedTuple):
    """Entry ``key`` of slot number ``slot`` matches the tokens ``[first, end)`` of an `Encoding` ([CLS] is 0)."""

    slot: int
    first: int
    end: int
    key: int


class Entries(Protocol):
    """What a text can be matched with. ``lengths``: bit ``l`` is set if there may be an entry of ``l`` characters.

    ``normalisation``: of entries and texts, see `slu.inputs.normalisation`.
    """

    slots: tuple[str, ...]
    normalisation: str

    @property
    def lengths(self) -> int: ...

    def lookup(self, key: int) -> int:
        """The slots of an entry as bits: bit ``s`` is set if slot ``s`` has it."""
        ...

    def keys(self) -> Iterable[int]:
        """All keys for which `lookup` may find something."""
        ...


def find_matches(entries: Entries, text: str, encoding: Encoding) -> list[Match]:
    """All matches of entries in a text, ordered by first token, end and slot. The time is linear in the text."""
    lengths, lookup = entries.lengths, entries.lookup
    if not lengths:
        return []
    characters, borders = characters_of_tokens(text, encoding, entries.normalisation)
    codes, begins = list(map(ord, characters)), borders.tolist()
    longest = lengths.bit_length() - 1
    matches = []
    for first in range(len(begins) - 1):
        value = SEED
        begin = at = begins[first]
        for end in range(first + 1, len(begins)):
            stop = begins[end]
            if stop - begin > longest:
                break
            for code in codes[at:stop]:
                value = ((value ^ code) * FACTOR) & WORD
            at = stop
            if lengths >> (stop - begin) & 1:
                key = (value ^ (value >> 32)) or 1
                found = lookup(key)
                while found:
                    slot = (found & -found).bit_length() - 1
                    found &= found - 1
                    matches.append(Match(slot, first + 1, end + 1, key))
    return matches


def characters_of_tokens(text: str, encoding: Encoding, normalisation: str) -> tuple[str, np.ndarray]:
    """The normalised characters of a text as far as it has tokens, perhaps with further ones, and where in them each
    token begins, and the last one ends."""
    starts, ends = encoding.starts[1:-1], encoding.ends[1:-1]
    text = beginning(text, int(ends[-1])) if len(ends) else ""  # a long text is not read to its end
    replacements = [replacement for _, replacement in normalise_text(text, normalisation)]
    characters = "".join(replacements)
    borders = np.append(starts, ends[-1:] if len(ends) else 0)
    if len(characters) != len(text) or "" in replacements:
        borders = np.array([0, *accumulate(map(len, replacements))], np.int32)[borders]
    return characters, borders


class CompiledLexicon:
    """The lexicons of a model as one table: a set of (hash, slot), with open addressing and linear probing.

    ``hashes`` uint64 ``[capacity]``, 0 where a place is free, and ``slots`` uint16 ``[capacity]``: a name that is in
    several lexicons is several entries. ``lengths`` as in `Entries`; ``counts``: entries of each slot. An entry is
    stored at ``key * capacity >> 64``, or at the next free place after it; entries are inserted in the order of that
    place, then of the key, then of the slot, so that the same lexicons give the same table.
    """

    def __init__(
        self, hashes: np.ndarray, owners: np.ndarray, lengths: int, slots: Sequence[str], normalisation: str = PLAIN
    ):
        self.normalisation = normalisation
        self.hashes, self.owners, self.lengths = hashes, owners, lengths
        self.slots = tuple(slots)
        used = np.flatnonzero(hashes)
        self.counts = np.bincount(owners[used], minlength=len(self.slots)).astype(np.uint32)
        self._masks: dict[int, int] = {}
        for key, slot in zip(hashes[used].tolist(), owners[used].tolist()):
            self._masks[key] = self._masks.get(key, 0) | 1 << slot

    @property
    def nbytes(self) -> int:
        return self.hashes.nbytes + self.owners.nbytes

    def __len__(self) -> int:
        return int(self.counts.sum())

    def lookup(self, key: int) -> int:
        return self._masks.get(key, 0)

    def keys(self) -> Iterable[int]:
        return self._masks.keys()

    def count_of_slot(self) -> dict[str, int]:
        """The number of entries of each slot that has some."""
        return {name: int(count) for name, count in zip(self.slots, self.counts) if count}

    def tensors(self) -> dict[str, np.ndarray]:
        """The tensors of ``lexicon.safetensors``."""
        lengths = np.array([self.lengths], np.uint64)
        return {"hashes": self.hashes, "slots": self.owners, "lengths": lengths, "counts": self.counts}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], slots: Sequence[str], where: str, normalisation: str = PLAIN
    ) -> CompiledLexicon:
        """Inverse of `tensors`; raise `CheckpointError` for what `compile_lexicon` cannot have made."""
        shapes = {"hashes": (np.uint64, None), "slots": (np.uint16, None), "lengths": (np.uint64, 1)}
        for name, (kind, size) in {**shapes, "counts": (np.uint32, len(slots))}.items():
            tensor = tensors.get(name)
            if tensor is None or tensor.dtype != kind or tensor.ndim != 1 or (size and len(tensor) != size):
                raise CheckpointError(f"{where}: {name} is missing, or has another type or shape; copy the file again")
        if set(tensors) != {*shapes, "counts"} or len(tensors["hashes"]) != len(tensors["slots"]):
            raise CheckpointError(f"{where}: not the tensors of a lexicon; copy the file again")
        hashes, owners, lengths = tensors["hashes"], tensors["slots"], int(tensors["lengths"][0])
        used = hashes != 0
        entries = sorted(zip(hashes[used].tolist(), owners[used].tolist()))
        good = not used.all() and (owners[used] < len(slots)).all() and 0 <= lengths < 1 << (MAX_CHARACTERS + 1)
        good = good and (lengths & 1) == 0 and bool(lengths) == bool(entries)
        if not good or not _same(_table(entries, len(hashes)), (hashes, owners)):
            raise CheckpointError(f"{where}: the table is damaged; copy the file again")
        lexicon = cls(hashes, owners, lengths, slots, normalisation)
        if not np.array_equal(lexicon.counts, tensors["counts"]):
            raise CheckpointError(f"{where}: counts differ from the table; copy the file again")
        return lexicon


def compile_lexicon(
    lexicons: Mapping[str, Iterable[str]], slots: Sequence[str], normalisation: str = PLAIN
) -> CompiledLexicon:
    """Make the table of ``lexicons``: entries by slot name. Raises `LexiconError` for an entry that is too long.

    Entries that normalisation makes empty are skipped.
    """
    table: set[tuple[int, int]] = set()
    lengths = 0
    for name, entries in lexicons.items():
        slot = _slot_number(name, slots)
        keys, bits = _keys(entries, name, normalisation)
        table.update((key, slot) for key in keys)
        lengths |= bits
    # The start is monotonic in the key, so this is the order in which entries are put in.
    hashes, owners = _table(sorted(table), max(1, -(-4 * len(table) // 3)))
    return CompiledLexicon(hashes, owners, lengths, slots, normalisation)


class Lexicon:
    """Lexicons that can be changed while a model is in use: a layer on top of others, which it does not modify.

    ``below``: the layer that decides about every entry of which this one says nothing. The parser's layer is above the
    lexicons of the model's file, and a session's above the parser's. Later changes override earlier ones.
    """

    def __init__(self, below: Entries):
        self.slots = below.slots
        self.normalisation = below.normalisation
        self._below = below
        self._lengths = 0
        # Slots whose entries of the layers below are ignored, as bits; entries that are added, and removed. What takes
        # something back makes new ones, so that a thread that parses sees either all of it or nothing.
        self._layer: tuple[int, dict[int, int], dict[int, int]] = (0, {}, {})
        self._lock = Lock()
        self._share = 1.0

    def add(self, slot: str, entries: Iterable[str]) -> None:
        """Add entries to the lexicon of ``slot``. Like every change, it is made completely or not at all."""
        bit, (keys, lengths) = self._bit(slot), _keys(entries, slot, self.normalisation)
        with self._lock:
            _, added, removed = self._layer
            self._lengths |= lengths
            for key in keys:
                added[key] = added.get(key, 0) | bit
                removed[key] = removed.get(key, 0) & ~bit

    def remove(self, slot: str, entries: Iterable[str]) -> None:
        """Remove entries, also those of the layers below. Entries that are in no lexicon are ignored."""
        bit, (keys, _) = self._bit(slot), _keys(entries, slot, self.normalisation)
        with self._lock:
            _, added, removed = self._layer
            for key in keys:
                added[key] = added.get(key, 0) & ~bit
                removed[key] = removed.get(key, 0) | bit

    def replace(self, slot: str, entries: Iterable[str]) -> None:
        """Let ``slot`` have these entries and no others."""
        bit, (keys, lengths) = self._bit(slot), _keys(entries, slot, self.normalisation)
        with self._lock:
            hidden, added, removed = self._without(bit)
            for key in keys:
                added[key] = added.get(key, 0) | bit
            self._lengths |= lengths
            self._layer = hidden | bit, added, removed

    def reset(self, slot: str | None = None) -> None:
        """Undo all changes of this layer, for one slot or, without one, for all."""
        bits = (1 << len(self.slots)) - 1 if slot is None else self._bit(slot)
        with self._lock:
            self._layer = self._without(bits)

    def add_file(self, slot: str, path: str | Path) -> None:
        """Add the entries of a file (see `slu.inputs.entries`)."""
        self.add(slot, read_lexicon(path, self.normalisation))

    def thin(self, share: float) -> None:
        """Ignore all but this share of the entries, also of the layers below: to measure incomplete lexicons.

        The choice depends on the entries only, and a smaller share keeps a part of what a larger one keeps.
        """
        self._share = share

    @property
    def lengths(self) -> int:
        return self._lengths | self._below.lengths

    def lookup(self, key: int) -> int:
        hidden, added, removed = self._layer
        found = self._below.lookup(key) & ~(hidden | removed.get(key, 0)) | added.get(key, 0)
        counts = self._share == 1 or (key * FACTOR & WORD) < self._share * (WORD + 1)
        return found if counts else 0

    def keys(self) -> Iterable[int]:
        return chain(self._below.keys(), list(self._layer[1]))

    def _without(self, bits: int) -> tuple[int, dict[int, int], dict[int, int]]:
        """This layer without its changes to these slots."""
        hidden, added, removed = self._layer
        kept = [{key: mask & ~bits for key, mask in masks.items() if mask & ~bits} for masks in (added, removed)]
        return hidden & ~bits, kept[0], kept[1]

    def _bit(self, slot: str) -> int:
        return 1 << _slot_number(slot, self.slots)


def _slot_number(name: str, slots: Sequence[str]) -> int:
    try:
        return list(slots).index(name)
    except ValueError:
        raise LexiconError(f"the model has no slot {name!r}; it has {', '.join(slots) or 'none'}") from None


def _keys(entries: Iterable[str], slot: str, normalisation: str) -> tuple[list[int], int]:
    """Hashes of entries, and the set of their lengths as bits."""
    if isinstance(entries, str):
        raise LexiconError(f"{slot}: a single text, {entries[:20]!r}; give a list of entries")
    keys, lengths = [], 0
    for number, entry in enumerate(entries, 1):
        normalised = normalise(entry, normalisation)
        if len(normalised) > MAX_CHARACTERS:
            raise LexiconError(
                f"{slot}: entry {number} has {len(normalised)} characters, at most {MAX_CHARACTERS} fit; shorten it"
            )
        if normalised:
            keys.append(key_of(normalised))
            lengths |= 1 << len(normalised)
    return keys, lengths


def _table(entries: Sequence[tuple[int, int]], capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Put sorted entries (key, slot) into a table; ``capacity`` is above their number."""
    hashes, owners = np.zeros(capacity, np.uint64), np.zeros(capacity, np.uint16)
    if entries:
        order = np.arange(len(entries))
        starts = np.array([key * capacity >> 64 for key, _ in entries])
        # Each is at its start or right after the previous one; past the end they continue at the beginning.
        places = np.maximum.accumulate(starts - order) + order
        past = places >= capacity
        free = np.setdiff1d(np.arange(capacity), places[~past], assume_unique=True)
        places[past] = free[: past.sum()]
        hashes[places] = [key for key, _ in entries]
        owners[places] = [slot for _, slot in entries]
    return hashes, owners


def _same(one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two))
