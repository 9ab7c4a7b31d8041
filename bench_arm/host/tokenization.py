"""How fast texts become tokens: the engine beside Hugging Face's tokenizers and, where it is installed,
fast-tokenizer-python, with the same vocabulary.

    python -m bench_arm.host.tokenization BUNDLE TEXTS --json tokenization.json

``TEXTS``: a text a line. One thread each, batches of 64, in turns; prints one JSON object: microseconds of a text, the
smallest mean of several rounds, ratios to the engine's, and how many texts each one reads as the engine does: the
engine, as PaddleNLP, begins a new word between letters and digits, and the others do not.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slu.files import read_bytes, write_result

BATCH = 64
Encode = Callable[[Sequence[str]], list[list[int]]]
"""The ids of some texts, with [CLS] and [SEP]."""


def engine(bundle: Path) -> tuple[Encode, int]:
    """``slu_tokenize``, called from Python text by text; and the most tokens of a text."""
    from slu.runtime.backends import native_api as api
    from slu.runtime.backends.native import NativeBackend
    from slu.runtime.formats import FORMATS

    backend = NativeBackend(bundle / FORMATS["gguf"].files[0])
    context, found = backend.new_context(), ctypes.POINTER(api.Tokens)()
    call, handle, result = api.load_library().slu_tokenize, context.handle, ctypes.byref(found)
    call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]

    def encode(texts: Sequence[str], keep: Any = context) -> list[list[int]]:
        made = []
        for text in texts:
            raw = api.utf8(text)
            if call(handle, raw, len(raw), result) != api.OK:
                raise RuntimeError(f"the engine cannot read {text[:40]!r}")
            tokens = found.contents
            made.append(tokens.ids[: tokens.count])
        return made

    return encode, backend.max_length


def hugging_face(bundle: Path, longest: int) -> Encode:
    from tokenizers import BertWordPieceTokenizer

    from slu.model.checkpoint import VOCAB

    tokenizer = BertWordPieceTokenizer(str(bundle / VOCAB), lowercase=True)
    tokenizer.enable_truncation(longest)
    return lambda texts: [one.ids for one in tokenizer.encode_batch(list(texts))]


def fast_tokenizer(bundle: Path, longest: int) -> Encode | None:
    try:
        from fast_tokenizer import ErnieFastTokenizer, set_thread_num
    except ImportError:
        return None
    from slu.model.checkpoint import VOCAB

    set_thread_num(1)
    words = (bundle / VOCAB).read_text(encoding="utf-8").split("\n")
    tokenizer = ErnieFastTokenizer({word: number for number, word in enumerate(words) if word})
    tokenizer.enable_truncation(longest)
    tokenizer.disable_padding()
    return lambda texts: [one.ids for one in tokenizer.encode_batch(list(texts))]


def measure(bundle: Path, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """What the program prints."""
    ours, longest = engine(bundle)
    encoders: dict[str, Encode] = {"slu": ours, "tokenizers": hugging_face(bundle, longest)}
    other = fast_tokenizer(bundle, longest)
    if other:
        encoders["fast-tokenizer-python"] = other
    batches = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    expected = [ids for batch in batches for ids in ours(batch)]
    alike = {
        name: sum(a == b for a, b in zip(expected, (ids for batch in batches for ids in encode(batch))))
        for name, encode in encoders.items()
    }
    best = dict.fromkeys(encoders, float("inf"))
    for _ in range(rounds):
        for name, encode in encoders.items():
            began = time.perf_counter()
            for batch in batches:
                encode(batch)
            best[name] = min(best[name], time.perf_counter() - began)
    return {
        "texts": len(texts),
        "tokens": sum(map(len, expected)),
        "max_tokens": longest,
        "batch": BATCH,
        "rounds": rounds,
        "versions": {name: version(name) for name in encoders},
        "microseconds": {name: round(1e6 * seconds / len(texts), 2) for name, seconds in best.items()},
        "ratio": {name: round(seconds / best["slu"], 2) for name, seconds in best.items()},
        "same_tokens": alike,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench_arm.host.tokenization", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a bundle with the GGUF file, without normalisation of its own")
    parser.add_argument("texts", type=Path, help="a text a line")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread each
    texts = [line for line in read_bytes(args.texts).decode("utf-8").split("\n") if line]
    if not texts or args.rounds < 1:
        parser.error("there must be a text, and a round")
    result = json.dumps(measure(args.bundle, texts, args.rounds), indent=2)
    if args.json:
        write_result(args.json, result + "\n")
    print(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
