"""What stands beside a model of spans: a linear model of the characters around each one.

    python -m bench_arm.host.span_baselines --train train.jsonl --data test.jsonl

The features of a character are itself and its neighbours, alone and in pairs, by their place (those of `slu analyze`,
see `slu.analysis.quick`); a logistic regression gives the logarithm of the probability of each tag, and the answer is
the sequence of tags of the largest sum in which a span begins before it goes on, as in the product. Prints JSON;
measures are percentages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slu.analysis.quick import TagModel
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.heads.table import HEADS
from slu.inputs.tokenizer import Encoding
from slu.runtime.parser import ParseResult

TASK = HEADS["tokens"]
_LEAST = 1e-9
"""Smallest probability whose logarithm is taken; smaller ones count as this."""


def answers(model: TagModel, labels: Labels, utterances: Sequence[Utterance]) -> list[ParseResult]:
    """The model's spans of each text."""
    _, shares = model.shares(utterances)
    decoder, found = TASK.decoder(labels), []
    ends = np.cumsum([len(utterance.text) for utterance in utterances])
    for utterance, of_text in zip(utterances, np.split(shares, ends[:-1])):
        logits = np.log(np.maximum(of_text, _LEAST)).astype(np.float32)
        [decision] = decoder.decode(logits[None])
        places = np.arange(-1, len(utterance.text) + 1)  # a token each, between [CLS] and [SEP]
        encoding = Encoding(places, places, places + 1, False)
        found.append(
            ParseResult(
                utterance.text, "", decision.score, True, decoder.answer(decision, utterance.text, encoding).slots
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A linear model of spans.")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    train, data = TASK.corpus.read(given.train, None), TASK.corpus.read(given.data, None)
    labels = TASK.corpus.labels(train, None)
    result: dict[str, Any] = TASK.measure(
        data, answers(TagModel(train, labels.slots, given.seed), labels, data), labels
    )
    measured = {name: round(result[name], 2) for name in TASK.measures if name != "understood"}
    print(
        json.dumps(
            {"texts": len(data), **measured, "classes": result["classes"]["slots"]}, ensure_ascii=False, indent=1
        )
    )


if __name__ == "__main__":
    main()
