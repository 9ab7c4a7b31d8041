"""ERNIE's WordPiece tokenizer with offsets into the original text.

The tokens are those of PaddleNLP's ``ErnieTokenizer`` (a test compares them on generated text), with these
differences, all of them needed so that spans of the text can be labelled:

* a word is also cut between an ASCII digit and anything else (``100ml`` is ``100`` and ``ml``), as slots end there;
* characters are lower-cased and decomposed one at a time, so a final sigma is an ordinary one;
* a piece never ends inside what one character decomposes to (Hangul syllables);
* ``[MASK]`` and the like in a text are three words: what users say is not markup;
* where a text is normalised, a character that the vocabulary lacks is an ``[UNK]`` of its own, not the whole word: so a
  name in another script has as many tokens as one in ideographs, and lexicons find it inside a longer word.

Only the standard library and NumPy are used: tokenizing must not cost an import of PaddleNLP (3 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slu.errors import CheckpointError
from slu.files import read_bytes
from slu.inputs.normalisation import (
    COMBINING,
    DIGIT,
    LEADING,
    MARK,
    PLAIN,
    SINGLE,
    SPACE,
    TRAILING,
    UNHEARD,
    beginning,
    normalise_text,
)
from slu.platform import SLOTS

PAD, CLS, SEP, MASK, UNK = SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]")
MAX_WORD_CHARACTERS = 100
"""A longer word is one ``[UNK]``, as in BERT; it also keeps tokenization linear."""

READ = 16
"""Characters for each token that there is room for, of which a long text is read first."""


@dataclass(frozen=True, **SLOTS)
class Encoding:
    """A tokenized text of ``n`` tokens, ``[CLS]`` and ``[SEP]`` included.

    ``ids``, ``starts``, ``ends``: int32 ``[n]``; token ``i`` stands for ``text[starts[i]:ends[i]]`` (code points);
    both are 0 for ``[CLS]`` and ``[SEP]``. ``truncated``: the text needed more tokens than there was room for.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    truncated: bool


class Tokenizer:
    """WordPiece over a vocabulary. Immutable, so one may serve many threads."""

    def __init__(
        self, vocab: Sequence[str], where: str | Path = "vocabulary", normalisation: str = PLAIN, pairs: bool = False
    ):
        """Raise `CheckpointError` when a special token is missing; ``where`` says in which file.

        ``normalisation``: what is done to a text before, one of `slu.inputs.normalisation.NORMALISATIONS`. ``pairs``:
        whether the first tab of a text separates two texts, and is a ``[SEP]``; it is white space otherwise.
        """
        self.vocab = tuple(vocab)
        self.pairs = pairs
        self.normalisation = normalisation
        # ERNIE's own vocabulary has a few tokens twice; the last one counts, as in PaddleNLP.
        self._ids = {token: i for i, token in enumerate(self.vocab)}
        missing = [t for t in SPECIAL_TOKENS if t not in self._ids]
        if missing:
            raise CheckpointError(f"{where}: {', '.join(missing)} is missing; this is not an ERNIE vocabulary")
        self.pad_id, self.cls_id, self.sep_id, self.mask_id, self.unk_id = (self._ids[t] for t in SPECIAL_TOKENS)
        self._longest = max(map(len, self.vocab))

    @classmethod
    def from_file(cls, path: str | Path, normalisation: str = PLAIN) -> Tokenizer:
        """Read a vocabulary: UTF-8, one token a line, its number is its line."""
        return cls(read_vocab(path), path, normalisation)

    def encode(self, text: str, max_length: int) -> Encoding:
        """Tokenize ``text`` to at most ``max_length`` tokens (``[CLS]`` and ``[SEP]`` count).

        Of a long text no more is read than it takes to fill them, as far as it can be told where to stop.
        """
        read = beginning(text, READ * max_length)
        encoding = self._encode(read, max_length)
        while not encoding.truncated and len(read) < len(text):
            read = beginning(text, 4 * len(read))
            encoding = self._encode(read, max_length)
        return encoding

    def _encode(self, text: str, max_length: int) -> Encoding:
        ids: list[int] = [self.cls_id]
        starts: list[int] = [0]
        ends: list[int] = [0]
        truncated = False
        for token, start, end in self._all_pieces(text):
            if len(ids) == max_length - 1:
                truncated = True
                break
            ids.append(token)
            starts.append(start)
            ends.append(end)
        ids.append(self.sep_id)
        starts.append(0)
        ends.append(0)
        return Encoding(np.array(ids, np.int32), np.array(starts, np.int32), np.array(ends, np.int32), truncated)

    def tokens(self, text: str) -> list[str]:
        """The tokens of ``text`` as strings, without ``[CLS]`` and ``[SEP]``."""
        return [self.vocab[token] for word in _words(text, self.normalisation) for token, _, _ in self._pieces(word)]

    def _all_pieces(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Tokens of a text, each with its start and end."""
        first = text.find("\t") if self.pairs else -1
        for begin, part in ((0, text),) if first < 0 else ((0, text[:first]), (first + 1, text[first + 1 :])):
            if begin:
                yield self.sep_id, first, begin
            for word in _words(part, self.normalisation):
                yield from ((token, begin + start, begin + end) for token, start, end in self._pieces(word))

    def _pieces(self, word: list[tuple[int, int, str]]) -> list[tuple[int, int, int]]:
        """Greedy longest match; ``word`` is [(start and end in the text, normalised characters)]."""
        if len(word) == 1 and word[0][2] in self._ids:  # for speed: so are nearly all words of Chinese text
            start, end, character = word[0]
            return [(self._ids[character], start, end)]
        unknown = [(self.unk_id, word[0][0], word[-1][1])]
        if sum(len(part) for _, _, part in word) > MAX_WORD_CHARACTERS:
            return unknown
        pieces = []
        begin = 0
        while begin < len(word):
            candidate = "##" if begin else ""
            found = None
            for end in range(begin, len(word)):
                candidate += word[end][2]
                if len(candidate) > self._longest:
                    break
                token = self._ids.get(candidate)
                if token is not None:
                    found = token, end + 1
            if found is None:
                if self.normalisation == PLAIN:
                    return unknown
                found = self.unk_id, begin + 1
            pieces.append((found[0], word[begin][0], word[found[1] - 1][1]))
            begin = found[1]
        return pieces


def words_of(text: str, normalisation: str = PLAIN) -> list[str]:
    """The normalised words of ``text``, each of which is cut into tokens by itself."""
    return ["".join(part for _, _, part in word) for word in _words(text, normalisation)]


def _words(text: str, normalisation: str) -> Iterator[list[tuple[int, int, str]]]:
    """Yield each word of ``text`` as a non-empty list of (start, end, normalised characters)."""
    characters = normalise_text(text, normalisation)
    word: list[tuple[int, int, str]] = []
    previous = SPACE
    start = 0
    for place, (kind, normalised) in enumerate(characters):
        if kind in UNHEARD:
            continue
        if previous != LEADING:
            start = place
        end = place + 1
        while normalisation != PLAIN and end < len(characters) and characters[end][0] in (COMBINING, TRAILING):
            end += 1
        alone, apart = kind in (SINGLE, MARK), kind in (SPACE, LEADING, TRAILING)
        if word and (apart or alone or (kind == DIGIT) != (previous == DIGIT)):
            yield word
            word = []
        previous = kind
        if alone:
            yield [(start, end, normalised)]
        elif not apart:
            word.append((start, end, normalised))
    if word:
        yield word


def read_vocab(path: str | Path) -> list[str]:
    """Read a vocabulary file, one token a line; raise `CheckpointError` when it cannot be one."""
    try:
        content = read_bytes(path, 64 << 20).decode("utf-8")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8 at byte {error.start}; is this a vocabulary?") from error
    return content.replace("\r\n", "\n").removesuffix("\n").split("\n")
