"""Utterances that fit no intent: how many of them are answered with "understood": false, or as out of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from slu.corpus.labels import OTHERS
from slu.corpus.speech import one_of
from slu.corpus.utterance import Utterance
from slu.errors import CorpusError
from slu.evaluation.reliability import auroc
from slu.files import read_bytes
from slu.heads.measures import percent
from slu.runtime.parser import Parser, ParseResult
from slu.tables import text_table

OTHER_DOMAINS = Path(__file__).with_name("other_domains.txt")
"""Sentences about weather, shopping, cooking and so on: ``domain<TAB>sentence`` a line."""

JOINERS = ("而且", "之后", "，还有", "完了再", "，并", "顺便", "、", "，同时", "另外", "以及")
"""Words between two commands. Of those that models are trained with (`data/speech/joiner.txt`) none is among them."""
_MARKS = "。，！？、；：…·.,!?;:-~"
_BLANK = ("", " ", "   ", "\t", "\u3000")


def negatives(utterances: Sequence[Utterance], other_domains: Path, seed: int = 0) -> dict[str, list[str]]:
    """Texts that should be rejected, by kind.

    ``two_commands``: two utterances of different intents that are not `OTHERS`, with a word of `JOINERS`
    between. ``rubbish``: such an utterance with one of the sentences behind it, or one of ``shuffled``.

    ``random``: for every utterance one of the same length, of characters drawn from all that occur. ``shuffled``: the
    characters of the utterances with at least 4 in another order. ``other_domain``: the sentences of a file, one a
    line, what stands before a tab being left out. ``empty``: nothing, white space, and punctuation.
    """
    rng = Random(seed)
    alphabet = sorted({char for utterance in utterances for char in utterance.text if not char.isspace()})
    drawn = ["".join(rng.choice(alphabet) for _ in utterance.text) for utterance in utterances]
    shuffled = [_shuffled(u.text, rng) for u in utterances if len(u.text) >= 4 and len(set(u.text)) > 1]
    empty = [*_BLANK, *(mark * count for mark in _MARKS for count in (1, 2, 3))]
    sentences = _sentences(other_domains)
    groups = {"random": drawn, "shuffled": shuffled, "other_domain": sentences, "empty": empty}
    groups |= _half_understandable(utterances, sentences, shuffled, Random(seed))
    return {kind: texts for kind, texts in groups.items() if texts}


def _half_understandable(
    utterances: Sequence[Utterance], sentences: Sequence[str], shuffled: Sequence[str], rng: Random
) -> dict[str, list[str]]:
    """A text of each kind for every utterance that is a command, of which a model might do one half."""
    commands = [utterance for utterance in utterances if utterance.intent != OTHERS]
    two, rubbish = [], []
    for command in commands:
        other = one_of(rng, commands)
        if other.intent != command.intent:
            two.append(command.text + one_of(rng, JOINERS) + other.text)
        behind = shuffled if shuffled and rng.random() < 0.5 else sentences
        rubbish.append(command.text + one_of(rng, behind))
    return {"two_commands": two, "rubbish": rubbish}


def measure_rejection(
    parser: Parser,
    utterances: Sequence[Utterance],
    answers: Sequence[ParseResult],
    groups: dict[str, list[str]],
    keep: float,
) -> dict[str, Any]:
    """Shares of every kind that are rejected, in percent, at two thresholds.

    ``model``: the model's own; ``kept``: the highest that ``keep`` percent of ``utterances``, which were answered with
    ``answers``, reach. ``not_understood``: below the threshold; ``rejected``: that, or answered with `OTHERS`
    where the model has such an intent. The kinds ``real`` (utterances of other intents) and ``real_others`` say what
    the same does to what should be answered, and to what is labelled `OTHERS`. ``auroc``: of the score, between
    all utterances and this kind.
    """
    scores = np.array([answer.score for answer in answers])
    others = [utterance.intent == OTHERS for utterance in utterances]
    kinds: dict[str, list[ParseResult]] = {
        "real": [a for a, other in zip(answers, others) if not other],
        "real_others": [a for a, other in zip(answers, others) if other],
    }
    kinds = {kind: found for kind, found in kinds.items() if found}
    kinds |= {kind: parser.parse_batch(texts) for kind, texts in groups.items()}
    right = np.array([parser.head.right(u, a, parser.labels) for u, a in zip(utterances, answers)])
    thresholds = {"model": parser.threshold, "kept": keep_threshold(scores, keep / 100)}
    table = []
    for name, threshold in thresholds.items():
        kept = scores >= threshold
        shares = {kind: _shares(found, threshold) for kind, found in kinds.items()}
        table.append(
            {
                "name": name,
                "threshold": threshold,
                "kept": percent(kept.sum(), len(kept)),
                "kept_of_right": percent((kept & right).sum(), right.sum()),
                "exact_of_kept": percent((kept & right).sum(), kept.sum()),
                "kinds": shares,
            }
        )
    return {
        "keep": keep,
        "out_of_domain": OTHERS if OTHERS in parser.labels.intents else None,
        "thresholds": table,
        "auroc": {
            kind: auroc(
                np.concatenate([scores, [answer.score for answer in kinds[kind]]]),
                np.arange(len(scores) + len(kinds[kind])) < len(scores),
            )
            for kind in groups
        },
    }


def keep_threshold(scores: np.ndarray, share: float) -> float:
    """The highest score that at least ``share`` of ``scores`` reach; 0 where there are none."""
    return float(np.quantile(scores, 1 - share, method="lower")) if len(scores) else 0.0


def rejection_table(result: dict[str, Any]) -> list[str]:
    """Lines for people: a row a kind, at each threshold."""
    lines = []
    for row in result["thresholds"]:
        what = "the model's own" if row["name"] == "model" else f"keeps {result['keep']:g} % of the utterances"
        lines += [
            "",
            f"threshold {row['threshold']:.4f}, {what}: understood {row['kept']:.2f} % "
            f"({row['kept_of_right']:.2f} % of the right answers), {row['exact_of_kept']:.2f} % of them exact",
        ]
        cells = [["kind", "utterances", "not understood", "rejected"]]
        for kind, share in row["kinds"].items():
            numbers = (share["not_understood"], share["rejected"])
            cells.append([kind, str(share["utterances"]), *(f"{number:.2f}" for number in numbers)])
        lines += text_table(cells, indent=2)
    also = f", or answered {result['out_of_domain']}" if result["out_of_domain"] else ""
    return [*lines, f"  rejected: not understood{also}; real: utterances of the file that are not {OTHERS}"]


def _shares(answers: Sequence[ParseResult], threshold: float) -> dict[str, Any]:
    missed = [answer.score < threshold for answer in answers]
    refused = [miss or answer.intent == OTHERS for miss, answer in zip(missed, answers)]
    return {
        "utterances": len(answers),
        "not_understood": percent(sum(missed), len(answers)),
        "rejected": percent(sum(refused), len(answers)),
    }


def _shuffled(text: str, rng: Random) -> str:
    """The same characters in another order; there must be two different ones."""
    chars = list(text)
    while True:
        rng.shuffle(chars)
        if "".join(chars) != text:
            return "".join(chars)


def _sentences(path: Path) -> list[str]:
    try:
        lines = read_bytes(path).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise CorpusError(f"{path}: cannot be read ({reason}); --reject takes one sentence a line") from error
    sentences = [line.rpartition("\t")[2].strip() for line in lines]
    found = [sentence for sentence in sentences if sentence]
    if not found:
        raise CorpusError(f"{path}: no sentences; write one a line")
    return found
