"""Everyday commands: a directory with a file an intent, ``INTENT.txt``, of canonical phrases, tagged as in a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slu.corpus.labels import Labels
from slu.corpus.phrase_files import PARTS, read_parts
from slu.corpus.tagged import parse_tagged
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, CorpusError


@dataclass(frozen=True)
class Command:
    """``part``: "training", or "check" for what no model is trained with. The utterance's session is its file."""

    utterance: Utterance
    part: str


def read_commands(directory: str | Path, labels: Labels | None = None) -> list[Command]:
    """The commands of all files, sorted by intent, in the order of the files.

    With ``labels``, files of other intents are left out: a directory may serve several corpora. Raises `ConfigError`
    for a directory without commands and, with the line, for a phrase whose tags are wrong.
    """
    root = Path(directory)
    files = sorted(root.glob("*.txt"))
    if not files:
        raise ConfigError(f"{root}: holds no commands; there is a file INTENT.txt for each intent that has some")
    commands = []
    for path in files:
        intent = path.name.removesuffix(".txt")
        if labels is not None and intent not in labels.intents:
            continue
        parts = read_parts(path)
        for part in PARTS:
            for number, tagged in parts[part]:
                try:
                    text, slots = parse_tagged(tagged)
                except CorpusError as error:
                    raise ConfigError(f"{path}:{number}: {error}") from error
                commands.append(Command(Utterance(text, intent, slots, path.name), part))
    if not commands:
        raise ConfigError(f"{root}: no command is of an intent of the model")
    return commands
