"""The model that training starts from: random weights, a published ERNIE checkpoint, or a local directory.

Whatever its format, it is turned into a `Checkpoint` with new heads for the labels of the corpus (or with its own heads
when it is a checkpoint of this project with the same labels).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slu.corpus.labels import Labels
from slu.errors import CheckpointError, ConfigError
from slu.files import MARK
from slu.formats.pickled import read_pdparams
from slu.heads.table import DEFAULT
from slu.inputs.lexicon import CompiledLexicon
from slu.inputs.ngrams import frequent_keys
from slu.inputs.tokenizer import Tokenizer
from slu.inputs.vocab import ideograph_vocab
from slu.manifest import read_json
from slu.model.checkpoint import (
    CONFIG,
    FLAG_EMBEDDINGS,
    NGRAM_EMBEDDINGS,
    NGRAM_PROJECTION,
    VOCAB,
    WEIGHTS,
    Checkpoint,
    check_tensors,
    load_checkpoint,
    parameter_shapes,
    read_tensors,
)
from slu.model.config import ERNIE, ModelConfig
from slu.model.quantization import dequantise
from slu.training.recipe import (
    FROM_CORPUS,
    NO_FILES,
    PUBLISHED,
    SCRATCH,
    WORDS,
    ModelSettings,
    NgramSettings,
    Recipe,
    names_directory,
)
from slu.training.vocabulary import train_vocab, word_vocab


def initial_checkpoint(
    settings: ModelSettings,
    labels: Labels,
    vocab_path: Path | None,
    lexicon: CompiledLexicon | None = None,
    flags: tuple[str, ...] = (),
    texts: Sequence[str] = (),
    pairs: bool = False,
    ngrams: NgramSettings | None = None,
) -> Checkpoint:
    """The model to train. ``settings``: see `model_settings`. ``vocab_path``, ``texts``: see `scratch_tokenizer`.

    ``pairs``: whether it reads pairs.
    ``flags``: kinds of flags that it is to take. ``lexicon``: its lexicons. In a model that has not learned the flags
    yet they change nothing at first. ``ngrams``: how it reads pairs of tokens, which are those of ``texts``.
    """
    if settings.encoder != ERNIE and settings.init != SCRATCH:
        raise ConfigError(f"encoder {settings.encoder!r} is trained from scratch; remove init {settings.init!r}")
    if settings.init == SCRATCH:
        checkpoint = _from_scratch(settings, labels, scratch_tokenizer(settings, vocab_path, texts))
    elif Path(settings.init).is_dir():
        checkpoint = load_pretrained(Path(settings.init), labels, settings.seed, settings.task)
    elif PUBLISHED.fullmatch(settings.init):
        checkpoint = _download(settings.init, labels, settings.seed, settings.task)
    else:
        raise ConfigError(
            f"init {settings.init!r}: neither a directory nor a published name such as ernie-3.0-tiny-nano-v2-zh"
        )
    if settings.max_length > checkpoint.config.max_position_embeddings or settings.max_length < 3:
        raise ConfigError(
            f"max_length is {settings.max_length}; it must be 3 to {checkpoint.config.max_position_embeddings}"
        )
    _set_flags(checkpoint, flags)
    checkpoint.lexicon = lexicon
    checkpoint.config = checkpoint.config.replace(
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        max_seq_length=settings.max_length,
        normalisation=settings.normalisation,
        pairs=pairs,
    )
    if ngrams:
        _set_ngrams(checkpoint, ngrams, texts, settings.seed)
    return checkpoint


def scratch_tokenizer(settings: ModelSettings, vocab_path: Path | None, texts: Iterable[str]) -> Tokenizer:
    """That of a model from scratch. ``vocab_path``: the file that ``settings.vocab`` names, None if it names none.

    ``texts``: what a vocabulary is trained from, if ``settings.vocab`` asks for that.
    """
    if vocab_path:
        return Tokenizer.from_file(vocab_path, settings.normalisation)
    if settings.vocab == FROM_CORPUS:
        tokens = train_vocab(texts, settings.vocab_size, normalisation=settings.normalisation)
        return Tokenizer(tokens, normalisation=settings.normalisation)
    if settings.vocab == WORDS:
        tokens = word_vocab(texts, settings.vocab_size, normalisation=settings.normalisation)
        return Tokenizer(tokens, normalisation=settings.normalisation)
    return Tokenizer(ideograph_vocab(), normalisation=settings.normalisation)


def recipe_tokenizer(recipe: Recipe, texts: Iterable[str]) -> tuple[Tokenizer, int]:
    """The tokenizer and the ``max_length`` of the model that a recipe trains. ``texts``: see `scratch_tokenizer`.

    Raises `ConfigError` where the model is a published one, whose vocabulary is only known once it is downloaded.
    """
    settings = model_settings(recipe)
    if settings.init == SCRATCH:
        return scratch_tokenizer(settings, vocab_path(recipe, settings), texts), settings.max_length
    if not Path(settings.init).is_dir():
        raise ConfigError(f"{recipe.path}: init is {settings.init!r}; give the directory of a model by --model instead")
    return Tokenizer.from_file(Path(settings.init) / VOCAB, settings.normalisation), settings.max_length


def model_settings(recipe: Recipe) -> ModelSettings:
    """The section ``model``, with the directory to start from, if it names one, as seen from where the command runs."""
    settings = recipe.section("model", ModelSettings)
    path = recipe.resolve(settings.init)
    return replace(settings, init=str(path)) if names_directory(settings.init, path) else settings


def vocab_path(recipe: Recipe, settings: ModelSettings) -> Path | None:
    """The file of the vocabulary, None if ``settings.vocab`` names none."""
    return None if settings.vocab in NO_FILES else recipe.resolve(settings.vocab)


def _set_flags(checkpoint: Checkpoint, flags: tuple[str, ...]) -> None:
    """Let the model take these flags. Their matrix starts as zeros, unless the model has learned the same ones
    already."""
    if checkpoint.config.flags != flags:
        checkpoint.config = checkpoint.config.replace(flags=flags)
        checkpoint.tensors.pop(FLAG_EMBEDDINGS, None)
        if flags:
            shape = parameter_shapes(checkpoint.config, checkpoint.labels)[FLAG_EMBEDDINGS]
            checkpoint.tensors[FLAG_EMBEDDINGS] = np.zeros(shape, np.float32)


def _set_ngrams(checkpoint: Checkpoint, settings: NgramSettings, texts: Sequence[str], seed: int) -> None:
    """Let the model read pairs of tokens: those of ``texts``, or those that it knows already."""
    config = checkpoint.config.replace(ngram_dropout_prob=settings.drop)
    if checkpoint.ngrams is None:
        tokenizer = checkpoint.tokenizer()
        keys = frequent_keys(texts, tokenizer, config.max_length, settings.rows, settings.min_count)
        if not len(keys):
            raise ConfigError(f"[ngrams]: no pair of characters occurs {settings.min_count} times; lower min_count")
        config = config.replace(ngram_rows=len(keys) + 1, ngram_width=settings.width)
        # Only their tensors are needed, so the large matrices get a single row.
        small = config.replace(vocab_size=1, max_position_embeddings=1, pad_token_id=0)
        random = _random_tensors(small, checkpoint.labels, seed)
        for name in (f"{NGRAM_EMBEDDINGS}.weight", NGRAM_PROJECTION):
            checkpoint.tensors[name] = random[name]
        checkpoint.ngrams = keys
    checkpoint.config = config


def load_pretrained(directory: Path, labels: Labels, seed: int, task: str = DEFAULT.name) -> Checkpoint:
    """A local checkpoint: ours, PaddleNLP's (``.pdparams`` or safetensors) or Hugging Face's (safetensors).

    It gets a new head for ``task`` and ``labels``, unless it is ours and has that one already.
    """
    if (directory / MARK).is_file():
        own = load_checkpoint(directory)
        tensors = dequantise(own.tensors)
        if own.labels == labels and own.config.head == task:
            return Checkpoint(own.config, tensors, own.vocab, labels, ngrams=own.ngrams)
        other = _with_heads(own.config.replace(head=task), tensors, own.vocab, labels, seed, str(directory))
        return replace(other, ngrams=own.ngrams)
    names = [directory / name for name in (CONFIG, "model_config.json") if (directory / name).is_file()]
    if not names:
        raise CheckpointError(
            f"{directory}: neither {CONFIG} nor model_config.json is in it; is it an ERNIE checkpoint?"
        )
    tokenizer = Tokenizer.from_file(directory / "vocab.txt")
    vocab = list(tokenizer.vocab)
    raw = read_json(names[0], CheckpointError)
    raw = _flat(raw.get("init_args", raw)) | {k: v for k, v in raw.items() if k != "init_args"}
    config = ModelConfig.from_dict(raw, str(names[0]))
    tensors = _encoder_names(_read_weights(directory), str(directory))
    rows = tensors.get("ernie.embeddings.word_embeddings.weight", np.zeros((0, 0))).shape[0]
    if len(vocab) > rows:
        raise CheckpointError(
            f"{directory}: vocab.txt has {len(vocab)} tokens, but the weights have {rows} rows; copy both again"
        )
    # Published matrices are padded to a multiple of, for example, 64 rows; the rows past the vocabulary are unused.
    tensors["ernie.embeddings.word_embeddings.weight"] = tensors["ernie.embeddings.word_embeddings.weight"][
        : len(vocab)
    ]
    config = config.replace(vocab_size=len(vocab), pad_token_id=tokenizer.pad_id, head=task)
    return _with_heads(config, tensors, vocab, labels, seed, str(directory))


def _from_scratch(settings: ModelSettings, labels: Labels, tokenizer: Tokenizer) -> Checkpoint:
    hidden, heads = settings.hidden_size, settings.num_attention_heads if settings.encoder == ERNIE else 1
    if heads < 1 or hidden % heads:
        raise ConfigError(f"hidden_size {hidden} is not a multiple of {heads} attention heads")
    config = ModelConfig(
        vocab_size=len(tokenizer.vocab),
        hidden_size=hidden,
        num_hidden_layers=settings.num_hidden_layers,
        num_attention_heads=heads,
        attention_head_size=hidden // heads,
        intermediate_size=settings.intermediate_size,
        max_position_embeddings=settings.max_position_embeddings,
        pad_token_id=tokenizer.pad_id,
        head=settings.task,
        initializer_range=settings.initializer_range,
        encoder=settings.encoder,
        neighbour_heads=settings.neighbour_heads,
    )
    if config.encoder_problem:
        raise ConfigError(config.encoder_problem)
    return Checkpoint(config, _random_tensors(config, labels, settings.seed), list(tokenizer.vocab), labels)


def _random_tensors(config: ModelConfig, labels: Labels, seed: int) -> dict[str, np.ndarray]:
    from slu.model.network import new_model, tensors_of

    return tensors_of(new_model(config, labels, seed))


def _with_heads(
    config: ModelConfig, tensors: dict[str, np.ndarray], vocab: list[str], labels: Labels, seed: int, where: str
) -> Checkpoint:
    encoder = {name: tensor for name, tensor in tensors.items() if name.startswith("ernie.")}
    config = config.replace(flags=())  # they were trained for its own labels
    # Only the heads are needed, so the large matrices get a single row, that of [PAD].
    random = _random_tensors(config.replace(vocab_size=1, max_position_embeddings=1, pad_token_id=0), labels, seed)
    heads = {
        name: tensor
        for name, tensor in random.items()
        if name in config.task.parameter_shapes(config.hidden_size, labels)
        or (name.startswith("ernie.pooler.") and name not in encoder)  # of a model of spans there is none
    }
    for name in [n for n in encoder if n not in random]:
        del encoder[name]  # e.g. a task type embedding that the configuration does not use
    whole = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in (encoder | heads).items()}
    check_tensors(whole, config, labels, where)
    return Checkpoint(config, whole, vocab, labels)


def _download(name: str, labels: Labels, seed: int, task: str) -> Checkpoint:
    from paddlenlp.transformers import ErnieModel, ErnieTokenizer

    from slu.model.network import tensors_of

    try:
        tokenizer = ErnieTokenizer.from_pretrained(name)
        encoder = ErnieModel.from_pretrained(name)
    except Exception as error:  # whatever PaddleNLP's several download clients raise
        reason = re.split(r"[.\s]*(?:\n|\. |$)", str(error).strip())[0] or type(error).__name__
        raise CheckpointError(
            f"init {name}: cannot be downloaded ({reason}); give a local directory or train from scratch"
        ) from error
    vocab = [tokenizer.vocab.to_tokens(i) for i in range(len(tokenizer.vocab))]
    config = ModelConfig.from_dict(encoder.config.to_dict(), name)
    tensors = {f"ernie.{key}": tensor for key, tensor in tensors_of(encoder).items()}
    words = "ernie.embeddings.word_embeddings.weight"
    tensors[words] = tensors[words][: len(vocab)]
    config = config.replace(vocab_size=len(vocab), pad_token_id=Tokenizer(vocab).pad_id, head=task)
    return _with_heads(config, tensors, vocab, labels, seed, name)


def _flat(init_args: Any) -> dict[str, Any]:
    """PaddleNLP before 2.5 nested the encoder's settings in a list in ``init_args``."""
    if isinstance(init_args, dict):
        return init_args
    nested = [item for item in init_args if isinstance(item, dict)] if isinstance(init_args, (list, tuple)) else []
    return _flat(nested[0].get("init_args", nested[0])) | nested[0] if nested else {}


def _read_weights(directory: Path) -> dict[str, np.ndarray]:
    if (directory / WEIGHTS).is_file():
        return read_tensors(directory / WEIGHTS)
    pickles = sorted(directory.glob("*.pdparams"))
    if not pickles:
        extra = "; convert pytorch_model.bin to safetensors" if (directory / "pytorch_model.bin").is_file() else ""
        extra = extra or "; give the directory of a checkpoint"
        raise CheckpointError(f"{directory}: neither {WEIGHTS} nor a .pdparams file is in it{extra}")
    return read_pdparams(pickles[0])


_HUGGING_FACE = (
    (r"encoder\.layer\.(\d+)\.attention\.self\.(query|key|value)\.", r"encoder.layers.\1.self_attn.\2."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"encoder.layers.\1.self_attn.out_proj."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.", r"encoder.layers.\1.norm1."),
    (r"encoder\.layer\.(\d+)\.intermediate\.dense\.", r"encoder.layers.\1.linear1."),
    (r"encoder\.layer\.(\d+)\.output\.dense\.", r"encoder.layers.\1.linear2."),
    (r"encoder\.layer\.(\d+)\.output\.LayerNorm\.", r"encoder.layers.\1.norm2."),
    (r"embeddings\.LayerNorm\.", "embeddings.layer_norm."),
    (r"\.query\.", ".q_proj."),
    (r"\.key\.", ".k_proj."),
    (r"\.value\.", ".v_proj."),
    (r"norm(\d?)\.gamma$", r"norm\1.weight"),
    (r"norm(\d?)\.beta$", r"norm\1.bias"),
)


def _encoder_names(tensors: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """Bring the names of the encoder's tensors into PaddleNLP's form, and linear layers into its layout [in, out]."""
    renamed: dict[str, np.ndarray] = {}
    hugging_face = any(".attention.self.query." in name for name in tensors)
    for name, tensor in tensors.items():
        short = name.removeprefix("ernie.")
        if not short.startswith(("embeddings.", "encoder.", "pooler.")):
            continue
        if hugging_face:
            for pattern, replacement in _HUGGING_FACE:
                short = re.sub(pattern, replacement, short)
            if tensor.ndim == 2 and "embeddings" not in short:
                tensor = tensor.T
        renamed[f"ernie.{short}"] = tensor
    if "ernie.embeddings.word_embeddings.weight" not in renamed:
        raise CheckpointError(f"{where}: no embeddings.word_embeddings.weight among its tensors; is it an ERNIE model?")
    return renamed
