"""``slu analyze``: everything that can be said about the answers of a model to a labelled file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from slu.analysis.classes import class_tables, level_tables
from slu.analysis.dirty import Conflict, Dirty, find_conflicts, find_dirty, labelled_as
from slu.analysis.examples import Representers, class_names, class_table, classes_of, nearest, representers
from slu.analysis.importance import COMPLETE, Importance, explain
from slu.analysis.passages import LEFT_OUT, Window, add_excerpts, explained_windows, in_short, window_of
from slu.analysis.quick import previous_intents
from slu.analysis.sparse import label_next, support
from slu.corpus.utterance import Utterance
from slu.corpus.words import characters, has_segmenter, words
from slu.evaluation.evaluate import evaluate, summary
from slu.model.checkpoint import Checkpoint
from slu.runtime.loading import checkpoint_parser
from slu.runtime.parser import ParseResult

if TYPE_CHECKING:
    from slu.model.network import ErnieWithHead

REASONS = 6
"""Most reasons of one answer that are explained."""
NEIGHBOURS = 3
"""Training texts that are shown beside one."""


@dataclass(frozen=True)
class Question:
    """What is asked. ``examples``: how many wrong answers are explained. ``named``: the share of the training lines
    that are named as probably wrong. ``thin``: the share of the labelled texts that are shown as thinly supported.
    ``next``: how many of the unlabelled lines to label. ``by_words``: explain words, not characters."""

    examples: int = 20
    named: float = 0.1
    thin: float = 0.05
    next: int = 100
    by_words: bool = True
    seed: int = 0


@dataclass
class Analysis:
    """What came out. ``facts``: all of it, ready for JSON. ``bad``: numbers of the labelled texts that were answered
    wrongly, the surest first; ``dirty``: of the training lines that are probably wrong; ``next``: of the unlabelled
    lines to label."""

    facts: dict[str, Any]
    bad: list[int] = field(default_factory=list)
    dirty: list[int] = field(default_factory=list)
    next: list[int] = field(default_factory=list)


def analyse(
    checkpoint: Checkpoint,
    dev: Sequence[Utterance],
    train: Sequence[Utterance] | None,
    unlabelled: Sequence[str],
    question: Question,
    say: Callable[[str], None] = lambda text: None,
) -> Analysis:
    """Answer all questions that the given parts allow. Needs Paddle; takes one core."""
    from slu.analysis.inside import features, float_network

    started = time.monotonic()
    network = float_network(checkpoint)
    parser = checkpoint_parser(checkpoint)
    say(f"analyze: {len(dev)} texts are answered")
    result, answers = evaluate(parser, dev)
    tables = class_tables(
        result["classes"], dev, [answered(a, u) for a, u in zip(answers, dev)], train, checkpoint.head.kinds
    )
    facts: dict[str, Any] = {
        "task": checkpoint.head.name,
        "question": asdict(question),
        "measures": summary(result),
        "classes": tables,
        "levels": level_tables(tables.get("labels", []), result.get("levels", ())),
        "texts": {"data": len(dev), "train": len(train or ()), "unlabelled": len(unlabelled)},
    }
    wrong = [i for i, u in enumerate(dev) if not checkpoint.head.right(u, answers[i], checkpoint.labels)]
    wrong.sort(key=lambda i: -answers[i].score)
    analysis = Analysis(facts, bad=wrong)
    before: list[str | None] = list(_previous(dev, answers, parser.uses_previous_intent))
    facts["bad"] = [_case(i, dev[i], answers[i], before[i]) for i in wrong]
    shown = wrong[: question.examples]
    say(f"analyze: {len(wrong)} wrong answers, {len(shown)} of them are explained")
    facts["importance"] = _importance(checkpoint, network, dev, answers, before, shown, question)
    facts["conflicts"] = {"data": _conflicts(find_conflicts(dev))}
    if train is not None:
        say(f"analyze: {len(train)} training texts are read")
        own = features(network, checkpoint, [u.text for u in dev], before)
        gold: list[str | None] = list(previous_intents(train)) if checkpoint.head.dialogues else [None] * len(train)
        theirs = features(network, checkpoint, [u.text for u in train], gold)
        facts["behind"] = _behind(checkpoint, dev, answers, train, own, theirs, shown)
        facts["conflicts"]["train"] = _conflicts(find_conflicts(train))
        if checkpoint.head.windows:
            facts["dirty"] = {"left_out": LEFT_OUT}
        else:
            say("analyze: cross-validation of the training labels")
            found = find_dirty(train, checkpoint.labels, question.seed)
            analysis.dirty = found.order[: max(1, round(question.named * len(train)))].tolist()
            facts["dirty"] = _dirty(found, train, analysis.dirty)
        supported = support(dev, own, train, theirs)
        thin = np.argsort(supported, kind="stable")[: max(1, round(question.thin * len(dev)))].tolist()
        right = np.array([i not in set(wrong) for i in range(len(dev))])
        facts["sparse"] = _sparse(dev, supported, thin, right)
        if unlabelled:
            read = features(network, checkpoint, unlabelled)
            chosen = label_next(thin, own, read, question.next)
            analysis.next = [wanted.line for wanted in chosen]
            guesses = parser.parse_batch([unlabelled[i] for i in analysis.next])
            facts["next"] = [
                {"line": w.line + 1, "text": unlabelled[w.line], "like": dev[w.thin].text, "cosine": w.cosine,
                 "answer": labelled_as(answered(guess)), "score": guess.score}
                for w, guess in zip(chosen, guesses)
            ]  # fmt: skip
            if checkpoint.head.windows:
                for row, guess in zip(facts["next"], guesses):
                    row.update(in_short(guess.text, guess.slots))
    if checkpoint.head.windows:
        add_excerpts(facts, dev, [answered(answer) for answer in answers], train or ())
    facts["seconds"] = round(time.monotonic() - started, 1)
    return analysis


def answered(answer: ParseResult, utterance: Utterance | None = None) -> Utterance:
    """An answer in the form of a labelled utterance, of the session of ``utterance``."""
    labels = tuple(label.name for label in answer.labels or ())
    return Utterance(answer.text, answer.intent, answer.slots, utterance.session if utterance else "", labels)


def _previous(dev: Sequence[Utterance], answers: Sequence[ParseResult], used: bool) -> list[str] | list[None]:
    """The previous intent that each text was parsed with: the answer to the text before."""
    if not used:
        return [None] * len(dev)
    return previous_intents([answered(answer, utterance) for answer, utterance in zip(answers, dev)])


def _case(number: int, utterance: Utterance, answer: ParseResult, previous: str | None) -> dict[str, Any]:
    case = {"number": number + 1, "text": utterance.text, "labelled": labelled_as(utterance)}
    case |= {"answered": labelled_as(answered(answer)), "score": answer.score}
    return case | ({} if previous is None else {"previous_intent": previous})


def _importance(
    checkpoint: Checkpoint,
    network: ErnieWithHead,
    dev: Sequence[Utterance],
    answers: Sequence[ParseResult],
    before: Sequence[str | None],
    shown: Sequence[int],
    question: Question,
) -> dict[str, Any]:
    from slu.analysis.inside import Path

    by_words = question.by_words and has_segmenter()
    texts, found = [], []
    for i in shown:
        units = words(dev[i].text) if by_words else characters(dev[i].text)
        rows = []
        for encoding, given, wanted in _windows(checkpoint, network, answered(answers[i]), dev[i]):
            reasons = [*given, *(reason for reason in wanted if reason not in given)][:REASONS]
            path = Path(network, checkpoint, dev[i].text, before[i], encoding if checkpoint.head.windows else None)
            for one in explain(path, encoding, units, reasons):
                found.append(one)
                row = _importance_row(one, one.reason in given, one.reason in wanted)
                rows.append(row | window_of(encoding, one.reason))
        texts.append({"number": i + 1, "reasons": rows})
    errors = [one.error for one in found]
    alike = [one.agreement for one in found if one.agreement is not None]
    return {
        "units": "words" if by_words else "characters",
        "reasons": len(found),
        "complete": sum(error <= COMPLETE for error in errors),
        "largest_error": max(errors, default=0.0),
        "points": max((one.points for one in found), default=0),
        "agreement": float(np.mean(alike)) if alike else None,
        "same_first": sum(one.same_first for one in found) / len(found) if found else None,
        "texts": texts,
    }


def _windows(checkpoint: Checkpoint, network: ErnieWithHead, answer: Utterance, labelled: Utterance) -> list[Window]:
    """What is explained of one text: all in one, or in windows."""
    if checkpoint.head.windows:
        return explained_windows(network, checkpoint, answer, labelled)
    encoding = checkpoint.tokenizer().encode(labelled.text, checkpoint.config.max_length)
    given, wanted = (checkpoint.head.explained(u, encoding, checkpoint.labels) for u in (answer, labelled))
    return [(encoding, given, wanted)]


def _importance_row(one: Importance, answered: bool, labelled: bool) -> dict[str, Any]:
    units = [
        [start, end, round(float(own), 4), round(float(fall), 4)]
        for (start, end), own, fall in zip(one.units, one.contributions, one.left_out)
    ]
    return {
        "name": one.reason.name, "answered": answered, "labelled": labelled, "previous_intent": round(one.previous, 4),
        "change": one.change, "error": one.error, "points": one.points, "agreement": one.agreement, "units": units,
    }  # fmt: skip


def _behind(
    checkpoint: Checkpoint,
    dev: Sequence[Utterance],
    answers: Sequence[ParseResult],
    train: Sequence[Utterance],
    own: np.ndarray,
    theirs: np.ndarray,
    shown: Sequence[int],
) -> dict[str, Any]:
    """Nearest training texts and, of heads with classes, representer points of the explained answers."""
    names = class_names(train, checkpoint.labels.intents)
    table = class_table(train, names)
    fitted: Representers | None = None
    facts: dict[str, Any] = {"texts": []}
    if table.any():
        single = bool((table.sum(1) == 1).all())
        fitted = representers(theirs, table, single)
        logits, wanted = fitted.logits(own), class_table([answered(a) for a in answers], names)
        same = logits.argmax(1) == wanted.argmax(1) if single else ((logits > 0) == (wanted > 0)).all(1)
        facts |= {"representer_error": fitted.error, "representer_agreement": float(same.mean())}
    alike = nearest(own[list(shown)], theirs, NEIGHBOURS) if shown else None
    for row, i in enumerate(shown):
        assert alike is not None
        near = [_train_row(train, j, cosine=c) for j, c in zip(alike.indices[row], alike.cosines[row])]
        points = []
        for name in [name for name in classes_of(answered(answers[i])) if name in names] if fitted else ():
            assert fitted is not None
            parts = fitted.contributions(own[i], names.index(name))
            order = np.argsort(-parts, kind="stable")
            points.append(
                {
                    "name": name,
                    "for": [_train_row(train, j, part=parts[j]) for j in order[:NEIGHBOURS]],
                    "against": [_train_row(train, j, part=parts[j]) for j in order[::-1][:NEIGHBOURS]],
                }
            )
        facts["texts"].append({"number": i + 1, "nearest": near, "representers": points})
    return facts


def _train_row(train: Sequence[Utterance], number: int, **more: float) -> dict[str, Any]:
    utterance = train[number]
    values = {name: round(float(value), 4) for name, value in more.items()}
    return {"number": int(number) + 1, "text": utterance.text, "labelled": labelled_as(utterance), **values}


def _dirty(found: Dirty, train: Sequence[Utterance], named: Sequence[int]) -> dict[str, Any]:
    rows = [
        {**_train_row(train, i, rank=found.ranks[i]), "confident": bool(found.confident[i]), "hint": found.hints[i]}
        for i in named
    ]
    return {"confident": int(found.confident.sum()), "named": len(named), "lines": rows}


def _sparse(dev: Sequence[Utterance], supported: np.ndarray, thin: Sequence[int], right: np.ndarray) -> dict[str, Any]:
    """The thin texts, and how often texts are right in each fifth of the support."""
    order = np.argsort(supported, kind="stable")
    fifths = [
        {"support": float(supported[part].mean()), "right": 100 * float(right[part].mean()), "texts": len(part)}
        for part in np.array_split(order, min(5, len(order)))
    ]
    rows = [{**_train_row(dev, i, support=supported[i]), "right": bool(right[i])} for i in thin]
    return {"fifths": fifths, "texts": rows}


def _conflicts(found: Sequence[Conflict]) -> list[dict[str, Any]]:
    return [
        {
            "text": conflict.text,
            "lines": conflict.lines,
            "best": conflict.best,
            "best_after": conflict.best_after,
            "explained": conflict.explained,
            "variants": [
                {"labelled": name, "lines": [i + 1 for i in numbers], "previous": conflict.previous[name]}
                for name, numbers in conflict.variants.items()
            ],
        }
        for conflict in found
    ]
