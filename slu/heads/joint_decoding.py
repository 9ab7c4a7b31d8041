"""From logits to an intent and slots: the most probable answer that is not contradictory.

The intent and the slot tags are chosen together, as the answer of largest weight

    exp(logit of the intent + Σ logit of the tag of token t)

among the answers in which I-x follows only B-x or I-x, and an intent has only slots that it can have
(`Labels.slots_of_intent`). Where two answers weigh the same, the lower index wins. The score is the share of the answer
in the weight of all of them (`slu.heads.joint_crf`). The C++ runtime computes the same; golden files hold the two
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot
from slu.heads.head import Answered
from slu.heads.joint_crf import Answers
from slu.inputs.tokenizer import Encoding
from slu.platform import SLOTS


@dataclass(frozen=True, **SLOTS)
class Decision:
    """``intent``: index. ``score``: probability of the answer, 0..1. ``tags``: one index a token."""

    intent: int
    score: float
    tags: tuple[int, ...]


class JointDecoder:
    """Decodes logits for one set of labels."""

    def __init__(self, labels: Labels):
        self.labels = labels
        self._answers = Answers(labels)

    def decode(self, *logits: np.ndarray, encodings: Sequence[Encoding] = ()) -> list[Decision]:
        """Decode ``n`` texts of the same number of tokens.

        ``logits``: of the intents ``[n, intents]``, and of the tags ``[n, tokens, tags]``, without [CLS] and [SEP].
        """
        intents, tags = (log_softmax(np.asarray(array, np.float32)) for array in logits)
        paths = [_best_path(tags, allowed) for allowed in self._answers.tag_sets]
        scores = np.stack([score for score, _ in paths], 1)
        totals = intents + scores[:, self._answers.set_of_intent]
        chosen = totals.argmax(1)
        shares = np.exp(np.minimum(totals.max(1) - self._answers.log_sum(intents, tags), 0))
        return [
            Decision(int(i), float(shares[row]), tuple(paths[self._answers.set_of_intent[i]][1][row].tolist()))
            for row, i in enumerate(chosen)
        ]

    def answer(self, decision: Decision, text: str, encoding: Encoding) -> Answered:
        """The name of the intent, and the slots."""
        slots = self.slots(decision.tags, text, encoding.starts[1:-1], encoding.ends[1:-1])
        return Answered(self.labels.intents[decision.intent], slots)

    def slots(self, tags: tuple[int, ...], text: str, starts: np.ndarray, ends: np.ndarray) -> tuple[Slot, ...]:
        """The slots that ``tags`` spell. ``starts``, ``ends``: offsets of the tokens, without [CLS] and [SEP]."""
        found: list[tuple[int, int, int]] = []
        for token, tag in enumerate(tags):
            if tag == 0:
                continue
            slot, inside = divmod(tag - 1, 2)
            if inside:
                found[-1] = (slot, found[-1][1], int(ends[token]))
            else:
                found.append((slot, int(starts[token]), int(ends[token])))
        return tuple(Slot(self.labels.slots[slot], text[a:b], a, b) for slot, a, b in found)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax over the last axis, float32, stable."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _best_path(scores: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Viterbi (1967) over the tags ``allowed``. ``scores``: log probabilities ``[n, tokens, tags]``.

    Returns the best paths' scores ``[n]`` and tags ``[n, tokens]``. Everything may precede O and B-x, so one maximum
    serves all of them; only B-x and I-x may precede I-x. That makes a step linear in the number of tags.
    """
    count, tokens, _ = scores.shape
    if tokens == 0:
        return np.zeros(count, np.float32), np.zeros((count, 0), int)
    emission = scores[:, :, allowed]
    rows = np.arange(count)
    insides = np.arange(2, len(allowed), 2)
    best = emission[:, 0].copy()
    best[:, insides] = -np.inf
    back = np.zeros((count, tokens, len(allowed)), int)
    for t in range(1, tokens):
        overall = best.argmax(1)
        back[:, t] = overall[:, None]
        score = np.repeat(best[rows, overall][:, None], len(allowed), 1)
        continued = best[:, insides] > best[:, insides - 1]
        back[:, t, insides] = insides - 1 + continued
        score[:, insides] = np.where(continued, best[:, insides], best[:, insides - 1])
        best = score + emission[:, t]
    path = np.zeros((count, tokens), int)
    path[:, -1] = best.argmax(1)
    for t in range(tokens - 1, 0, -1):
        path[:, t - 1] = back[rows, t, path[:, t]]
    return best[rows, path[:, -1]], allowed[path]
