"""What a model is trained on beside the corpus.

* ``[speech]``: copies of utterances as people say them and recognisers write them (`slu.corpus.speech`).
* ``[commands]``: everyday commands (`slu.corpus.everyday_commands`), the first copy as it stands, others with other
names.
* ``[balance]``: more copies of the utterances of rare intents, each after the turn that it had before it.
* ``[unclear]``: two commands in one sentence, and commands with rubbish behind them (`slu.training.unclear`).

The same arguments give the same utterances.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isqrt
from random import Random

from slu.corpus.everyday_commands import read_commands
from slu.corpus.labels import Labels
from slu.corpus.phrase_files import CHECK, TRAINING, read_parts
from slu.corpus.speech import (
    ANY,
    KINDS,
    TITLES,
    Phrases,
    filled,
    framed,
    grouped,
    known_names,
    one_of,
    punctuated,
    read_phrases,
    spaced,
    spoken_numbers,
    with_value,
)
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.inputs.entries import normalise
from slu.inputs.normalisation import SPEECH
from slu.training.added import NEXT_DRAW, Added, check_shares, turns
from slu.training.identity import ADDED_LATER, canonical, file_hash, settings_identity
from slu.training.lexicons import TrainingLexicons
from slu.training.recipe import A_PATH, Recipe
from slu.training.unclear import UnclearSettings, unclear_utterances

OTHER_NAME = 0.75
"""Probability that a name of a command is replaced in a copy."""
COMMA = 0.3
"""Probability of a comma between a phrase and the command, in copies with punctuation."""
OFTENER = 4
"""A phrase with a name that is drawn stands for many: it is used this many times as often as one without."""


@dataclass(frozen=True)
class SpeechSettings:
    """``phrases``: a directory with polite.txt, filler.txt, wake.txt and joiner.txt; of them ``[training]`` is used.

    ``share``: copies, for each utterance, in every epoch. ``draws``: how often they are drawn; the epochs take turns
    with them, so with as many draws as epochs no copy is seen twice. The others: how often a copy has phrases of a
    kind, punctuation, spaces, or numbers in Chinese numerals; one that has none of them gets a phrase. ``titles``:
    slots whose values are put into 《》 where a copy has punctuation.
    """

    phrases: str = field(metadata=A_PATH)
    share: float = 0.5
    polite: float = 0.35
    filler: float = 0.35
    wake: float = 0.3
    punctuation: float = 0.3
    spacing: float = 0.1
    numbers: float = 0.1
    draws: int = field(default=1, metadata=ADDED_LATER)
    titles: tuple[str, ...] = field(default=TITLES, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_shares(self, "phrases", "draws", "titles")


@dataclass(frozen=True)
class CommandSettings:
    """``phrases``: a directory of commands, of which ``[training]`` is used. ``copies``: of each of them.

    ``alike``: slots whose names may stand for each other's, such as ["origin", "destination"].
    """

    phrases: str = field(metadata=A_PATH)
    copies: int = 4
    alike: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ConfigError(f"copies is {self.copies}; it must be at least 1")


@dataclass(frozen=True)
class BalanceSettings:
    """Intents of fewer than ``below`` utterances in the training part have each of them ``copies`` more times."""

    below: int = 50
    copies: int = 4

    def __post_init__(self) -> None:
        if self.below < 0 or self.copies < 0:
            raise ConfigError("below and copies must not be negative")


def added_utterances(
    recipe: Recipe, train: Sequence[Utterance], lexicons: TrainingLexicons | None
) -> tuple[list[Added], dict[str, str]]:
    """What the recipe's sections add to the training part, and what identifies it."""
    labels = Labels.from_corpus(train)
    identity: dict[str, str] = {}
    names = _names(train, lexicons)
    added: list[Added] = []
    if recipe.has("balance"):
        balance = recipe.section("balance", BalanceSettings)
        identity["balance"] = canonical(asdict(balance))
        added += rare_copies(train, balance)
    if recipe.has("commands"):
        commands = recipe.section("commands", CommandSettings)
        identity["commands"] = _identity(recipe, commands)
        added += command_copies(recipe, commands, labels, names)
    phrases = None
    if recipe.has("speech"):
        speech = recipe.section("speech", SpeechSettings)
        identity["speech"] = _identity(recipe, speech)
        phrases = read_phrases(recipe.resolve(speech.phrases), TRAINING)
        new_names = lexicons.with_new_names(train) if lexicons else []
        pool = [*(Added(utterance, i) for i, utterance in enumerate(train)), *added]
        pool += [Added(utterance, i, strange=True) for i, utterance in new_names]
        added += [
            one
            for turn in turns(speech.draws)
            for one in _spoken(recipe, speech, pool, names, labels, 2 + NEXT_DRAW * turn[0], turn)
        ]
    if recipe.has("unclear"):
        if phrases is None:
            raise ConfigError(
                f"{recipe.path}: [unclear] needs the words between two commands; add the section [speech]"
            )
        unclear = recipe.section("unclear", UnclearSettings)
        identity["unclear"] = canonical(settings_identity(unclear))
        for turn in turns(unclear.draws):
            added += unclear_utterances(train, unclear, phrases.joiners, labels, 3 + NEXT_DRAW * turn[0], turn)
    return added, identity


def more_spoken(
    recipe: Recipe,
    train: Sequence[Utterance],
    lexicons: TrainingLexicons | None,
    copies: int,
    epochs: int,
    draws: int = 0,
) -> list[Added]:
    """``copies`` more of each utterance as the section [speech] makes them, for a student of models trained with it.

    As many in every one of so many epochs, drawn so many times; 0: as often as the section says.
    """
    if not recipe.has("speech"):
        raise ConfigError(f"{recipe.path}: spoken copies for a student need the section [speech]")
    speech = replace(recipe.section("speech", SpeechSettings), share=1.0)
    pool = [Added(utterance, i) for i, utterance in enumerate(train)]
    names, labels = _names(train, lexicons), Labels.from_corpus(train)
    return [
        one
        for turn in turns(draws or speech.draws)[:epochs]
        for n in range(copies)
        for one in _spoken(recipe, speech, pool, names, labels, 10 + n + NEXT_DRAW * turn[0], turn)
    ]


def more_unclear(recipe: Recipe, train: Sequence[Utterance], copies: int, epochs: int, draws: int = 0) -> list[Added]:
    """``copies`` for each utterance as the section [unclear] makes them, half of them two commands; see `more_spoken`.

    Their labels mean nothing.
    """
    if not recipe.has("speech") or not recipe.has("unclear"):
        raise ConfigError(f"{recipe.path}: unclear texts for a student need the sections [speech] and [unclear]")
    settings = recipe.section("unclear", UnclearSettings)
    joiners = read_phrases(recipe.resolve(recipe.section("speech", SpeechSettings).phrases), TRAINING).joiners
    half, labels = replace(settings, two_commands=0.5, rubbish=0.5), Labels.from_corpus(train)
    return [
        one
        for turn in turns(draws or settings.draws)[:epochs]
        for n in range(copies)
        for one in unclear_utterances(train, half, joiners, labels, 30 + n + NEXT_DRAW * turn[0], turn)
    ]


def _spoken(
    recipe: Recipe,
    settings: SpeechSettings,
    pool: Sequence[Added],
    names: dict[str, list[str]],
    labels: Labels,
    seed: int,
    turn: tuple[int, int],
) -> list[Added]:
    """Spoken copies without those that are measured with: names in phrases, and commands that came about by chance."""
    directory = recipe.resolve(settings.phrases)
    check = [phrase for kind in KINDS for _, phrase in read_parts(directory / f"{kind}.txt")[CHECK]]
    kept_apart = {phrase[i : i + 2] for phrase in check for i in range(len(phrase) - 1)}
    measured: set[str] = set()
    if recipe.has("commands"):
        commands = read_commands(recipe.resolve(recipe.section("commands", CommandSettings).phrases), labels)
        measured = {normalise(c.utterance.text, SPEECH) for c in commands if c.part == CHECK}
    words = {word for of_slot in names.values() for word in of_slot}
    copies = spoken_copies(pool, settings, read_phrases(directory, TRAINING), kept_apart, words, seed)
    return [replace(one, turn=turn) for one in copies if normalise(one.utterance.text, SPEECH) not in measured]


def rare_copies(train: Sequence[Utterance], settings: BalanceSettings) -> list[Added]:
    """The utterances of rare intents, again."""
    counts = Counter(utterance.intent for utterance in train)
    rare = [Added(u, i) for i, u in enumerate(train) if counts[u.intent] < settings.below]
    return rare * settings.copies


def command_copies(
    recipe: Recipe, settings: CommandSettings, labels: Labels, names: dict[str, list[str]]
) -> list[Added]:
    """The commands for training whose slots the corpus has in their intent; ``names``: by slot, to draw from."""
    random = Random(1)
    for alike in settings.alike:
        together = [name for slot in alike for name in names.get(slot, ())]
        names = {**names, **{slot: together for slot in alike}}
    found = []
    for command in read_commands(recipe.resolve(settings.phrases), labels):
        utterance = command.utterance
        possible = all(slot.name in labels.slots_of_intent[utterance.intent] for slot in utterance.slots)
        if command.part == TRAINING and possible:
            found.append(Added(utterance, None))
            found += [Added(_renamed(random, utterance, names), None) for _ in range(settings.copies - 1)]
    return found


def spoken_copies(
    pool: Sequence[Added],
    settings: SpeechSettings,
    phrases: Phrases,
    kept_apart: set[str],
    words: set[str],
    seed: int,
) -> list[Added]:
    """Copies of a share of ``pool``. ``kept_apart``: names that are measured with, and must not be drawn.

    ``words``: entries of lexicons; they, and what they begin with, are names in phrases as well.
    """
    random = Random(seed)
    drawn = [one for one in pool if random.random() < settings.share]
    seen = Counter(char for one in pool if not one.strange for char in one.utterance.text)
    # Frequent characters more often than rare ones, but not as often as they are: they belong to other words as well.
    alphabet = [char for char in sorted(seen) if "\u4e00" <= char <= "\u9fff" for _ in range(isqrt(seen[char]))]
    beginnings = {word[:2] for word in words} - kept_apart
    known = known_names((f for frames in phrases.frames.values() for f in frames), beginnings, set(alphabet))

    oftener = {
        kind: [f for f in frames for _ in range(OFTENER if any(mark in f[0] + f[1] for mark in ANY) else 1)]
        for kind, frames in phrases.frames.items()
    }
    phrases = replace(phrases, frames=oftener)

    def draw(frame: tuple[str, str]) -> tuple[str, str]:
        return filled(random, frame, alphabet, known, kept_apart)

    return [replace(one, utterance=spoken(random, one.utterance, settings, phrases, draw)) for one in drawn]


def spoken(
    random: Random,
    utterance: Utterance,
    settings: SpeechSettings,
    phrases: Phrases,
    draw: Callable[[tuple[str, str]], tuple[str, str]],
) -> Utterance:
    """One copy. ``draw``: puts a name into a phrase.

    Phrases stand around each other as people say them: the wake word outside.
    """
    rates = {kind: getattr(settings, kind) for kind in ("filler", "polite", "wake")}
    chosen = [kind for kind, rate in rates.items() if random.random() < rate]
    marks, spaces = random.random() < settings.punctuation, random.random() < settings.spacing
    if not chosen and not marks and not spaces:
        chosen = [one_of(random, KINDS)]
    if random.random() < settings.numbers:
        utterance = spoken_numbers(random, utterance)
    if marks:
        utterance = punctuated(random, utterance, settings.titles)
    if spaces:
        utterance = spaced(random, utterance)
    elif random.random() < settings.numbers:
        utterance = grouped(random, utterance)
    for kind in chosen:
        comma = one_of(random, "，，， ,") if random.random() < (COMMA if not marks else 1 - COMMA) else ""
        utterance = framed(utterance, draw(one_of(random, phrases.frames[kind])), comma)
    return utterance


def _renamed(random: Random, utterance: Utterance, names: dict[str, list[str]]) -> Utterance:
    for place, slot in enumerate(utterance.slots):
        if names.get(slot.name) and random.random() < OTHER_NAME:
            utterance = with_value(utterance, place, one_of(random, names[slot.name]))
    return utterance


def _names(train: Sequence[Utterance], lexicons: TrainingLexicons | None) -> dict[str, list[str]]:
    """The names of each slot: its values in the training part, and those of its list."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in train:
        for slot in utterance.slots:
            found[slot.name].append(slot.value)
    for name, entries in (lexicons.files if lexicons else {}).items():
        found[name] += entries
    return dict(found)


def _identity(recipe: Recipe, settings: SpeechSettings | CommandSettings) -> str:
    """Settings and the files' contents; where these lay is nobody's concern."""
    return canonical({**settings_identity(settings), "phrases": file_hash(recipe.resolve(settings.phrases))})


def texts_of(added: Sequence[Added]) -> Iterator[Utterance]:
    """The utterances whose characters belong into a vocabulary."""
    return (one.utterance for one in added if not one.strange)
