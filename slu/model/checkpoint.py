"""A checkpoint: one directory with a complete model, in files that run no code when they are opened.

``model.safetensors``, ``config.json``, ``vocab.txt``, ``labels.json`` and ``manifest.json``, and with built-in lexicons
``lexicon.safetensors`` (see `slu.inputs.lexicon`). Parameters are named as in PaddleNLP's ERNIE checkpoints; the
matrix of the flags (see `slu.inputs.flags`) is ``ernie.embeddings.flag_embeddings.weight`` ``[flags, hidden]``. A
quantised linear layer or embedding ``X`` is stored as

* ``X.weight`` int8, as the float one: ``[in, out]`` or ``[rows, hidden]``;
* ``X.weight_scale`` float32, one value an output channel ``[out]`` or an embedding row ``[rows]``:
  weight = int8 × scale, int8 in -127..127;
* ``X.input_scale`` float32 ``[1]`` (linear layers only): the step of the symmetric int8 input;
* ``X.output_scale`` float32 ``[1]`` (query and key projections only, of all layers or of none): the step of the
  symmetric int8 output, of which attention scores are made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slu.corpus.labels import Labels
from slu.errors import CheckpointError
from slu.files import MARK, file_sha256, new_directory, open_regular
from slu.heads.head import Head
from slu.inputs.flags import LEXICON, FlagColumns
from slu.inputs.lexicon import CompiledLexicon
from slu.inputs.ngrams import check_keys
from slu.inputs.tokenizer import Tokenizer, read_vocab
from slu.manifest import Manifest, read_json
from slu.model.config import BOW, ERNIE, LSTM, ModelConfig
from slu.model.quantization import INPUT_SCALE, LEVELS, OUTPUT_SCALE, WEIGHT_SCALE, integer_scores, makes_scores

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
VOCAB = "vocab.txt"
LABELS = "labels.json"
LEXICONS = "lexicon.safetensors"
NGRAMS = "ngrams.safetensors"
SCORE_STEPS = (np.float32(1e-15), np.float32(1e3))
"""Least and largest ``output_scale``: what the engine reads, so that no product of two is denormal."""


@dataclass
class Checkpoint:
    """A model in memory. ``tensors`` maps parameter names to arrays (shapes: see the head of this module).

    ``lexicon``: the built-in lexicons of a model with the flags ``lexicon``; None stands for empty ones. ``ngrams``:
    the keys of the pairs that it knows (`slu.inputs.ngrams`), None for a model without.
    """

    config: ModelConfig
    tensors: dict[str, np.ndarray]
    vocab: list[str]
    labels: Labels
    manifest: Manifest = field(default_factory=Manifest)
    lexicon: CompiledLexicon | None = None
    ngrams: np.ndarray | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of all parameters, which published tables call model size, of the built-in lexicons and of the keys of
        n-grams."""
        lexicons = self.lexicon.nbytes if self.lexicon else 0
        keys = 0 if self.ngrams is None else self.ngrams.nbytes
        return sum(tensor.nbytes for tensor in self.tensors.values()) + lexicons + keys

    @property
    def quantised(self) -> bool:
        """Whether linear layers are INT8 with activation scales."""
        return any(name.endswith(".input_scale") for name in self.tensors)

    @property
    def head(self) -> Head:
        """What the model answers."""
        return self.config.task

    def tokenizer(self) -> Tokenizer:
        return Tokenizer(self.vocab, normalisation=self.config.normalisation, pairs=self.config.pairs)


FLAG_EMBEDDINGS = "ernie.embeddings.flag_embeddings.weight"
NGRAM_EMBEDDINGS = "ernie.embeddings.ngram_embeddings"
NGRAM_PROJECTION = "ernie.embeddings.ngram_projection.weight"


def parameter_shapes(config: ModelConfig, labels: Labels) -> dict[str, tuple[int, ...]]:
    """Every float parameter of the model and its shape, in the order of computation."""
    if config.encoder != ERNIE:
        return _baseline_shapes(config) | config.task.parameter_shapes(config.hidden_size, labels)
    hidden, inner = config.hidden_size, config.num_attention_heads * config.attention_head_size
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        shapes[f"{name}.weight"] = (rows, columns)
        shapes[f"{name}.bias"] = (columns,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)

    embeddings = "ernie.embeddings"
    shapes[f"{embeddings}.word_embeddings.weight"] = (config.vocab_size, hidden)
    shapes[f"{embeddings}.position_embeddings.weight"] = (config.max_position_embeddings, hidden)
    if config.type_vocab_size:
        shapes[f"{embeddings}.token_type_embeddings.weight"] = (config.type_vocab_size, hidden)
    if config.use_task_id:
        shapes[f"{embeddings}.task_type_embeddings.weight"] = (config.task_type_vocab_size, hidden)
    if config.flags:
        shapes[FLAG_EMBEDDINGS] = (FlagColumns.of(config.flags, labels).count, hidden)
    if config.ngram_rows:
        shapes[f"{NGRAM_EMBEDDINGS}.weight"] = (config.ngram_rows, config.ngram_width)
        shapes[NGRAM_PROJECTION] = (config.ngram_width, hidden)
    norm(f"{embeddings}.layer_norm")
    for i in range(config.num_hidden_layers):
        layer = f"ernie.encoder.layers.{i}"
        for projection in ("q_proj", "k_proj", "v_proj"):
            linear(f"{layer}.self_attn.{projection}", hidden, inner)
        linear(f"{layer}.self_attn.out_proj", inner, hidden)
        norm(f"{layer}.norm1")
        linear(f"{layer}.linear1", hidden, config.intermediate_size)
        linear(f"{layer}.linear2", config.intermediate_size, hidden)
        norm(f"{layer}.norm2")
    if config.reads_whole_text:
        linear("ernie.pooler.dense", hidden, hidden)
    return shapes | config.task.parameter_shapes(hidden, labels)


def _baseline_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Those of `slu.model.baselines`. The embedding is named as that of the other encoder, as all that chooses rows
    of a vocabulary goes by this name."""
    hidden = config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"ernie.embeddings.word_embeddings.weight": (config.vocab_size, hidden)}
    if config.encoder == LSTM:
        half = hidden // 2
        for layer in range(config.num_hidden_layers):
            for direction in ("", "_reverse"):
                shapes[f"lstm.weight_ih_l{layer}{direction}"] = (4 * half, hidden)
                shapes[f"lstm.weight_hh_l{layer}{direction}"] = (4 * half, half)
                shapes[f"lstm.bias_ih_l{layer}{direction}"] = shapes[f"lstm.bias_hh_l{layer}{direction}"] = (4 * half,)
    dense = {LSTM: "lstm_dense", BOW: "bow_dense"}[config.encoder]
    return shapes | {f"{dense}.weight": (hidden, hidden), f"{dense}.bias": (hidden,)}


def check_tensors(tensors: dict[str, np.ndarray], config: ModelConfig, labels: Labels, where: str) -> None:
    """Raise `CheckpointError` unless ``tensors`` is exactly what ``config`` and ``labels`` ask for."""
    if config.num_hidden_layers > len(tensors):
        raise CheckpointError(
            f"{where}: {len(tensors)} tensors are too few for {config.num_hidden_layers} layers; copy it again"
        )
    expected = parameter_shapes(config, labels)
    known = set(expected)
    scores = integer_scores(tensors)
    for name, shape in expected.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise CheckpointError(f"{where}: the tensor {name} is missing; copy or train it again")
        if tensor.shape != shape:
            raise CheckpointError(
                f"{where}: {name} has shape {list(tensor.shape)}, {CONFIG} requires {list(shape)}; copy both again"
            )
        if tensor.dtype == np.int8 and len(shape) == 2 and name != NGRAM_PROJECTION:
            layer = name.removesuffix(".weight")
            scales = {f"{layer}.{WEIGHT_SCALE}": shape[1], f"{layer}.{INPUT_SCALE}": 1}
            if scores and makes_scores(layer):
                scales[f"{layer}.{OUTPUT_SCALE}"] = 1
            if layer.endswith("_embeddings"):
                scales = {f"{layer}.{WEIGHT_SCALE}": shape[0]}
            for scale, length in scales.items():
                _check_scale(tensors, scale, length, where)
            if (tensor < -LEVELS).any():
                raise CheckpointError(f"{where}: {name} holds -128; quantised weights are -{LEVELS} to {LEVELS}")
            known |= set(scales)
        elif scores and makes_scores(name.removesuffix(".weight")):
            raise CheckpointError(
                f"{where}: {name} is {tensor.dtype}, but attention scores are of INT8; quantise the float model again"
            )
        elif tensor.dtype != np.float32:
            raise CheckpointError(f"{where}: {name} is {tensor.dtype}; float32 or quantised int8 was expected")
        elif not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{where}: {name} has values that are not finite: the training diverged; lower learning_rate"
            )
    unknown = sorted(set(tensors) - known)
    if unknown:
        raise CheckpointError(
            f"{where}: {unknown[0]} belongs to another kind of model; give a checkpoint of this project"
        )


def check_vocab(vocab: list[str], config: ModelConfig, where: str) -> None:
    """Raise `CheckpointError` unless ``vocab`` is one for a model of this configuration."""
    if len(vocab) != config.vocab_size:
        raise CheckpointError(
            f"{where}: {len(vocab)} tokens, but the model has {config.vocab_size}; "
            "this vocabulary belongs to another checkpoint"
        )
    pad = Tokenizer(vocab, where).pad_id
    if pad != config.pad_token_id:
        raise CheckpointError(f"{where}: [PAD] has the number {pad}, {CONFIG} says {config.pad_token_id}")


def _check_scale(tensors: dict[str, np.ndarray], name: str, length: int, where: str) -> None:
    scale = tensors.get(name)
    if scale is None or scale.dtype != np.float32 or scale.shape != (length,):
        raise CheckpointError(f"{where}: {name} must be float32 of shape [{length}]")
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise CheckpointError(f"{where}: {name} must be positive and finite")
    if name.endswith(f".{OUTPUT_SCALE}") and not SCORE_STEPS[0] <= scale[0] <= SCORE_STEPS[1]:
        raise CheckpointError(
            f"{where}: {name} is {scale[0]}, no step of a trained model; quantise the float model again"
        )


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file; raise `CheckpointError` when it is missing, truncated or something else."""
    from safetensors import SafetensorError  # type: ignore[attr-defined]
    from safetensors.numpy import load_file

    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; a checkpoint is the directory that holds it")
    try:
        open_regular(path).close()  # a file of any size takes no room on a disk
        return load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error}); copy or train it again") from error
    except (AttributeError, TypeError) as error:  # what safetensors lets through for bfloat16 and float8
        raise CheckpointError(
            f"{path}: has numbers of a type that NumPy does not support ({error}); convert it to float32"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint directory, checking every size; raise `CheckpointError` when something does not fit."""
    directory = Path(path)
    if not directory.is_dir():
        raise CheckpointError(f"{directory}: no such directory; give the directory of a checkpoint")
    manifest = Manifest.load(directory)  # first, as the other files of another format version may look otherwise
    config_path = directory / CONFIG
    config = ModelConfig.from_dict(read_json(config_path, CheckpointError), str(config_path))
    vocab = read_vocab(directory / VOCAB)
    check_vocab(vocab, config, str(directory / VOCAB))
    labels = Labels.load(directory / LABELS)
    tensors = read_tensors(directory / WEIGHTS)
    check_tensors(tensors, config, labels, str(directory / WEIGHTS))
    lexicon, ngrams = load_lexicons(directory, config, labels), load_ngrams(directory, config)
    check_side_files(directory, manifest)
    return Checkpoint(config, tensors, vocab, labels, manifest, lexicon, ngrams)


def check_side_files(directory: Path, manifest: Manifest) -> None:
    """Raise `CheckpointError` unless the small files beside the weights have the hashes of the manifest, where it lists
    some: of other labels, or of the same in another order, nothing else would tell."""
    for name in (CONFIG, VOCAB, LABELS, LEXICONS, NGRAMS):
        if name not in manifest.files:
            continue
        try:
            same = file_sha256(directory / name) == manifest.files[name]
        except OSError as error:
            raise CheckpointError(
                f"{directory / name}: cannot be read ({error.strerror}); copy the checkpoint again"
            ) from error
        if not same:
            raise CheckpointError(f"{directory / name}: not the file that {MARK} describes; copy the checkpoint again")


def load_lexicons(directory: Path, config: ModelConfig, labels: Labels) -> CompiledLexicon | None:
    """The built-in lexicons of a checkpoint or a bundle, None without any."""
    path = directory / LEXICONS
    if not path.is_file():
        return None
    if LEXICON not in config.flags:
        raise CheckpointError(
            f"{path}: the lexicons belong to another model; remove the file, as this model takes none by {CONFIG}"
        )
    return CompiledLexicon.from_tensors(read_tensors(path), labels.slots, str(path), config.normalisation)


def save_lexicons(lexicon: CompiledLexicon | None, directory: Path) -> None:
    """Inverse of `load_lexicons`."""
    from safetensors.numpy import save

    if lexicon:
        (directory / LEXICONS).write_bytes(save(lexicon.tensors()))


def load_ngrams(directory: Path, config: ModelConfig) -> np.ndarray | None:
    """The keys of the n-grams of a checkpoint or a bundle, None for a model without."""
    path = directory / NGRAMS
    if not config.ngram_rows:
        if path.is_file():
            raise CheckpointError(f"{path}: belongs to another model, as this one has no n-grams; remove the file")
        return None
    tensors = read_tensors(path)
    if set(tensors) != {"keys"}:
        raise CheckpointError(f"{path}: the keys of n-grams were expected; copy the model again")
    return check_keys(tensors["keys"], config.ngram_rows, str(path))


def save_ngrams(keys: np.ndarray | None, directory: Path) -> None:
    """Inverse of `load_ngrams`."""
    from safetensors.numpy import save

    if keys is not None:
        (directory / NGRAMS).write_bytes(save({"keys": np.ascontiguousarray(keys)}))


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a checkpoint directory: it appears complete, under its name, or not at all."""
    check_tensors(checkpoint.tensors, checkpoint.config, checkpoint.labels, str(path))
    check_vocab(checkpoint.vocab, checkpoint.config, str(path))
    if checkpoint.ngrams is not None or checkpoint.config.ngram_rows:
        check_keys(np.asarray(checkpoint.ngrams), checkpoint.config.ngram_rows, str(path))
    with new_directory(path) as directory:
        write_checkpoint_files(checkpoint, directory)


def write_checkpoint_files(checkpoint: Checkpoint, directory: Path) -> None:
    """Write the files of a checkpoint into a directory that exists."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in checkpoint.tensors.items()}
    (directory / WEIGHTS).write_bytes(save(tensors))
    (directory / CONFIG).write_text(json.dumps(checkpoint.config.to_dict(), indent=1) + "\n", encoding="utf-8")
    (directory / VOCAB).write_text("\n".join(checkpoint.vocab) + "\n", encoding="utf-8")
    checkpoint.labels.save(directory / LABELS)
    save_lexicons(checkpoint.lexicon, directory)
    save_ngrams(checkpoint.ngrams, directory)
    checkpoint.manifest.save(directory)
