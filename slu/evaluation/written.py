"""The same utterances as other people say them and other recognisers write them: kinds of ``slu eval --noise``.

``punctuation``: a mark at the end, and now and then a comma before or behind the last name, or 《》 around a title.
``width``: ASCII in its full-width forms. ``spacing``: spaces around names, between scripts, and in long numbers, whose
groups may also be joined by hyphens. ``traditional``: traditional characters, by OpenCC. ``polite``, ``filler``,
``wake``: phrases around the command, of the part ``[check]`` of a directory of phrases (`slu.corpus.speech`), which no
model is trained with. ``mixed``: each of them in a fifth of the utterances, independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from slu.corpus.phrase_files import CHECK
from slu.corpus.speech import KINDS, Phrases, framed, one_of, punctuated, read_phrases, spaced, widened, with_text
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.platform import not_installed

MIXED = ("traditional", "width", "punctuation", "spacing", "filler", "polite", "wake")
"""In the order in which they are applied: a wake word stands outside of polite words."""
MIXED_SHARE = 0.2


def write_otherwise(
    utterances: Sequence[Utterance], kind: str, share: float = 1.0, seed: int = 0, speech: Path | None = None
) -> list[Utterance]:
    """A ``share`` of the utterances in another form, the others as they are; labels follow the text.

    ``speech``: the directory of phrases. Raises `ConfigError` where it is needed and missing.
    """
    phrases = None
    if kind in KINDS or kind == "mixed":
        if speech is None:
            raise ConfigError(f"--noise {kind}: say with --speech where the phrases are, such as data/speech")
        phrases = read_phrases(speech, CHECK)
    found = []
    for number, utterance in enumerate(utterances):
        random = Random(f"{seed} {kind} {number}")
        if random.random() < share:
            for one in [kind] if kind != "mixed" else [k for k in MIXED if random.random() < MIXED_SHARE]:
                utterance = _changed(random, utterance, one, phrases)
        found.append(utterance)
    return found


def _changed(random: Random, utterance: Utterance, kind: str, phrases: Phrases | None) -> Utterance:
    if kind == "punctuation":
        return punctuated(random, utterance)
    if kind == "spacing":
        return spaced(random, utterance)
    if kind == "width":
        return widened(utterance)
    if kind == "traditional":
        return with_text(utterance, traditional_of(utterance.text))
    assert phrases is not None
    return framed(utterance, one_of(random, phrases.frames[kind]))


def traditional_of(text: str) -> str:
    """The text in traditional characters, as many as it has; by phrases, as OpenCC chooses among several forms."""
    converted = str(_converter().convert(text))
    return converted if len(converted) == len(text) else "".join(map(_traditional_character, text))


@lru_cache(maxsize=1 << 14)
def _traditional_character(char: str) -> str:
    converted = str(_converter().convert(char))
    return converted if len(converted) == 1 else char


@lru_cache(maxsize=1)
def _converter():  # type: ignore[no-untyped-def]
    try:
        from opencc import OpenCC
    except ImportError as error:
        raise ConfigError(not_installed("--noise traditional: OpenCC", "noise")) from error
    return OpenCC("s2t")
