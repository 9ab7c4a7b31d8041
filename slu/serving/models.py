"""The models of a server by name, each replaced as a whole when its files change.

A request keeps the model that it began with. A model that cannot be opened, or cannot answer, does not replace one that
can.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from slu.errors import SluError
from slu.inputs.flags import FIRST_TURN
from slu.runtime.bundle import open_directory
from slu.runtime.formats import computes_alone
from slu.runtime.loading import load, python_parser_of
from slu.runtime.parser import Parser, Session
from slu.runtime.python_parser import PythonParser
from slu.serving.settings import Source
from slu.serving.snapshots import Signature, in_use, remove_others, signature, snapshot

_TRIAL = "测试 test 1"
"""What a model is asked before it is used."""
_IDLE_SESSIONS = 8


@dataclass(frozen=True)
class Model:
    """A model in use. ``version``: 12 hexadecimal digits of all its files. ``since``: when it was opened, Unix time.

    ``python``: gives its logits; None for a single file, which does not hold all that this takes.
    """

    name: str
    version: str
    parser: Parser
    since: float
    python: PythonParser | None = None
    _sessions: list[Session] = field(default_factory=list, repr=False)

    @property
    def backend(self) -> str:
        """What computes it, as ``--backend`` calls it."""
        return self.parser.backend.name

    @property
    def batches(self) -> bool:
        """Whether many texts at once are faster than one after the other."""
        return not computes_alone(self.backend)

    @contextmanager
    def session(self, lexicons: Mapping[str, Sequence[str]]) -> Any:
        """A dialogue with these entries on top of the model's lexicons, which are gone afterwards."""
        try:
            session = self._sessions.pop()
        except IndexError:
            session = self.parser.session()
        for slot, entries in lexicons.items():
            session.lexicon.add(slot, entries)
        yield session
        if lexicons:
            session.lexicon.reset()
        if len(self._sessions) < _IDLE_SESSIONS:
            self._sessions.append(session)

    def describe(self) -> dict[str, Any]:
        """What ``/v1/models`` says of it."""
        parser = self.parser
        return {
            "name": self.name,
            "version": self.version,
            "backend": self.backend,
            "since": round(self.since, 3),
            "intents": list(parser.labels.intents),
            "slots": list(parser.labels.slots),
            "threshold": parser.threshold,
            "max_tokens": parser.backend.max_length,
            "takes_lexicons": parser.columns.slots > 0,
            "uses_previous_intent": parser.uses_previous_intent,
        }


class Models:
    """All models of one process. ``say`` gets a line when something is replaced or refused."""

    def __init__(self, sources: Sequence[Source], store: Path, say: Callable[[str], None]):
        """Open them; raise a `SluError` for one that cannot be used."""
        self._sources = {source.name: source for source in sources}
        self._store, self._say = store, say
        self._lock = Lock()
        self._seen: dict[str, Signature | None] = {}
        self._waiting: dict[str, Signature | None] = {}
        self.problems: dict[str, str] = {}
        self.refused = dict.fromkeys(self._sources, 0)
        self.replaced = dict.fromkeys(self._sources, 0)
        self._models: dict[str, Model] = {}
        for name in self._sources:
            self._seen[name] = signature(self._sources[name])
            self._models[name] = self._open(name)

    def __iter__(self) -> Any:
        return iter(self._models.values())

    def get(self, name: str | None) -> Model | None:
        """The model of that name, the first one without a name; None if there is none."""
        return next(iter(self._models.values())) if name is None else self._models.get(name)

    def watch(self) -> None:
        """Replace the models whose files have changed since the last look, and not since the one before it.

        A file that is still being written is thus left alone. Not for the event loop: opening takes its time.
        """
        for name, source in self._sources.items():
            found = signature(source)
            if found is None or found == self._seen[name]:
                self._waiting.pop(name, None)
            elif found == self._waiting.get(name):
                with suppress(SluError):  # said, and kept in `problems`
                    self.reload(name)
            else:
                self._waiting[name] = found

    def reload(self, name: str) -> Model:
        """Open a model again, and use it from now on; raise a `SluError` and keep the old one if it cannot be used."""
        with self._lock:
            old = self._models[name]
            self._waiting.pop(name, None)
            self._seen[name] = signature(self._sources[name])
            try:
                new = self._open(name)
            except SluError as error:
                self.problems[name] = str(error)
                self.refused[name] += 1
                self._say(f"{name}: version {old.version} stays, the new one is refused: {error}")
                raise
            self.problems.pop(name, None)
            if new.version != old.version:
                self._models[name] = new
                self.replaced[name] += 1
                self._say(f"{name}: version {new.version} replaces {old.version}")
                with suppress(OSError):  # what is not removed takes room, and no more
                    remove_others(self._store, {model.version for model in self})
            return self._models[name]

    def _open(self, name: str) -> Model:
        try:
            with in_use(self._store):
                return self._open_copy(name)
        except OSError as error:
            raise SluError(f"{self._sources[name].path}: cannot be opened ({error}); look at --run-dir") from error

    def _open_copy(self, name: str) -> Model:
        source, version = snapshot(self._sources[name], self._store)
        old = self._models.get(name)
        if old is not None and old.version == version:
            return old
        try:
            parser = load(source.path, source.backend)
            for slot, path in source.lexicons:
                parser.lexicon.add_file(slot, path)
            for path in source.pins:
                parser.pins.add_file(path)
            python = _logits_parser(parser, source)
            parser.parse(_TRIAL, FIRST_TURN).to_dict()
        except SluError as error:
            raise type(error)(self._of_the_user(name, source, str(error))) from error
        except Exception as error:  # a library of a backend may raise anything
            raise SluError(f"{self._sources[name].path}: cannot be used ({type(error).__name__}: {error})") from error
        return Model(name, version, parser, time.time(), python)

    def _of_the_user(self, name: str, copy: Source, message: str) -> str:
        """The message with the user's names of the files, not those of the copies."""
        given = self._sources[name]
        pairs = [(copy.path, given.path), *zip(copy.pins, given.pins)]
        pairs += [(one, other) for (_, one), (_, other) in zip(copy.lexicons, given.lexicons)]
        for one, other in pairs:
            message = message.replace(str(one), str(other))
        return message


def _logits_parser(parser: Parser, source: Source) -> PythonParser | None:
    if isinstance(parser, PythonParser):
        return parser
    if not source.path.is_dir():
        return None
    python = python_parser_of(parser.backend, open_directory(source.path))
    for slot, path in source.lexicons:
        python.lexicon.add_file(slot, path)
    return python
