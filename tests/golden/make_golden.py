"""Make the golden files of this directory, which hold the Python and the C++ implementation together.

    python tests/golden/make_golden.py

``tiny.gguf``        a quantised model of odd sizes: 2 layers of 20, 3 heads of 6, 27 neurons, random weights
``tokenizer.json``   texts and their tokens by that model's vocabulary
``decoding.json``    logits and the decisions on them
``logits.json``      token ids and that model's logits, by `numpy_network.py`
``malformed.json``   changes to ``tiny.gguf`` that have to be refused, and with which status
Everything comes from fixed seeds: running this again changes nothing.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy_network import run

from export_lite.gguf import write_gguf
from slu.corpus.labels import Labels
from slu.heads.joint_decoding import JointDecoder
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.manifest import Manifest
from slu.model.checkpoint import Checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.model.quantization import quantise

HERE = Path(__file__).parent
MAX_TOKENS = 12
FORMAT, VERSION = 3, 4
"""SLU_ERROR_FORMAT and SLU_ERROR_VERSION."""

TEXTS = (
    "来一首周华健的花心",
    "",
    " \t\r\n\u3000",
    "play Music 100ml of abc",
    "100ml",
    "3.5kg",
    "a1b2",
    "unknowable",
    "xyzzy plugh",
    "café CAFE\u0301 Ångström",
    "ΑΣ ας ΑΣ",
    "İstanbul ıI",
    "한국어 가각",
    "\u1100\u1161 word",
    "≠≤ ½ ² ㎞ №",
    "豈更車 \U0002f800",
    "\U0001f600 smile\U0001f600d",
    "\U00020000\U0002a6d6",
    "a\u0000b\ufffdc\u200bd\u00ade",
    "a" * 100,
    "a" * 101,
    "\u0390" * 51,
    "「你好」，world!",
    "①２３ Ａb",
    "\u0301\u0301",
    "e\u0301",
    "的" * 9 + "a",
    "的" * 10,
    "的" * 11,
    "的" * 10 + " \u0301",
    "的" * 10 + "  !",
    "word" * 30,
    "\ud7a3\U0010ffff\ue000",
    "ﬁ ǆ ß ŉ",
    "##a [UNK] [CLS]",
    "١٢٣ १२३ 123",
    "\U0001d7d9 \U0001d400",
    "ก็ नमस्ते",
)


def labels() -> Labels:
    """3 intents, of which one has no slots and two share them in part; 3 slots."""
    taken = {"call": ("name",), "none": (), "play": ("singer", "song")}
    return Labels(("call", "none", "play"), ("name", "singer", "song"), taken)


def vocabulary() -> list[str]:
    """Pieces that make every branch of the tokenizer happen; ``de`` is there twice."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1) if chr(c) not in "xz"] + list(
        "0123456789.,![]#的来一首周华健花心"
    )
    pieces = [
        "ab",
        "abc",
        "ml",
        "word",
        "de",
        "un",
        "##know",
        "##able",
        "##a",
        "##aa",
        "##b",
        "##c",
        "de",
        "##ml",
        "100",
        "3",
    ]
    pieces += ["café", "cafe", "angstrom", "ας", "α", "##σ", "##ς", "istanbul", "i", "##stanbul", "\u1112\u1161\u11ab"]
    pieces += [
        "##\u1100\u116e\u11a8",
        "\u1100\u1161",
        "\u1100",
        "=",
        "≤",
        "½",
        "①",
        "２",
        "##３",
        "豈",
        "更",
        "\u4e3d",
        "ι",
    ]
    pieces += [
        "\U0001f600",
        "smile",
        "d",
        "\U00020000",
        "a" * 50,
        "##" + "a" * 50,
        "ﬁ",
        "ss",
        "ß",
        "##kg",
        "kg",
        "１",
        "##word",
    ]
    return [*SPECIAL_TOKENS, *letters, *pieces]


def checkpoint() -> Checkpoint:
    """The model of ``tiny.gguf``."""
    vocab = vocabulary()
    config = ModelConfig(
        vocab_size=len(vocab),
        hidden_size=20,
        num_hidden_layers=2,
        num_attention_heads=3,
        attention_head_size=6,
        intermediate_size=27,
        max_position_embeddings=MAX_TOKENS,
    )
    rng = np.random.default_rng(3)
    tensors: dict[str, np.ndarray] = {}
    for name, shape in parameter_shapes(config, labels()).items():
        values = (rng.standard_normal(shape) * 0.3 + ("norm" in name and name.endswith("weight"))).astype(np.float32)
        layer = name.removesuffix(".weight")
        embedding = layer.endswith("_embeddings")
        if len(shape) == 2 and (embedding or "encoder" in name or layer == "slot_classifier"):
            values, scale = quantise(values, 0 if embedding else 1)
            tensors[f"{layer}.weight_scale"] = scale
            if not embedding:
                tensors[f"{layer}.input_scale"] = np.array([0.02], np.float32)
        tensors[name] = values
    manifest = Manifest(stage="golden", threshold=0.25)
    return Checkpoint(config, tensors, vocab, labels(), manifest)


def tokenizer_cases(model: Checkpoint) -> list[dict[str, object]]:
    tokenizer = Tokenizer(model.vocab)
    cases = []
    for text in TEXTS:
        encoding = tokenizer.encode(text, MAX_TOKENS)
        case = {key: getattr(encoding, key).tolist() for key in ("ids", "starts", "ends")}
        cases.append({"text": text, **case, "truncated": encoding.truncated})
    return cases


def decoding_cases() -> list[dict[str, object]]:
    rng = np.random.default_rng(4)
    decoder = JointDecoder(labels())
    tags = len(labels().tags)
    cases = []
    for tokens in (0, 1, 1, 2, 3, 5, 8, 10, 10, 10):
        # Whole numbers make ties, of which the lower index has to win.
        intents, slots = (np.round(rng.normal(0, 2, n)).astype(np.float32) for n in (3, (tokens, tags)))
        decision = decoder.decode(intents[None], slots[None])[0]
        case = {"intents": intents.tolist(), "slots": slots.tolist(), "intent": decision.intent}
        cases.append({**case, "score": decision.score, "tags": list(decision.tags)})
    return cases


def logits_cases(model: Checkpoint) -> list[dict[str, object]]:
    rng = np.random.default_rng(5)
    cases = []
    for tokens in (1, 2, 3, 4, 5, 8, 9, MAX_TOKENS):
        ids = rng.integers(0, model.config.vocab_size, tokens)
        intents, slots, _ = run(model, ids)
        cases.append({"ids": ids.tolist(), "intents": _short(intents), "slots": _short(slots)})
    return cases


def _short(values: np.ndarray) -> list[object]:
    return np.round(values.astype(float), 6).tolist()


def malformed(data: bytes) -> list[dict[str, object]]:
    """What to write where, and the status that has to come of it."""

    def after(key: str, more: int = 0) -> int:
        return data.index(key.encode()) + len(key) + 4 + more

    def tensor(name: str) -> int:
        """Where the description after the name of a tensor begins: dimensions, shape, type, offset."""
        return data.index(struct.pack("<Q", len(name)) + name.encode()) + 8 + len(name)

    huge = struct.pack("<Q", 1 << 63)
    size = "ernie-slu."
    changes = {
        "not GGUF": (0, b"GGML", FORMAT),
        "GGUF of version 2": (4, struct.pack("<I", 2), VERSION),
        "2^63 tensors": (8, huge, FORMAT),
        "2^63 keys": (16, huge, FORMAT),
        "a newer format": (after(f"{size}format_version"), struct.pack("<I", 5), VERSION),
        "version 4 without steps of scores": (after(f"{size}format_version"), struct.pack("<I", 4), FORMAT),
        "version 2 without a normalisation": (after(f"{size}format_version"), struct.pack("<I", 2), FORMAT),
        "another architecture": (after("general.architecture", 8), b"llama-big", FORMAT),
        "another tokenizer": (after("tokenizer.ggml.model", 8), b"ernie-somethi", FORMAT),
        "0 layers": (after(f"{size}block_count"), struct.pack("<I", 0), FORMAT),
        "2^32 - 1 layers": (after(f"{size}block_count"), b"\xff" * 4, FORMAT),
        "3 layers": (after(f"{size}block_count"), struct.pack("<I", 3), FORMAT),
        "another hidden size": (after(f"{size}embedding_length"), struct.pack("<I", 21), FORMAT),
        "a hidden size of 2^31": (after(f"{size}embedding_length"), struct.pack("<I", 1 << 31), FORMAT),
        "no neurons": (after(f"{size}feed_forward_length"), struct.pack("<I", 0), FORMAT),
        "65536 heads": (after(f"{size}attention.head_count"), struct.pack("<I", 65536), FORMAT),
        "a head size that overflows": (after(f"{size}attention.key_length"), struct.pack("<I", 0x55555556), FORMAT),
        "2 tokens": (after(f"{size}context_length"), struct.pack("<I", 2), FORMAT),
        "more positions than there are": (after(f"{size}context_length"), struct.pack("<I", 13), FORMAT),
        "epsilon is no number": (after(f"{size}attention.layer_norm_epsilon"), struct.pack("<f", np.nan), FORMAT),
        "threshold is no number": (after(f"{size}threshold"), struct.pack("<d", np.nan), FORMAT),
        "an input that is not known": (after(f"{size}inputs", 20), b"flagss", VERSION),
        "an intent that is not UTF-8": (after(f"{size}intents", 20), b"\xff\xfe", FORMAT),
        "an intent with a NUL": (after(f"{size}intents", 20), b"\0", FORMAT),
        "2^63 intents": (after(f"{size}intents", 4), huge, FORMAT),
        "an array of arrays": (after(f"{size}intents"), struct.pack("<I", 9), FORMAT),
        "a string of 2^63 bytes": (after(f"{size}intents", 12), huge, FORMAT),
        "more slots of an intent than there are": (after(f"{size}slots_of_intent.counts", 12), b"\x09", FORMAT),
        "a negative number of slots": (after(f"{size}slots_of_intent.counts", 12), b"\xff" * 4, FORMAT),
        "a slot that is not there": (after(f"{size}slots_of_intent.slots", 12), b"\x03", FORMAT),
        "no [SEP]": (data.index(b"[SEP]"), b"[SAP]", FORMAT),
        "5 dimensions": (tensor("token_embd.weight"), struct.pack("<I", 5), FORMAT),
        "no dimension": (tensor("token_embd.weight"), struct.pack("<I", 0), FORMAT),
        "a shape that overflows": (tensor("token_embd.weight") + 4, struct.pack("<QQ", 1 << 33, 1 << 33), FORMAT),
        "a tensor of another type": (tensor("token_embd.weight") + 20, struct.pack("<I", 2), FORMAT),
        "a tensor outside the file": (tensor("slot.bias") + 16, struct.pack("<Q", len(data)), FORMAT),
        "an offset that overflows": (tensor("slot.bias") + 16, struct.pack("<Q", (1 << 64) - 4), FORMAT),
        "an offset that is not aligned": (tensor("slot.bias") + 16, b"\x01", FORMAT),
        "a tensor with another name": (tensor("embd_norm.bias") - 4, b"BIAS", FORMAT),
        "an alignment of 3": (after("general.alignment"), struct.pack("<I", 3), FORMAT),
    }
    return [
        {"what": what, "at": at, "bytes": new.hex(), "status": status} for what, (at, new, status) in changes.items()
    ]


def main() -> None:
    model = checkpoint()
    write_gguf(model, HERE / "tiny.gguf", "tiny")
    files = {
        "tokenizer": tokenizer_cases(model),
        "decoding": decoding_cases(),
        "logits": logits_cases(model),
        "malformed": malformed((HERE / "tiny.gguf").read_bytes()),
    }
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
