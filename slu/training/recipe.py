"""A recipe: one TOML file that says how a model is made, from the corpus to the bundle."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slu.errors import ConfigError
from slu.files import read_bytes
from slu.heads.table import DEFAULT, HEADS
from slu.inputs.flags import LEXICON, PREVIOUS_INTENT
from slu.inputs.normalisation import NORMALISATIONS, PLAIN, SPEECH
from slu.model.config import ENCODERS, ERNIE
from slu.model.neighbours import OFFSETS
from slu.platform import entry_points
from slu.training.flag_dropout import Dropping
from slu.training.identity import ADDED_LATER

OWN_SECTIONS = ("data", "lexicon", "speech", "commands", "balance", "unclear", "model", "ngrams", "training")
"""The sections of training; entry points of the group ``slu.recipe`` name the others."""
DIALOGUE_SECTIONS = ("lexicon", "speech", "commands", "balance", "unclear")
"""Those of `OWN_SECTIONS` that are for utterances with intents and slots only."""
GENERIC = "ideographs"
"""In place of the path of a vocabulary: the generic one that needs no file (`slu.inputs.vocab.ideograph_vocab`)."""
FROM_CORPUS = "corpus"
"""In place of the path of a vocabulary: one that is trained from the corpus (`slu.training.vocabulary`)."""
WORDS = "words"
"""In place of the path of a vocabulary: the words of the corpus, each of them whole (`slu.training.vocabulary`)."""
NO_FILES = (GENERIC, FROM_CORPUS, WORDS)
SCRATCH = "scratch"
"""In place of the directory of a model to start from: random weights."""
PUBLISHED = re.compile(r"ernie-3\.0-(tiny-)?(x?base|medium|mini|micro|nano|pico)(-v[12])?-zh")
"""Names of published models, unless there is a directory of that name."""
PATH = "path"
"""Key of the metadata of a setting that names files or directories: a function that tells paths from other texts."""
A_PATH = {PATH: lambda text: text != ""}
"""Metadata of a setting whose texts are paths; an empty one says that there is none."""
T = TypeVar("T")


@dataclass(frozen=True)
class DataSettings:
    """``corpus``: a tagged corpus; the part of it not trained on, ``dev_fraction``, measures every stage.

    ``split``: whether single utterances or whole sessions are held out ("utterance" or "session"). ``dev``: a tagged
    corpus that measures every stage instead; then all of ``corpus`` is trained on. ``dev_fraction = 0`` without ``dev``
    trains on all of it as well, and nothing is held out (see `slu.training.data.Data`). ``labels``: a file that names
    the labels of a task without intents, see `slu.corpus.classified`; empty for those that occur. ``any_slot``: every
    intent can have every slot, not only those that it has in the training part.
    """

    corpus: str = dataclasses.field(metadata=A_PATH)
    dev: str = dataclasses.field(default="", metadata=A_PATH)
    split: str = "utterance"
    dev_fraction: float = 0.2
    seed: int = 0
    labels: str = dataclasses.field(default="", metadata=A_PATH)
    any_slot: bool = False


@dataclass(frozen=True)
class ModelSettings:
    """``task``: what the model answers, a name of `slu.heads.table.HEADS`.

    ``init``: "scratch", a published name such as ernie-3.0-tiny-nano-v2-zh, or the directory of a checkpoint.
    ``vocab``: file with the vocabulary of a model from scratch, "ideographs" for the generic one that needs no file,
    "corpus" for a WordPiece vocabulary of at most ``vocab_size`` tokens that is trained from the training part, or
    "words" for its words that occur at least twice, the most frequent ones of them.
    The sizes are those of a model from scratch, and ``initializer_range`` is the standard deviation of its weights.
    ``max_length``: tokens a text may have, [CLS] and [SEP] counted.
    ``normalisation``: what is done to a text before its tokens, one of `slu.inputs.normalisation.NORMALISATIONS`.
    ``encoder``: one of `slu.model.config.ENCODERS`, of a model from scratch. ``neighbour_heads``: how many attention
    heads of each of its layers, all where it has fewer, begin by looking at a neighbouring token
    (`slu.model.neighbours`).
    """

    init: str = dataclasses.field(default=SCRATCH, metadata={PATH: lambda text: names_directory(text, Path(text))})
    vocab: str = dataclasses.field(default=GENERIC, metadata={PATH: lambda text: text not in ("", *NO_FILES)})
    hidden_size: int = 312
    num_hidden_layers: int = 4
    num_attention_heads: int = 12
    intermediate_size: int = 1248
    max_position_embeddings: int = 2048
    dropout: float = 0.1
    max_length: int = 32
    seed: int = 0
    normalisation: str = PLAIN
    vocab_size: int = dataclasses.field(default=4000, metadata=ADDED_LATER)
    task: str = dataclasses.field(default=DEFAULT.name, metadata=ADDED_LATER)
    initializer_range: float = dataclasses.field(default=0.02, metadata=ADDED_LATER)
    encoder: str = dataclasses.field(default=ERNIE, metadata=ADDED_LATER)
    neighbour_heads: int = dataclasses.field(default=0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not self.init:
            raise ConfigError(f"init is empty; write {SCRATCH!r}, the name of a published model or a directory")
        if self.task not in HEADS:
            raise ConfigError(f"task is {self.task!r}; choose one of {', '.join(HEADS)}")
        if not 0 < self.initializer_range <= 1:
            raise ConfigError(f"initializer_range is {self.initializer_range}; it must be above 0 and at most 1")
        if self.encoder not in ENCODERS:
            raise ConfigError(f"encoder is {self.encoder!r}; choose one of {', '.join(ENCODERS)}")
        if not 0 <= self.neighbour_heads <= len(OFFSETS):
            raise ConfigError(f"neighbour_heads is {self.neighbour_heads}; it must be 0 to {len(OFFSETS)}")
        if self.normalisation not in NORMALISATIONS:
            raise ConfigError(f"normalisation is {self.normalisation!r}; it must be {SPEECH!r}, or {PLAIN!r} for none")


@dataclass(frozen=True)
class NgramSettings:
    """Pairs of tokens as a further input of the network (`slu.inputs.ngrams`); off without the section.

    ``rows``: most rows of their table. ``width``: numbers of each, which a projection turns into the hidden size.
    ``min_count``: how often a pair must occur in the training part to have a row. ``drop``: share of the pairs that
    training reads as unknown ones. A model to start from that has n-grams keeps them, with this ``drop``.
    """

    rows: int = 50000
    width: int = 64
    min_count: int = 2
    drop: float = 0.2

    def __post_init__(self) -> None:
        for name, least, most in (("rows", 2, 1 << 24), ("width", 1, 65536), ("min_count", 1, 1 << 30)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be {least} to {most}")
        if not 0 <= self.drop < 1:
            raise ConfigError(f"drop is {self.drop}; it must be at least 0 and below 1")


@dataclass(frozen=True)
class LexiconSettings(Dropping):
    """What a model is told beside the text: matches with lexicons, and the previous intent.

    ``lists``: a directory with lexicon files, ``SLOT.txt``; empty for none. ``own``: slots whose values in the training
    part become entries as well, or ``["*"]`` for all of them. ``new_names``: slots for which the model is also trained
    with names that occur in lexicons only, so that it trusts a lexicon with names of an unknown kind (see
    `slu.training.lexicons.TrainingLexicons.with_new_names`). ``previous_intent``: whether the model learns to use it.
    How often flags are left out in training: see `slu.training.flag_dropout.Dropping`.
    """

    lists: str = dataclasses.field(default="", metadata=A_PATH)
    own: tuple[str, ...] = ()
    new_names: tuple[str, ...] = ()
    previous_intent: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.flags:
            raise ConfigError("lists, own and previous_intent are all empty; set one of them or leave out the section")

    @property
    def flags(self) -> tuple[str, ...]:
        """Kinds of flags that the model takes."""
        matches = (LEXICON,) if self.lists or self.own else ()
        return (*matches, PREVIOUS_INTENT) if self.previous_intent else matches


@dataclass(frozen=True)
class Recipe:
    """The parsed file. Paths in it are relative to the directory of the file.

    ``given``: the settings that the command line gave instead, such as ``data.corpus``; paths among these are relative
    to where the command runs.
    """

    path: Path
    raw: dict[str, Any]
    given: frozenset[str] = frozenset()

    def section(self, name: str, kind: type[T]) -> T:
        """The section ``name`` as the dataclass ``kind``; raise `ConfigError` for unknown or wrong settings."""
        settings = build(kind, self.raw.get(name, {}), f"{self.path}: [{name}]")
        here = {
            field.name: _from_here(getattr(settings, field.name), field.metadata[PATH])
            for field in dataclasses.fields(kind)  # type: ignore[arg-type]
            if PATH in field.metadata and f"{name}.{field.name}" in self.given
        }
        return dataclasses.replace(settings, **here) if here else settings  # type: ignore[type-var]

    def has(self, name: str) -> bool:
        return name in self.raw

    def resolve(self, path: str) -> Path:
        """A path that the recipe names."""
        return self.path.parent / path


def names_directory(init: str, path: Path) -> bool:
    """Whether ``init`` of a model is a directory, ``path``, and neither "scratch" nor a published name."""
    return init != SCRATCH and (path.is_dir() or not PUBLISHED.fullmatch(init))


def load_recipe(path: str | Path, overrides: typing.Sequence[str] = ()) -> Recipe:
    """Read a recipe. ``overrides`` are settings such as ``data.corpus="my.txt"`` or ``training.epochs=3``."""
    import tomli

    source = Path(path)
    try:
        raw = tomli.loads(read_bytes(source, 1 << 24).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # tomli.TOMLDecodeError and UnicodeDecodeError among them
        raise ConfigError(f"{source}: not a TOML file ({error})") from error
    given = frozenset([_override(raw, override) for override in overrides])
    known = sections()
    unknown = sorted(set(raw) - set(known))
    if unknown:
        raise ConfigError(f"{source}: [{unknown[0]}] is not a section of a recipe; the sections are {', '.join(known)}")
    return Recipe(source, raw, given)


def sections() -> tuple[str, ...]:
    """Names of the sections that a recipe can have: those of training, then those of what is installed beside it."""
    others = sorted(entry_points("slu.recipe"), key=lambda entry: entry.name)
    return (*OWN_SECTIONS, *(name for entry in others for name in entry.load()))


def build(kind: type[T], data: Any, where: str) -> T:
    """Make a dataclass of a table, checking names and types; a field that is a dataclass is a table in it."""
    if not isinstance(data, dict):
        raise ConfigError(f"{where} must be a table; write its settings below [NAME], one a line")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in fields:
            raise ConfigError(f"{where}: {name} is not a setting; the settings are {', '.join(fields)}")
        values[name] = _convert(hints[name], value, f"{where} {name}")
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: {name} is missing; set it")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_convert(typing.get_args(hint)[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (type(value) is hint):
        return value
    raise ConfigError(f"{where} is {value!r}; {getattr(hint, '__name__', hint)} is expected")


def _from_here(value: Any, is_path: Callable[[str], bool]) -> Any:
    """A path, or several of them, of the command line as absolute ones."""
    if isinstance(value, tuple):
        return tuple(_from_here(one, is_path) for one in value)
    return str(Path(value).absolute()) if is_path(value) else value


def _override(raw: dict[str, Any], text: str) -> str:
    """Change the setting that ``text`` names; returns its name, ``section.name``."""
    import tomli

    name, equals, value = text.partition("=")
    parts = name.strip().split(".")
    if not equals or len(parts) < 2 or not all(parts):
        raise ConfigError(f"--set {text}: write it as section.name=value")
    try:
        parsed = tomli.loads(f"x = {value}")["x"]
    except tomli.TOMLDecodeError:
        parsed = value
    tables = [raw]
    for part in parts[:-1]:
        inner = [table.setdefault(part, {}) for table in tables]
        # A section that stands there several times is changed in each.
        tables = [one for table in inner for one in (table if isinstance(table, list) else [table])]
        if not all(isinstance(table, dict) for table in tables):
            raise ConfigError(f"--set {text}: {part} is not a section")
    for table in tables:
        table[parts[-1]] = parsed
    return ".".join(parts)
