"""Attention heads that begin by looking at neighbouring tokens.

An encoder that was never pretrained has to find out from its few texts that the token before matters. Here some heads
of every layer know it from the start: positions are the sinusoids of Vaswani et al. 2017
(https://arxiv.org/abs/1706.03762, section 3.5), of which those of a neighbour are a rotation, and the query of such a
head is its key, rotated. Training may change all of it, and the network and its formats are the same as without.
"""

from __future__ import annotations

import numpy as np

from slu.model.config import ModelConfig

OFFSETS = (-1, 1, -2, 2, -3, 3, -4, 4)
"""Where the first heads look, in tokens."""
FREQUENCIES = 12
"""Most sinusoids of a position; each takes two of the hidden numbers."""
FASTEST, SLOWEST = 2.0, 0.2
"""Radians a token. The fast ones tell a token from the next one; the slow ones, from those at some distance."""
SHARPNESS = 1.1
"""Size of the rotation in queries and keys: a neighbour then begins with about two fifths of the head's attention."""


def look_at_neighbours(tensors: dict[str, np.ndarray], config: ModelConfig) -> None:
    """Change the random weights of an encoder in place: its first ``neighbour_heads`` heads look at `OFFSETS`.

    ``tensors``: by the names of a checkpoint. The last numbers of the embeddings hold the position alone.
    """
    heads, size = min(config.neighbour_heads, config.num_attention_heads), config.attention_head_size
    count = min(FREQUENCIES, size // 2, config.hidden_size // 4)
    if not heads or not count:
        return
    first = config.hidden_size - 2 * count
    embeddings = "ernie.embeddings.{}_embeddings.weight"
    for name in ("word", "token_type", "task_type"):
        if embeddings.format(name) in tensors:
            tensors[embeddings.format(name)][:, first:] = 0
    speeds = np.geomspace(FASTEST, SLOWEST, count)
    positions = tensors[embeddings.format("position")]
    angles = np.arange(len(positions))[:, None] * speeds
    positions[:] = 0
    # As large as a random number of the other embeddings, in the mean of their squares.
    positions[:, first:] = config.initializer_range * 2**0.5 * _pairs(np.sin(angles), np.cos(angles))
    for layer in range(config.num_hidden_layers):
        attention = f"ernie.encoder.layers.{layer}.self_attn"
        for head, offset in enumerate(OFFSETS[:heads]):
            columns = slice(head * size, head * size + 2 * count)
            tensors[f"{attention}.k_proj.weight"][first:, columns] += SHARPNESS * _rotation(0 * speeds)
            tensors[f"{attention}.q_proj.weight"][first:, columns] += SHARPNESS * _rotation(offset * speeds)


def _pairs(sines: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    return np.stack([sines, cosines], -1).reshape(len(sines), -1)


def _rotation(angles: np.ndarray) -> np.ndarray:
    """``[2 n, 2 n]``: the sines and cosines of some angles times this are those of the angles plus ``angles``."""
    turns = np.zeros((2 * len(angles), 2 * len(angles)), np.float32)
    for number, angle in enumerate(angles):
        pair = slice(2 * number, 2 * number + 2)
        turns[pair, pair] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turns
