"""The lexicons that a model is trained with: those of the recipe's files, and names of the training part itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from slu.corpus.labels import Labels
from slu.corpus.speech import with_value
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError
from slu.inputs.entries import MAX_CHARACTERS, key_of, lexicon_files, normalise, read_lexicon
from slu.inputs.flags import LEXICON
from slu.inputs.lexicon import CompiledLexicon, compile_lexicon
from slu.inputs.normalisation import PLAIN
from slu.training.flag_dropout import Dropping
from slu.training.recipe import LexiconSettings, ModelSettings, Recipe

COPIES = 1000
"""About how many copies with new names a slot gets: enough to learn to trust a lexicon, few compared with the
corpus."""
ALL = "*"
"""In the setting ``own``: every slot of the training part."""
STRANGE = 0.3
"""Probability that a character of a new name is any ideograph."""


@dataclass(frozen=True)
class TrainingLexicons:
    """``files``: entries of the lexicon files by slot. ``own``: slots whose values in the training part become entries.

    ``by_session``: whether the development part has other sessions, not only other utterances. ``flags``: the kinds
    that the model takes."""

    files: dict[str, list[str]]
    own: tuple[str, ...]
    by_session: bool
    flags: tuple[str, ...]
    dropping: Dropping
    new_names: tuple[str, ...] = ()
    normalisation: str = PLAIN

    def compile(self, labels: Labels, train: Sequence[Utterance]) -> CompiledLexicon | None:
        """The table for a model of these labels; None if it takes none. Raises `LexiconError` for an unknown slot."""
        if LEXICON not in self.flags:
            return None
        lexicons = {name: list(entries) for name, entries in self.files.items()}
        for name in self.own:
            lexicons.setdefault(name, [])
        for name, value, _ in self._own_values(train):
            lexicons[name].append(value)
        return compile_lexicon(lexicons, labels.slots, self.normalisation)

    def singular(self, labels: Labels, train: Sequence[Utterance]) -> frozenset[tuple[int, int]]:
        """The entries (slot number, key) that come from one utterance (or one session) only.

        In new text most values have not been seen in training. If a training utterance itself is the only source of
        an entry, its match there must be ignored, or the model would learn to depend on matches.
        """
        sources: defaultdict[tuple[int, int], set[Hashable]] = defaultdict(set)
        for name, value, source in self._own_values(train):
            sources[labels.slots.index(name), key_of(normalise(value, self.normalisation))].add(source)
        given = {
            (labels.slots.index(name), key_of(normalise(entry, self.normalisation)))
            for name in self.own
            for entry in self.files.get(name, ())
        }
        return frozenset(entry for entry, found in sources.items() if len(found) == 1 and entry not in given)

    def with_new_names(self, train: Sequence[Utterance]) -> list[tuple[int, Utterance]]:
        """Copies of utterances with another name in a slot of ``new_names``, each with the index of the copied one.

        All utterances with such a slot are copied, or `COPIES` of them, drawn at random. A new name joins the beginning
        of one value and the end of another one, and each of its characters becomes a random ideograph with probability
        `STRANGE`: a name that is in no corpus. The same arguments give the same names.
        """
        random = Random(0)
        values = {name: [s.value for u in train for s in u.slots if s.name == name] for name in self.new_names}
        copies = []
        for index, utterance in enumerate(train):
            places = [i for i, slot in enumerate(utterance.slots) if slot.name in self.new_names]
            if places:
                place = places[int(random.random() * len(places))]
                known = values[utterance.slots[place].name]
                if random.random() * len(known) < COPIES:
                    copies.append((index, with_value(utterance, place, _new_name(random, known))))
        return copies

    def _own_values(self, train: Sequence[Utterance]) -> Iterator[tuple[str, str, Hashable]]:
        """(slot, value, where it occurs) of every slot in question: what was heard, and what was meant."""
        for number, utterance in enumerate(train):
            source = utterance.session if self.by_session else number
            for slot in utterance.slots:
                if slot.name in self.own:
                    for value in {slot.value, slot.correction or slot.value}:
                        if 0 < len(normalise(value, self.normalisation)) <= MAX_CHARACTERS:
                            yield slot.name, value, source


def _new_name(random: Random, values: Sequence[str]) -> str:
    first, last = (values[int(random.random() * len(values))] for _ in range(2))
    name = first[: (len(first) + 1) // 2] + last[len(last) // 2 :]
    name = name[: MAX_CHARACTERS // 2]
    return "".join(chr(0x4E00 + int(random.random() * 20902)) if random.random() < STRANGE else c for c in name)


def read_training_lexicons(recipe: Recipe, slots: Sequence[str], by_session: bool) -> TrainingLexicons | None:
    """The lexicons of the section [lexicon], None without it. ``slots``: those of the training part."""
    if not recipe.has("lexicon"):
        return None
    settings = recipe.section("lexicon", LexiconSettings)
    own = tuple(slots) if settings.own == (ALL,) else settings.own
    for setting, names in (("own", own), ("new_names", settings.new_names)):
        unknown = [name for name in names if name not in slots]
        if unknown:
            raise ConfigError(
                f"{recipe.path}: [lexicon] {setting}: the corpus has no slot {unknown[0]!r}; its slots are "
                f"{', '.join(slots)}"
            )
    paths = lexicon_files(recipe.resolve(settings.lists), slots) if settings.lists else []
    normalisation = recipe.section("model", ModelSettings).normalisation
    return TrainingLexicons(
        files={path.stem: read_lexicon(path, normalisation) for path in paths},
        own=own,
        by_session=by_session,
        flags=settings.flags,
        dropping=settings,
        new_names=settings.new_names,
        normalisation=normalisation,
    )
