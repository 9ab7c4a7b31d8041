"""The shape of a network, in the names of ERNIE's ``config.json``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from slu.errors import CheckpointError
from slu.heads.head import Head
from slu.heads.table import DEFAULT, HEADS, head_of_architecture
from slu.inputs.flags import KINDS
from slu.inputs.normalisation import NORMALISATIONS, PLAIN, SPEECH

PROBABILITIES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "ngram_dropout_prob")
ADDED = ("ngram_rows", "ngram_width", "ngram_dropout_prob", "neighbour_heads")
"""Numbers that ``config.json`` has only where they are not 0."""
ENCODERS = ERNIE, BOW, LSTM = ("ernie", "bow", "lstm")
"""What reads the tokens: the encoder that is compressed and runs on devices; and the baselines of published tables, a
bag of tokens and a bidirectional LSTM (`slu.model.baselines`), which Paddle alone runs, for labels of whole texts."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network, in the names of ERNIE's ``config.json``.

    ``attention_head_size`` is a field of its own because heads can be cut: 9 heads of 26 serve a hidden size of 312.
    ``max_seq_length``: tokens a text may have, [CLS] and [SEP] counted: as many positions as were trained.
    ``flags``: the kinds of flags that the network takes beside the ids, some of `slu.inputs.flags.KINDS`.
    ``normalisation``: what is done to a text before its tokens, one of `slu.inputs.normalisation.NORMALISATIONS`.
    ``ngram_rows``: rows of the table of pairs of tokens (`slu.inputs.ngrams`), 0 for a model without; ``ngram_width``:
    numbers of each, which a projection turns into ``hidden_size``; ``ngram_dropout_prob``: share of the pairs that
    training leaves out.
    ``pairs``: whether it was trained with pairs of texts, so that a tab in a text separates the two.
    ``head``: a key of `slu.heads.table.HEADS`; ``config.json`` has its ``architectures`` instead.
    ``neighbour_heads``: how many heads of every layer began by looking at a neighbour (`slu.model.neighbours`).
    ``encoder``: one of `ENCODERS`. Of the sizes, a bag of tokens has ``hidden_size`` only, an LSTM also
    ``num_hidden_layers``.
    """

    vocab_size: int
    hidden_size: int = 312
    num_hidden_layers: int = 4
    num_attention_heads: int = 12
    attention_head_size: int = 26
    intermediate_size: int = 1248
    max_position_embeddings: int = 32
    max_seq_length: int = 0
    type_vocab_size: int = 4
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    use_task_id: bool = False
    task_id: int = 0
    task_type_vocab_size: int = 3
    flags: tuple[str, ...] = ()
    head: str = DEFAULT.name
    normalisation: str = PLAIN
    pairs: bool = False
    ngram_rows: int = 0
    ngram_width: int = 0
    ngram_dropout_prob: float = 0.0
    encoder: str = ERNIE
    neighbour_heads: int = 0

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str) -> ModelConfig:
        """Build from the fields of a ``config.json``; fields of no meaning here are ignored."""
        known = {f.name: f.type for f in dataclasses.fields(cls)}
        kept = {key: value for key, value in data.items() if key in known and value is not None}
        if "vocab_size" not in kept:
            raise CheckpointError(f"{where}: vocab_size is missing; is this the configuration of an ERNIE model?")
        if "attention_head_size" not in kept:
            hidden = kept.get("hidden_size", cls.hidden_size)
            heads = kept.get("num_attention_heads", cls.num_attention_heads)
            if not isinstance(heads, int) or heads < 1 or not isinstance(hidden, int) or hidden % heads:
                raise CheckpointError(f"{where}: hidden_size {hidden} is not a multiple of {heads} attention heads")
            kept["attention_head_size"] = hidden // heads
        kept.pop("head", None)
        named = data.get("architectures")
        head = head_of_architecture(named[0] if isinstance(named, list) and named else None)
        flags = kept.pop("flags", ())
        if not isinstance(flags, (list, tuple)) or list(flags) != [kind for kind in KINDS if kind in flags]:
            raise CheckpointError(
                f"{where}: flags is {flags!r}; some of {', '.join(KINDS)} are expected, in this order"
            )
        for name, value in kept.items():
            kind = known[name]
            good = {
                "int": isinstance(value, int) and not isinstance(value, bool) and value >= 0,
                "float": isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0,
                "str": isinstance(value, str),
                "bool": isinstance(value, bool),
            }[str(kind)]
            if not good:
                raise CheckpointError(f"{where}: {name} is {value!r}, which is no {kind}")
        config = cls(**kept, flags=tuple(flags), head=head.name)
        sizes = ("vocab_size", "hidden_size", "num_attention_heads", "attention_head_size", "intermediate_size")
        for name in (*sizes, "num_hidden_layers", "max_position_embeddings"):
            if getattr(config, name) < 1:
                raise CheckpointError(f"{where}: {name} is {getattr(config, name)}; it must be at least 1")
        if config.max_length < 3:
            raise CheckpointError(f"{where}: max_seq_length is {config.max_length}; [CLS], a token and [SEP] need 3")
        for name, bound in (("pad_token_id", config.vocab_size), ("task_id", config.task_type_vocab_size)):
            if getattr(config, name) >= bound and (name == "pad_token_id" or config.use_task_id):
                raise CheckpointError(f"{where}: {name} is {getattr(config, name)}; it must be below {bound}")
        if config.ngram_rows == 1 or (config.ngram_rows > 0) != (config.ngram_width > 0):
            raise CheckpointError(
                f"{where}: ngram_rows is {config.ngram_rows} and ngram_width {config.ngram_width}; n-grams need 2 rows "
                "or more of 1 number or more, and both are 0 without"
            )
        for name in (*PROBABILITIES, "layer_norm_eps", "initializer_range"):
            if getattr(config, name) > 1:
                raise CheckpointError(f"{where}: {name} is {getattr(config, name)}; it must be at most 1")
        if config.hidden_act != "gelu":
            raise CheckpointError(f"{where}: hidden_act {config.hidden_act!r} is not supported; only gelu is")
        if config.encoder not in ENCODERS:
            raise CheckpointError(
                f"{where}: encoder is {config.encoder!r}; this version of slu has {', '.join(ENCODERS)}"
            )
        why = config.encoder_problem
        if why:
            raise CheckpointError(f"{where}: {why}")
        if config.normalisation not in NORMALISATIONS:
            raise CheckpointError(
                f"{where}: normalisation is {config.normalisation!r}; this version of slu has {SPEECH} only, "
                "a newer one is needed"
            )
        return config

    @property
    def task(self) -> Head:
        """The head of the network."""
        return HEADS[self.head]

    @property
    def reads_whole_text(self) -> bool:
        """Whether an output of the head reads the pooled output; without one, the network has no pooler."""
        return not all(output.per_token for output in self.task.outputs)

    @property
    def encoder_problem(self) -> str:
        """Why this encoder cannot be the one of this head and these sizes, empty if it can."""
        if self.encoder == ERNIE:
            return ""
        if self.ngram_rows:
            return f"encoder {self.encoder!r} reads no n-grams; leave out [ngrams], or use {ERNIE!r}"
        if self.flags or any(output.per_token for output in self.task.outputs):
            return f"encoder {self.encoder!r} answers labels of whole texts; task {self.head} needs {ERNIE!r}"
        if self.encoder == LSTM and self.hidden_size % 2:
            return f"encoder {LSTM!r} has half of hidden_size in each direction; {self.hidden_size} is odd"
        return ""

    @property
    def max_length(self) -> int:
        """Tokens that a text may have: ``max_seq_length``, or every position there is when it is 0."""
        return min(self.max_seq_length or self.max_position_embeddings, self.max_position_embeddings)

    def to_dict(self) -> dict[str, Any]:
        """The fields of ``config.json``; ``flags``, ``normalisation``, ``pairs``, n-grams, ``encoder`` and
        ``neighbour_heads`` only where they say something else than without them."""
        fields = dataclasses.asdict(self)
        flags, normalisation, pairs = list(fields.pop("flags")), fields.pop("normalisation"), fields.pop("pairs")
        encoder = fields.pop("encoder")
        del fields["head"]
        kind = {"model_type": "ernie", "architectures": [self.task.architecture]}
        other = "" if encoder == ERNIE else encoder
        extra = {"flags": flags, "normalisation": normalisation, "pairs": pairs, "encoder": other}
        extra |= {name: fields.pop(name) for name in ADDED}
        return {**kind, **fields, **{name: value for name, value in extra.items() if value}}

    def replace(self, **changes: Any) -> ModelConfig:
        return dataclasses.replace(self, **changes)
