"""The baselines of published tables of distillation: a bag of tokens and a bidirectional LSTM, with the linear
layers of a head on what they make of a text.

They are trained, evaluated and taught by the same code as the encoder, and run by Paddle alone: no format exports them.
"""

from __future__ import annotations

import paddle
from paddle import nn

from slu.corpus.labels import Labels
from slu.model.config import LSTM, ModelConfig

_LOWEST = -1e4
"""In place of what padding gives, in a maximum."""


class Baseline(nn.Layer):
    """``forward(ids)``: int ids ``[n, length]`` → the logits of the head's outputs, as `ErnieWithHead` does it."""

    def __init__(self, config: ModelConfig, labels: Labels):
        super().__init__()
        self.config = config
        init = paddle.ParamAttr(initializer=nn.initializer.TruncatedNormal(std=config.initializer_range))
        hidden = config.hidden_size
        self.ernie = nn.Layer()
        self.ernie.embeddings = nn.Layer()
        # Small random embeddings would be too little for a sum of a few tokens to be told from another.
        spread = paddle.ParamAttr(initializer=nn.initializer.Normal(std=0.1))
        self.ernie.embeddings.word_embeddings = nn.Embedding(config.vocab_size, hidden, weight_attr=spread)
        if config.encoder == LSTM:
            self.lstm = nn.LSTM(hidden, hidden // 2, num_layers=config.num_hidden_layers, direction="bidirect")
            self.lstm_dense = nn.Linear(hidden, hidden)
        else:
            self.bow_dense = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        for output in config.task.outputs:
            setattr(self, output.layer, nn.Linear(hidden, output.width(labels), weight_attr=init))

    def forward(
        self, ids: paddle.Tensor, flags: paddle.Tensor | None = None, padded: bool = True
    ) -> tuple[paddle.Tensor, ...]:
        """See `ErnieWithHead.forward`; there are no flags."""
        return self.run(ids, flags, padded, hidden=False)[0]

    def run(
        self, ids: paddle.Tensor, flags: paddle.Tensor | None, padded: bool, hidden: bool
    ) -> tuple[tuple[paddle.Tensor, ...], list[paddle.Tensor]]:
        """What `forward` returns, and no hidden states."""
        counted = (ids.astype("float32") - float(self.config.pad_token_id)).abs().clip(0.0, 1.0)
        embedded = self.dropout(self.ernie.embeddings.word_embeddings(ids))
        if self.config.encoder == LSTM:
            states, _ = self.lstm(embedded, sequence_length=counted.sum(1).astype("int64"))
            of_text = self.lstm_dense((states + ((counted - 1.0) * -_LOWEST).unsqueeze(-1)).max(1))
        else:
            of_text = self.bow_dense(paddle.tanh((embedded * counted.unsqueeze(-1)).sum(1)))
        pooled = self.dropout(paddle.tanh(of_text))
        return tuple(getattr(self, output.layer)(pooled) for output in self.config.task.outputs), []
