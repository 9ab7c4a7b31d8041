"""Long texts: the native engine beside the engines that could replace it, at exact numbers of tokens.

    python -m bench_arm.host.long_inputs --shape 4x312x12x1248 --task answer --tokens 128,384 --json long.json
    python -m bench_arm.host.long_inputs --checkpoint INT8 --float FLOAT --tokens 128,384 --json long.json

The first form makes a model with random weights, in INT8 and with the same sizes in floats; the second takes two
checkpoints. For each number of tokens both are exported for exactly so many, and some texts that have exactly so many
go through every engine, in turns, one thread each (`bench_arm.host.bench`). Ratios are medians of the others' networks
alone, divided by the median of the native engine from text to answer, in processor time, which other programs on the
machine hardly lengthen. INT8 models are compared with INT8 models where
an engine has real INT8 (ONNX Runtime); of the others, which simulate it in floats, the float model is measured.
A model with attention scores of INT8 (``--scores int8``, or a checkpoint that has them) is also measured as it is with
scores in floats, so that nothing is compared with what only this engine does fast.
OpenVINO is measured twice: in FP32, and as it comes, which is bfloat16 where the processor has it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_arm import measurement
from bench_arm.host.bench import bench_host
from bench_arm.host.random_models import random_checkpoint
from slu.corpus.classified import PAIR
from slu.corpus.utterance import Utterance
from slu.errors import ConfigError, SluError
from slu.files import check_result, write_result
from slu.heads.table import HEADS
from slu.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from slu.model.quantization import integer_scores, without_integer_scores
from slu.runtime.backends.native import kernel_names
from slu.runtime.formats import INT8, NATIVE_BACKEND

SIZES = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
QUESTION = 12
"""Tokens of a question, or a quarter of all where that is less."""
FLOAT_FORMATS = ("gguf", "paddle", "lite-x86", "onnx")
INT8_FORMATS = ("gguf", "onnx-int8")
INT8_SCORES, INT8_LINEAR, FLOAT = "int8-scores", "int8", "fp32"
"""The models: attention scores in INT8 too, linear layers alone, nothing."""
KEPT = ("timer", "threads", "rounds", "load_average", "warnings", "libraries", "left_out")
"""What is taken over from the result of `bench_host`."""
FIELDS = ("processor", "commit", "task", "sizes", "lengths")


def texts_of(checkpoint: Checkpoint, tokens: int, count: int, seed: int = 0) -> list[str]:
    """Texts of exactly ``tokens`` tokens, [CLS] and [SEP] counted; for a model of questions, a question and a passage.
    Raises `ConfigError` where the vocabulary has no ideographs of their own or there is no room."""
    characters = [word for word in checkpoint.vocab if len(word) == 1 and "\u4e00" <= word <= "\u9fff"]
    pairs = checkpoint.head.windows is not None
    body = tokens - (3 if pairs else 2)
    if not characters or body < 2:
        raise ConfigError(f"--tokens {tokens}: no text can have so many with this model")
    draw, found, tokenizer = random.Random(seed), [], checkpoint.tokenizer()
    for _ in range(count):
        text = "".join(draw.choices(characters, k=body))
        if pairs:
            cut = max(min(QUESTION, body // 4), 1)
            text = text[:cut] + PAIR + text[cut:]
        read = [len(one.ids) for one in checkpoint.head.encodings(tokenizer, text, tokens)]
        if read != [tokens]:
            raise ConfigError(f"--tokens {tokens}: this model reads {text!r} as {read} tokens")
        found.append(text)
    return found


def compare(
    quantised: Checkpoint, floats: Checkpoint, tokens: int, texts: int, rounds: int, kernels: Sequence[str], place: Path
) -> dict[str, Any]:
    """The measurements of one number of tokens."""
    from export_lite.export import export_bundle

    bundles = []
    for name, checkpoint, formats in variants(quantised, floats):
        save_checkpoint(checkpoint, place / name)
        bundles.append(place / f"{name}-{tokens}")
        export_bundle(place / name, bundles[-1], formats, tokens, say=_say)
    head, labels = quantised.head, quantised.labels
    names = labels.intents[:1]
    utterances = [
        Utterance(text, names[0], (), str(n)) if head.dialogues else Utterance(text, "", (), str(n), names)
        for n, text in enumerate(texts_of(quantised, tokens, texts))
    ]
    head.corpus.write(utterances, place / "texts")
    result = bench_host(
        bundles, place / "texts", rounds=rounds, say=_say, kernels=kernels, as_they_come=True, processor_time=True
    )
    return {"tokens": tokens, **ratios(result)}


def variants(quantised: Checkpoint, floats: Checkpoint) -> list[tuple[str, Checkpoint, tuple[str, ...]]]:
    """What is measured, that which it is about first: a name, the model, and its formats."""
    last = (FLOAT, floats, FLOAT_FORMATS)
    if not integer_scores(quantised.tensors):
        return [(INT8_LINEAR, quantised, INT8_FORMATS), last]
    without = replace(quantised, tensors=without_integer_scores(quantised.tensors))
    return [(INT8_SCORES, quantised, INT8_FORMATS), (INT8_LINEAR, without, INT8_FORMATS), last]


def ratios(result: dict[str, Any]) -> dict[str, Any]:
    """The rows of a result of `bench_host` with their ratios to the native engine's first one in INT8, and the fastest
    of the other engines."""
    rows = []
    for row in result["measurements"]:
        own = row["backend"] == NATIVE_BACKEND
        times = row["end_to_end_ms" if own else "model_ms"]
        rows.append(
            {key: row[key] for key in ("backend", "precision", "setting", "load_ms", "rss_growth_bytes")}
            | {"model": Path(row["bundle"]).name.rpartition("-")[0]}
            | {"measured": "from text to answer" if own else "network alone", "ms": times["p50"], "p90": times["p90"]}
        )
    ours = next(row["ms"] for row in rows if row["backend"] == NATIVE_BACKEND and row["precision"] == INT8)
    for row in rows:
        row["ratio"] = round(row["ms"] / ours, 2)
    others = [row for row in rows if row["backend"] != NATIVE_BACKEND]
    fastest = min(others, key=lambda row: row["ms"]) if others else None
    return {
        "fastest_other": fastest and f"{fastest['backend']} {fastest['precision']}",
        "ratio": fastest and fastest["ratio"],
        **{key: result[key] for key in KEPT},
        "measurements": rows,
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def models(args: argparse.Namespace, longest: int) -> tuple[Checkpoint, Checkpoint]:
    """The model in INT8 and in floats. Raises `SluError` for arguments that do not fit each other."""
    if args.checkpoint:
        quantised, floats = load_checkpoint(args.checkpoint), load_checkpoint(args.float or args.checkpoint)
        if quantised.head != floats.head or quantised.labels != floats.labels:
            raise ConfigError(f"--float {args.float}: answers something else than {args.checkpoint}")
        for path, one in ((args.checkpoint, quantised), (args.float, floats)):
            if longest > one.config.max_length:
                raise ConfigError(f"--tokens {longest}: {path} reads {one.config.max_length} at most")
        return quantised, floats
    parts = args.shape.split("x")
    if len(parts) != len(SIZES) or not all(part.isdigit() and int(part) for part in parts):
        raise ConfigError(f"--shape {args.shape}: layers, hidden size, heads, neurons with x between, as 4x312x12x1248")
    sizes: dict[str, Any] = dict(zip(SIZES, map(int, parts)))
    if sizes["hidden_size"] % sizes["num_attention_heads"]:
        raise ConfigError(f"--shape {args.shape}: the hidden size is not a multiple of the heads")
    quantised = random_checkpoint(args.task, longest, True, scores=args.scores == INT8, **sizes)
    return quantised, random_checkpoint(args.task, longest, False, **sizes)


def run(args: argparse.Namespace) -> int:
    if args.json:
        check_result(args.json, json.dumps(dict.fromkeys(FIELDS)))
    if args.float and not args.checkpoint:
        raise ConfigError("--float: only beside --checkpoint")
    if not all(part.isdigit() and int(part) for part in args.tokens.split(",")):
        raise ConfigError(f"--tokens {args.tokens}: numbers with commas between, as 128,384")
    lengths = sorted({int(part) for part in args.tokens.split(",")})
    quantised, floats = models(args, lengths[-1])
    kernels = [name for name in args.kernels.split(",") if name]
    for name in kernels:
        if name not in kernel_names():
            raise ConfigError(f"--kernels {name}: this processor has {', '.join(kernel_names())}")
    found = []
    for tokens in lengths:
        with tempfile.TemporaryDirectory(prefix="slu-long-") as place:
            found.append(compare(quantised, floats, tokens, args.texts, args.repeat, kernels, Path(place)))
    result = {
        "processor": measurement.processor(),
        "commit": measurement.commit(),
        "task": quantised.config.head,
        "sizes": {name: getattr(quantised.config, name) for name in SIZES},
        "lengths": found,
    }
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    if args.json:
        write_result(args.json, text)
    print(text, end="")
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench_arm.host.long_inputs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--shape", help="of a model with random weights: layers x hidden size x heads x neurons")
    model.add_argument("--checkpoint", type=Path, help="a quantised checkpoint")
    parser.add_argument("--float", type=Path, help="with --checkpoint: the model before quantisation")
    parser.add_argument("--task", choices=sorted(HEADS), default="answer", help="with --shape (%(default)s)")
    parser.add_argument(
        "--scores", choices=("fp32", INT8), default="fp32", help="with --shape: attention scores (%(default)s)"
    )
    parser.add_argument("--tokens", default="128,384", help="[CLS] and [SEP] counted (%(default)s)")
    parser.add_argument("--kernels", default="", help="of the native engine, with commas between (the fastest)")
    parser.add_argument("--texts", type=int, default=4, help="different texts (%(default)s)")
    parser.add_argument("--repeat", type=int, default=10, help="rounds (%(default)s)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    try:
        return run(args)
    except SluError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
