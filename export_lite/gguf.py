"""Write a checkpoint as the GGUF file that the native engine maps into memory. docs/gguf.md describes every key.

Weights of linear layers are stored in the order in which the engine's inner loops read them, in panels of 16 outputs,
so that nothing is packed or copied on the device.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export_lite.job import Job
from export_lite.program import run_program
from slu.corpus.label_sets import LabelSets
from slu.corpus.labels import Labels
from slu.errors import CheckpointError
from slu.files import write_file
from slu.formats.gguf_file import ARCHITECTURE, MODEL_VERSIONS
from slu.heads.table import DEFAULT
from slu.model.checkpoint import NGRAM_EMBEDDINGS, NGRAM_PROJECTION, Checkpoint
from slu.model.quantization import OUTPUT_SCALE, dequantise, integer_scores
from slu.runtime.formats import GGUF

if TYPE_CHECKING:
    from gguf import GGUFWriter

FORMAT_VERSION, NORMALISING_VERSION, HEAD_VERSION, SCORES_VERSION = MODEL_VERSIONS
"""Raised whenever an older engine would misread a file. The engine refuses other versions, naming all. Version 2 is
written for models that normalise their text only, version 3 for those that answer something else than intent and slots,
version 4 for any model with attention scores of INT8.
"""

ALIGNMENT = 64
PANEL = 16
"""Outputs stored side by side."""
GROUP = 4
"""Inputs of one output stored side by side: one step of an int8 dot product."""
MOST_PROBES = 4096
"""Places of a lexicon table that the engine searches for an entry. In practice some hundred are enough for any size."""
INPUT_STEP = 8
"""int8 inputs are padded to a multiple of this, so that groups come in pairs."""


def write(job: Job) -> None:
    """The format ``gguf``."""
    [file] = job.files
    write_gguf(job.checkpoint, file)


def write_gguf(checkpoint: Checkpoint, path: str | Path, name: str = "") -> None:
    """Write ``checkpoint`` to the file ``path``, whole or not at all; ``name`` is what the model is called.

    Raises `CheckpointError` when the checkpoint has something that the format cannot hold, `OutputError` when the
    file cannot be written.
    """
    import gguf

    target = Path(path)
    beside = target.parent if os.access(target.parent, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=beside) as directory:
        temporary = Path(directory) / GGUF.files[0]
        writer = gguf.GGUFWriter(temporary, ARCHITECTURE)
        writer.add_custom_alignment(ALIGNMENT)
        if name:
            writer.add_name(name)
        add_metadata(writer, checkpoint)
        for tensor, values in (network_tensors(checkpoint) | lexicon_tensors(checkpoint)).items():
            writer.add_tensor(tensor, np.ascontiguousarray(values))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        write_file(path, temporary.read_bytes())


def add_metadata(writer: GGUFWriter, checkpoint: Checkpoint) -> None:
    """Add all keys of a model to a file, except those that say how it is stored."""
    config, labels = checkpoint.config, checkpoint.labels
    version = NORMALISING_VERSION if config.normalisation else FORMAT_VERSION
    if checkpoint.head is not DEFAULT:
        version = HEAD_VERSION
    if integer_scores(checkpoint.tensors):
        version = SCORES_VERSION
    writer.add_uint32(f"{ARCHITECTURE}.format_version", version)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_key_length(config.attention_head_size)
    writer.add_context_length(config.max_length)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    others = {"flags": bool(config.flags), "ngrams": config.ngram_rows > 0}
    writer.add_array(f"{ARCHITECTURE}.inputs", ["tokens", *(name for name, taken in others.items() if taken)])
    if config.ngram_rows:
        writer.add_uint32(f"{ARCHITECTURE}.ngrams.rows", config.ngram_rows)
        writer.add_uint32(f"{ARCHITECTURE}.ngrams.width", config.ngram_width)
    if config.flags:
        writer.add_array(f"{ARCHITECTURE}.flags", list(config.flags))
    if config.normalisation:
        writer.add_string(f"{ARCHITECTURE}.normalisation", config.normalisation)
    if checkpoint.head is not DEFAULT:
        writer.add_string(f"{ARCHITECTURE}.head", checkpoint.head.name)
    if labels.sets is not None:
        _add_label_sets(writer, checkpoint, labels.sets)
    elif labels.intents:
        _add_intents(writer, labels)
    else:
        writer.add_array(f"{ARCHITECTURE}.slots", list(labels.slots))
        if checkpoint.head.windows:
            writer.add_uint32(f"{ARCHITECTURE}.pairs", 1)
    writer.add_float64(f"{ARCHITECTURE}.threshold", checkpoint.manifest.threshold)
    writer.add_string(f"{ARCHITECTURE}.manifest", json.dumps(checkpoint.manifest.to_json(), ensure_ascii=False))
    writer.add_tokenizer_model("ernie-wordpiece")
    writer.add_token_list(checkpoint.vocab)


def _add_intents(writer: GGUFWriter, labels: Labels) -> None:
    writer.add_array(f"{ARCHITECTURE}.intents", list(labels.intents))
    writer.add_array(f"{ARCHITECTURE}.slots", list(labels.slots))
    taken = [[labels.slots.index(slot) for slot in labels.slots_of_intent[intent]] for intent in labels.intents]
    writer.add_array(f"{ARCHITECTURE}.slots_of_intent.counts", [len(slots) for slots in taken])
    writer.add_array(f"{ARCHITECTURE}.slots_of_intent.slots", [slot for slots in taken for slot in sorted(slots)])


def _add_label_sets(writer: GGUFWriter, checkpoint: Checkpoint, sets: LabelSets) -> None:
    writer.add_array(f"{ARCHITECTURE}.labels", list(checkpoint.labels.intents))
    writer.add_array(f"{ARCHITECTURE}.labels.parents", list(sets.parents))
    writer.add_array(f"{ARCHITECTURE}.labels.rules", list(sets.rules))
    if checkpoint.config.pairs:
        writer.add_uint32(f"{ARCHITECTURE}.pairs", 1)


def network_tensors(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The tensors of the file by name, in the order in which the engine asks for them."""
    config, tensors = checkpoint.config, checkpoint.tensors
    embeddings = "ernie.embeddings"
    result: dict[str, np.ndarray] = {}
    _add_table(result, "token_embd", tensors, f"{embeddings}.word_embeddings")
    _add_table(result, "position_embd", tensors, f"{embeddings}.position_embeddings", config.max_length)
    if config.flags:
        _add_table(result, "flag_embd", tensors, f"{embeddings}.flag_embeddings")
    if checkpoint.ngrams is not None:
        result["ngram.keys"] = checkpoint.ngrams.view(np.int32)  # GGUF has signed integers only
        _add_table(result, "ngram_embd", tensors, NGRAM_EMBEDDINGS)
        result["ngram_proj.weight"] = pack_float(tensors[NGRAM_PROJECTION])
        result["ngram_proj.bias"] = _pad(np.zeros(config.hidden_size, np.float32))
    result["constant_embd.weight"] = _pad(_constant_embedding(checkpoint))
    _add_norm(result, "embd_norm", tensors, f"{embeddings}.layer_norm")
    for i in range(config.num_hidden_layers):
        layer, block = f"ernie.encoder.layers.{i}", f"blk.{i}"
        projections = [f"{layer}.self_attn.{name}_proj" for name in "qkv"]
        _add_linear(result, f"{block}.attn_qkv", tensors, projections)
        if integer_scores(tensors):
            steps = [tensors[f"{name}.{OUTPUT_SCALE}"] for name in projections[:2]]
            result[f"{block}.attn_qkv.score_steps"] = np.concatenate(steps)
        _add_linear(result, f"{block}.attn_out", tensors, [f"{layer}.self_attn.out_proj"])
        _add_norm(result, f"{block}.attn_norm", tensors, f"{layer}.norm1")
        _add_linear(result, f"{block}.ffn_up", tensors, [f"{layer}.linear1"])
        _add_linear(result, f"{block}.ffn_down", tensors, [f"{layer}.linear2"])
        _add_norm(result, f"{block}.ffn_norm", tensors, f"{layer}.norm2")
    if config.reads_whole_text:
        _add_linear(result, "pooler", tensors, ["ernie.pooler.dense"])
    for output in checkpoint.head.outputs:
        _add_linear(result, output.gguf, tensors, [output.layer])
    return result


def lexicon_tensors(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The tensors of the built-in lexicons, if any. GGUF has signed integers only: the bits are the same."""
    if not checkpoint.lexicon:
        return {}
    tensors = checkpoint.lexicon.tensors()
    run = _longest_run(tensors["hashes"] != 0)
    if run >= MOST_PROBES:
        raise CheckpointError(
            f"the lexicons give a table with a run of {run} entries, at most {MOST_PROBES} are allowed; remove entries"
        )
    signed = {np.dtype(np.uint64): np.int64, np.dtype(np.uint32): np.int32, np.dtype(np.uint16): np.int16}
    return {f"lexicon.{name}": tensor.view(signed[tensor.dtype]) for name, tensor in tensors.items()}


def _longest_run(used: np.ndarray) -> int:
    """The largest number of successive used places, cyclically."""
    free = np.flatnonzero(~used)
    return len(used) if not len(free) else int(np.diff(free, append=free[0] + len(used)).max()) - 1


def pack_int8(weight: np.ndarray) -> np.ndarray:
    """int8 ``[in, out]`` → ``[out / 16, in / 4, 16, 4]``, padded with zeros; in is padded to a multiple of 8."""
    rows, columns = (-size % step for size, step in zip(weight.shape, (INPUT_STEP, PANEL)))
    padded = np.pad(weight, ((0, rows), (0, columns)))
    return padded.reshape(padded.shape[0] // GROUP, GROUP, padded.shape[1] // PANEL, PANEL).transpose(2, 0, 3, 1)


def pack_float(weight: np.ndarray) -> np.ndarray:
    """float32 ``[in, out]`` → ``[out / 16, in, 16]``, padded with zeros."""
    padded = np.pad(weight, ((0, 0), (0, -weight.shape[1] % PANEL)))
    return padded.reshape(padded.shape[0], padded.shape[1] // PANEL, PANEL).transpose(1, 0, 2)


def _pad(values: np.ndarray) -> np.ndarray:
    return np.pad(values, (0, -len(values) % PANEL))


def _constant_embedding(checkpoint: Checkpoint) -> np.ndarray:
    """What is added to the embedding of every token: the row of token type 0 and that of the task. ``[hidden]``"""
    floats = dequantise({n: t for n, t in checkpoint.tensors.items() if "type_embeddings" in n})
    total = np.zeros(checkpoint.config.hidden_size, np.float32)
    if checkpoint.config.type_vocab_size:
        total += floats["ernie.embeddings.token_type_embeddings.weight"][0]
    if checkpoint.config.use_task_id:
        total += floats["ernie.embeddings.task_type_embeddings.weight"][checkpoint.config.task_id]
    return total


def _add_table(
    result: dict[str, np.ndarray], name: str, tensors: dict[str, np.ndarray], layer: str, rows: int | None = None
) -> None:
    """An embedding, or its first ``rows``: positions that no text can reach are left out."""
    result[f"{name}.weight"] = tensors[f"{layer}.weight"][:rows]
    if f"{layer}.weight_scale" in tensors:
        result[f"{name}.scale"] = tensors[f"{layer}.weight_scale"][:rows]


def _add_norm(result: dict[str, np.ndarray], name: str, tensors: dict[str, np.ndarray], layer: str) -> None:
    for part in ("weight", "bias"):
        result[f"{name}.{part}"] = _pad(tensors[f"{layer}.{part}"])


def _add_linear(result: dict[str, np.ndarray], name: str, tensors: dict[str, np.ndarray], layers: list[str]) -> None:
    """One linear layer of the file, made of ``layers`` that read the same input, side by side."""

    def joined(part: str) -> np.ndarray:
        return np.concatenate([tensors[f"{layer}.{part}"] for layer in layers], axis=-1)

    if len({tensors[f"{layer}.weight"].dtype for layer in layers}) > 1:
        raise CheckpointError(f"{layers[0]} and its siblings are only partly quantised; quantise all of them or none")
    weight = joined("weight")
    if weight.dtype == np.int8:
        scales = {float(tensors[f"{layer}.input_scale"][0]) for layer in layers}
        if len(scales) > 1:
            raise CheckpointError(
                f"{layers[0]} and its siblings have the same input but a different input_scale; quantise the "
                "checkpoint again"
            )
        result[f"{name}.weight"] = pack_int8(weight)
        result[f"{name}.scale"] = _pad(joined("weight_scale"))
        result[f"{name}.sums"] = _pad(weight.astype(np.int32).sum(0, dtype=np.int32))
        result[f"{name}.input_scale"] = tensors[f"{layers[0]}.input_scale"]
    else:
        result[f"{name}.weight"] = pack_float(weight)
    result[f"{name}.bias"] = _pad(joined("bias"))


__all__ = [
    "ARCHITECTURE",
    "FORMAT_VERSION",
    "lexicon_tensors",
    "network_tensors",
    "pack_float",
    "pack_int8",
    "write_gguf",
]


def write_beside(directory: Path) -> None:
    """Write ``model.gguf`` into a checkpoint's own directory."""
    from slu.model.checkpoint import load_checkpoint

    [file] = GGUF.files
    write_gguf(load_checkpoint(directory), directory / file, directory.name)


if __name__ == "__main__":
    sys.exit(run_program("export_lite.gguf", "CHECKPOINT", write_beside))
