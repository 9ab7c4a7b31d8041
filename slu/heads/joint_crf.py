"""Probabilities over all answers that the decoder can give.

An answer is an intent and a tag for each token, and its weight is exp(logit of the intent + logits of the tags). The
answers are those of `slu.heads.joint_decoding`: I-x follows only B-x or I-x, and an intent has only slots that it can
have. So this is a conditional random field (Lafferty et al. 2001) over intent and tags at once, whose transitions are
the decoder's rules. Sums over all answers are computed by the forward-backward algorithm, in time linear in tokens and
tags.
"""

from __future__ import annotations

import numpy as np

from slu.corpus.labels import Labels

_NEVER = np.float32(-1e30)
"""Logarithm of no probability at all, in sums that must stay finite."""


def _tag_sets(labels: Labels) -> tuple[list[np.ndarray], np.ndarray]:
    position = {name: i for i, name in enumerate(labels.slots)}
    sets = [tuple(sorted(position[s] for s in labels.slots_of_intent[name])) for name in labels.intents]
    sets = sets or [tuple(position.values())]  # spans alone: as if there were one intent, which can have all of them
    different = list(dict.fromkeys(sets))
    tags = [np.array([0, *(1 + 2 * s + inside for s in slots for inside in (0, 1))]) for slots in different]
    return tags, np.array([different.index(s) for s in sets])


class Answers:
    """All answers with one set of labels.

    ``tag_sets``: the different sets of tags that intents can have, each in ascending order: O, then B-x and I-x of each
    slot. ``set_of_intent``: the number of each intent's set ``[intents]``. ``allowed``: the same as bool ``[intents,
    tags]``.
    """

    def __init__(self, labels: Labels):
        self.tag_sets, self.set_of_intent = _tag_sets(labels)
        self.allowed = np.zeros((len(self.set_of_intent), len(labels.tags)), bool)
        for intent, number in enumerate(self.set_of_intent):
            self.allowed[intent, self.tag_sets[number]] = True

    def log_sum(self, intents: np.ndarray, tags: np.ndarray) -> np.ndarray:
        """Logarithm of the sum of the weights of all answers ``[n]``.

        ``intents``: logits ``[n, intents]``. ``tags``: logits ``[n, tokens, tags]``, of the tokens of a text alone.
        """
        scored = np.ones(tags.shape[:2], bool)
        totals = [_last(_forward(tags[:, :, allowed], scored)) for allowed in self.tag_sets]
        return _log_sum(intents + np.stack(totals, 1)[:, self.set_of_intent])

    def marginals(
        self, intents: np.ndarray, tags: np.ndarray, scored: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sum over all answers: its logarithm ``[n]``, and the probability of each intent ``[n, intents]`` and of each
        tag ``[n, length, tags]``, 0 where no token is scored.

        ``intents``: logits ``[n, intents]``. ``tags``: logits ``[n, length, tags]``. ``scored``: bool ``[n, length]``,
        the tokens of a text, which must be next to each other and begin at the same position in all texts.
        """
        places = np.flatnonzero(scored.any(0))
        inner = slice(places[0], places[-1] + 1) if len(places) else slice(0, 0)
        paths = [_forward_backward(tags[:, inner, allowed], scored[:, inner]) for allowed in self.tag_sets]
        totals = intents + np.stack([total for total, _ in paths], 1)[:, self.set_of_intent]
        log_sum = _log_sum(totals)
        of_intents = np.exp(totals - log_sum[:, None])
        of_tags = np.zeros_like(tags)
        for number, (allowed, (_, probabilities)) in enumerate(zip(self.tag_sets, paths)):
            share = of_intents[:, self.set_of_intent == number].sum(1)
            of_tags[:, inner, allowed] += share[:, None, None] * probabilities
        return log_sum, of_intents, of_tags


def _log_sum(values: np.ndarray) -> np.ndarray:
    largest = values.max(-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(values - largest).sum(-1))


def _forward(logits: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Log of the sum over all paths that end with a tag, ``[n, tokens, tags]``; past the end as at the last token.

    ``logits``: ``[n, tokens, tags]`` of O and of B-x, I-x for some x. ``scored``: which tokens there are.
    """
    sums = np.empty_like(logits)
    if logits.shape[1]:
        sums[:, 0] = logits[:, 0]
        sums[:, 0, 2::2] = _NEVER
    for t in range(1, logits.shape[1]):
        before = sums[:, t - 1]
        following = np.repeat(_log_sum(before)[:, None], logits.shape[2], 1)
        following[:, 2::2] = np.logaddexp(before[:, 1::2], before[:, 2::2])
        sums[:, t] = np.where(scored[:, t, None], following + logits[:, t], before)
    return sums


def _last(sums: np.ndarray) -> np.ndarray:
    """Log of the sum over all paths ``[n]``."""
    return _log_sum(sums[:, -1]) if sums.shape[1] else np.zeros(len(sums), sums.dtype)


def _forward_backward(logits: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the sum over all paths ``[n]``, and the probability of every tag ``[n, tokens, tags]``; as `_forward`."""
    sums = _forward(logits, scored)
    total = np.where(scored.any(1), _last(sums), np.float32(0))
    after, rest = np.zeros_like(logits), np.zeros((len(logits), logits.shape[2]), logits.dtype)
    first = np.r_[0, 1 : logits.shape[2] : 2]  # the tags that may follow any other: O and B-x
    for t in range(logits.shape[1] - 2, -1, -1):
        following = logits[:, t + 1] + rest
        anywhere = _log_sum(following.take(first, 1))[:, None]
        before = np.repeat(anywhere, logits.shape[2], 1)
        before[:, 1::2] = before[:, 2::2] = np.logaddexp(anywhere, following[:, 2::2])
        rest = np.where(scored[:, t + 1, None], before, rest)
        after[:, t] = rest
    probabilities = np.exp(np.minimum(sums + after - total[:, None, None], 0))
    return total, probabilities * scored[:, :, None]
