"""Probabilities over all answers that the decoder can give.

An answer is an intent and a tag for each token, and its weight is exp(logit of the intent + logits of the tags). The
answers are those of `slu.decoding`: I-x follows only B-x or I-x, and an intent has only slots that it can have. So this
is a conditional random field (Lafferty et al. 2001) over intent and tags at once, whose transitions are the decoder's
rules. Sums over all answers are computed by the forward-backward algorithm, in time linear in tokens and tags.
"""

from __future__ import annotations

import numpy as np

from slu.decoding import tag_sets
from slu.labels import Labels

_NEVER = np.float32(-1e30)
"""Logarithm of no probability at all, in sums that must stay finite."""


class Answers:
    """All answers with one set of labels. ``allowed``: which tags an intent can have, bool ``[intents, tags]``."""

    def __init__(self, labels: Labels):
        self._tags, self._set_of_intent = tag_sets(labels)
        self.allowed = np.zeros((len(labels.intents), len(labels.tags)), bool)
        for intent, number in enumerate(self._set_of_intent):
            self.allowed[intent, self._tags[number]] = True

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
        paths = [_forward_backward(tags[:, inner, allowed], scored[:, inner]) for allowed in self._tags]
        totals = intents + np.stack([total for total, _ in paths], 1)[:, self._set_of_intent]
        log_sum = _log_sum(totals)
        of_intents = np.exp(totals - log_sum[:, None])
        of_tags = np.zeros_like(tags)
        for number, (allowed, (_, probabilities)) in enumerate(zip(self._tags, paths)):
            share = of_intents[:, self._set_of_intent == number].sum(1)
            of_tags[:, inner, allowed] += share[:, None, None] * probabilities
        return log_sum, of_intents, of_tags


def _log_sum(values: np.ndarray) -> np.ndarray:
    largest = values.max(-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(values - largest).sum(-1))


def _forward_backward(logits: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the sum over all paths ``[n]``, and the probability of every tag ``[n, tokens, tags]``.

    ``logits``: ``[n, tokens, tags]`` of O and of B-x, I-x for some x. Paths end with the last token that is scored.
    """
    count, tokens, kinds = logits.shape
    if not tokens:
        return np.zeros(count, np.float32), np.zeros_like(logits)
    forward, backward = np.empty_like(logits), np.zeros_like(logits)
    state = logits[:, 0].copy()
    state[:, 2::2] = _NEVER
    forward[:, 0] = state
    for t in range(1, tokens):
        following = np.repeat(_log_sum(state)[:, None], kinds, 1)
        following[:, 2::2] = np.logaddexp(state[:, 1::2], state[:, 2::2])
        state = np.where(scored[:, t, None], following + logits[:, t], state)
        forward[:, t] = state
    total = np.where(scored[:, 0], _log_sum(state), np.float32(0))
    rest = np.zeros((count, kinds), np.float32)
    for t in range(tokens - 2, -1, -1):
        next_ = logits[:, t + 1] + rest
        anywhere = _log_sum(np.delete(next_, np.s_[2::2], 1))[:, None]
        before = np.repeat(anywhere, kinds, 1)
        before[:, 1::2] = before[:, 2::2] = np.logaddexp(anywhere, next_[:, 2::2])
        rest = np.where(scored[:, t + 1, None], before, rest)
        backward[:, t] = rest
    probabilities = np.exp(np.minimum(forward + backward - total[:, None, None], 0))
    return total, probabilities * scored[:, :, None]
