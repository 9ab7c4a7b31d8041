"""A bundle: one directory with a model as devices run it, in one format or several. What is in it, and opening it.

``vocab.txt``, ``labels.json``, ``config.json`` and ``manifest.json``, and the files of each format. All formats of a
bundle compute the same: ``input_ids`` int32 ``[n, length]``, padded with the id of [PAD], of a model that takes flags
``flags`` float32 ``[n, length, columns]``, and of one that reads n-grams ``ngrams`` int32 ``[n, length]``, their rows
(`slu.inputs.ngrams`), to the float32 logits of the head's outputs (`slu.heads.head`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slu.corpus.labels import Labels
from slu.errors import BundleError, CheckpointError, SluError
from slu.files import MARK, file_sha256
from slu.inputs.flags import FlagColumns
from slu.inputs.lexicon import CompiledLexicon
from slu.inputs.ngrams import Ngrams
from slu.inputs.tokenizer import Tokenizer, read_vocab
from slu.manifest import Manifest, read_json
from slu.model.checkpoint import (
    CONFIG,
    LABELS,
    LEXICONS,
    NGRAMS,
    VOCAB,
    WEIGHTS,
    check_side_files,
    load_lexicons,
    load_ngrams,
)
from slu.model.config import ModelConfig

EXPORT_STAGE = "export"
"""The stage whose directories are bundles."""
INPUT = "input_ids"
FLAGS = "flags"
NGRAM_ROWS = "ngrams"


@dataclass(frozen=True)
class GraphInput:
    """One input of an exported graph. ``type``: as NumPy calls it. ``shape``: -1 is the number of utterances."""

    name: str
    type: str
    shape: tuple[int, ...]


def graph_inputs(length: int, config: ModelConfig, labels: Labels) -> tuple[GraphInput, ...]:
    """What a graph of a model takes, in its order, for utterances padded to ``length`` tokens."""
    columns = FlagColumns.of(config.flags, labels).count
    ids, flags = GraphInput(INPUT, "int32", (-1, length)), GraphInput(FLAGS, "float32", (-1, length, columns))
    ngrams = GraphInput(NGRAM_ROWS, "int32", (-1, length))
    return (ids, *([flags] if columns else []), *([ngrams] if config.ngram_rows else []))


@dataclass(frozen=True)
class ModelDirectory:
    """A checkpoint or a bundle that is about to be run: what does not depend on the backend.

    ``tokens``: its tokenizer. ``length``: tokens that a graph of fixed length takes, [CLS] and [SEP] counted; None in a
    checkpoint.
    """

    path: Path
    config: ModelConfig
    tokens: Tokenizer
    labels: Labels
    manifest: Manifest
    length: int | None

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of its vocabulary, as `Checkpoint.tokenizer`."""
        return self.tokens

    @cached_property
    def lexicon(self) -> CompiledLexicon | None:
        """Its built-in lexicons, None without any."""
        return load_lexicons(self.path, self.config, self.labels)

    @cached_property
    def ngrams(self) -> Ngrams | None:
        """What finds the rows of its n-grams, None if it reads none."""
        keys = load_ngrams(self.path, self.config)
        return None if keys is None else Ngrams(keys, self.tokens.vocab)

    def require(self, *names: str) -> None:
        """Raise `BundleError` unless these files are there, as they were when the bundle was made."""
        listed = self.manifest.config.get("files", {})
        for name in names:
            path = self.path / name
            if not path.is_file():
                raise BundleError(f"{path}: no such file; export the bundle again")
            entry = listed.get(name)
            if entry is None:
                continue
            # Paddle Lite ends the process when it opens a damaged file, so damage must be found before.
            if path.stat().st_size != entry["bytes"]:
                raise BundleError(
                    f"{path}: {path.stat().st_size} bytes, {MARK} says {entry['bytes']}; copy the bundle again"
                )
            if file_sha256(path) != entry["sha256"]:
                raise BundleError(f"{path}: not the file that {MARK} describes; copy or export the bundle again")

    def require_version(self, library: str, installed: str) -> None:
        """Raise `BundleError` unless the bundle was made with this version of ``library`` (major and minor number)."""
        made = self.manifest.versions.get(library)
        if made is None:
            raise BundleError(f"{self.path / MARK}: does not say which {library} made it; export the bundle again")
        if made.split(".")[:2] != installed.split(".")[:2]:
            raise BundleError(f"{self.path}: made with {library} {made}, installed is {installed}; export it again")


def open_directory(path: str | Path) -> ModelDirectory:
    """Read what a checkpoint and a bundle have in common; raise a `SluError` that says which file does not fit."""
    directory = Path(path)
    if not directory.is_dir():
        raise BundleError(f"{directory}: no such directory; give a checkpoint or a bundle")
    if not (directory / MARK).is_file():
        raise BundleError(f"{directory}: contains no {MARK}; give a checkpoint or a bundle")
    error: type[SluError] = CheckpointError if (directory / WEIGHTS).is_file() else BundleError
    manifest = Manifest.load(directory, error)
    if manifest.stage == EXPORT_STAGE:
        _check_copies(directory, manifest)
    config = ModelConfig.from_dict(read_json(directory / CONFIG, error), str(directory / CONFIG))
    vocab = read_vocab(directory / VOCAB)
    if len(vocab) != config.vocab_size:
        raise error(f"{directory / VOCAB}: {len(vocab)} tokens, but the model has {config.vocab_size}")
    labels = Labels.load(directory / LABELS, error)
    tokenizer = Tokenizer(vocab, normalisation=config.normalisation, pairs=config.pairs)
    if tokenizer.pad_id != config.pad_token_id:
        raise error(
            f"{directory / VOCAB}: [PAD] has the number {tokenizer.pad_id}, {CONFIG} says {config.pad_token_id}"
        )
    if manifest.stage != EXPORT_STAGE:
        check_side_files(directory, manifest)
    return ModelDirectory(directory, config, tokenizer, labels, manifest, _length(directory, config, manifest))


def _check_copies(directory: Path, manifest: Manifest) -> None:
    """Raise `BundleError` unless what a bundle has beside its models are the checkpoint's files: of other labels, or of
    the same in another order, nothing else would tell."""
    for name in (VOCAB, LABELS, CONFIG, LEXICONS, NGRAMS):
        wanted = manifest.inputs.get(name)
        try:
            found = file_sha256(directory / name) if (directory / name).exists() else None
        except OSError as problem:
            raise BundleError(f"{directory / name}: cannot be read ({problem.strerror})") from problem
        if found == wanted:
            continue
        what = "missing" if found is None else f"not the one that {MARK} describes" if wanted else f"not in {MARK}"
        raise BundleError(f"{directory / name}: is {what}; copy or export the bundle again")


def _length(directory: Path, config: ModelConfig, manifest: Manifest) -> int | None:
    if manifest.stage != EXPORT_STAGE:
        return None
    length = manifest.config.get("length")
    if not isinstance(length, int) or not 2 < length <= config.max_length:
        raise BundleError(f"{directory / MARK}: length is {length!r}; a number of tokens was expected")
    if "files" not in manifest.config:
        raise BundleError(f"{directory / MARK}: files does not list the bundle's files; export it again")
    return length
