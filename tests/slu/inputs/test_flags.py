"""The second input: its columns, what training leaves out of it, and that the network adds its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from staging import assert_same_result, interrupted, make_recipe, train

from models import bare_model
from slu.corpus.labels import Labels
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CheckpointError, ConfigError, LexiconError
from slu.inputs.entries import key_of
from slu.inputs.flags import KINDS, UNKNOWN, FlagColumns, Found, spans_of
from slu.inputs.lexicon import Match, compile_lexicon, find_matches
from slu.inputs.tokenizer import SPECIAL_TOKENS, Tokenizer
from slu.model.checkpoint import FLAG_EMBEDDINGS, LEXICONS, Checkpoint, load_checkpoint, parameter_shapes
from slu.model.config import ModelConfig
from slu.model.network import load_model
from slu.runtime.backends.dygraph import DygraphBackend
from slu.runtime.loading import checkpoint_parser
from slu.training.batches import make_examples, make_shards
from slu.training.flag_dropout import Dropping
from slu.training.lexicons import TrainingLexicons

LABELS = Labels(("call", "none", "play"), ("name", "song"), {"call": ("name",), "none": (), "play": ("song",)})
BOTH = FlagColumns.of(KINDS, LABELS)
LIST_SECTION = """\
[lexicon]
lists = "lists"
own = ["destination"]
previous_intent = true
"""


@pytest.mark.parametrize(("kinds", "count"), [((), 0), (("lexicon",), 8), (("previous_intent",), 4), (KINDS, 12)])
def test_columns(kinds: tuple[str, ...], count: int) -> None:
    assert FlagColumns.of(kinds, LABELS).count == count


spans = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 7), st.integers(1, 7)).filter(lambda s: s[1] < s[2]))


@settings(max_examples=50)
@given(
    texts=st.lists(st.tuples(spans, st.integers(-1, 3)), min_size=1, max_size=4), kinds=st.sampled_from([(), *KINDS])
)
def test_flags_are_those_of_every_match(texts: list[tuple[list[tuple[int, int, int]], int]], kinds: str) -> None:
    columns = FlagColumns.of(KINDS if not kinds else (kinds,), LABELS)
    want = np.zeros((len(texts), 9, columns.count), np.float32)
    for row, (found, previous) in enumerate(texts):
        for slot, first, end in found if columns.slots else ():
            if end - first == 1:
                want[row, first, 4 * slot + 3] = 1
            else:
                want[row, first, 4 * slot] = want[row, end - 1, 4 * slot + 2] = 1
                for token in range(first + 1, end - 1):
                    want[row, token, 4 * slot + 1] = 1
        if columns.intents and previous >= 0:
            want[row, 0, columns.count - 4 + previous] = 1
    arrays = [np.array(found, np.int64).reshape(-1, 3) for found, _ in texts]
    assert np.array_equal(Found.of(arrays, [previous for _, previous in texts]).flags(columns, 9), want)
    matches = [[Match(*span, key=1) for span in found] for found, _ in texts]
    before = [None if previous < 0 else previous for _, previous in texts]
    assert np.array_equal(columns.of_texts(9, matches, before), want)


def test_as_much_is_left_out_as_was_asked_for() -> None:
    texts, each = 4000, 5
    found = Found.of([spans_of([Match(0, i + 1, i + 2, 7) for i in range(each)])] * texts, [2] * texts)
    dropping = Dropping(drop=0.3, drop_lists=0.2, drop_previous=0.15, replace_previous=0.4)
    left = dropping.apply(found, BOTH, np.random.default_rng(1))
    with_any = len(np.unique(left.rows)) / texts
    assert abs(with_any - 0.8 * (1 - 0.3**each)) < 0.02
    assert abs(len(left.rows) / (texts * each) - 0.8 * 0.7) < 0.02
    assert abs((left.previous == UNKNOWN).mean() - 0.15) < 0.02
    changed = (left.previous != 2) & (left.previous != UNKNOWN)
    assert abs(changed.mean() - 0.4 * 3 / 4) < 0.02 and set(left.previous[changed]) == {0, 1, 3}
    again = dropping.apply(found, BOTH, np.random.default_rng(1))
    assert np.array_equal(left.spans, again.spans) and np.array_equal(left.previous, again.previous)
    everything = Dropping(0, 0, 0, 0).apply(found, BOTH, np.random.default_rng(1))
    assert len(everything.rows) == texts * each and (everything.previous == 2).all()
    with pytest.raises(ConfigError, match="drop_lists is 1.5; it must be 0 to 1"):
        Dropping(drop_lists=1.5)


def utterance(text: str, session: str, *slots: tuple[str, str], intent: str = "play") -> Utterance:
    found = [Slot(n, v, text.index(v), text.index(v) + len(v)) for n, v in slots]
    return Utterance(text, intent, tuple(found), session)


def test_a_name_that_one_utterance_alone_brought_into_a_list_does_not_match_there() -> None:
    corpus = [
        utterance("放花心", "1", ("song", "花心")),
        utterance("放花心", "1", ("song", "花心")),
        utterance("放心", "2", ("song", "心")),
        utterance("打给小心和花心", "2", ("name", "小心"), intent="call"),
        utterance("放花", "3", ("song", "花")),
    ]
    tokenizer = Tokenizer([*SPECIAL_TOKENS, *"放花心打给小和"])

    def matches(by_session: bool, files: dict[str, list[str]]) -> list[set[tuple[int, ...]]]:
        lists = TrainingLexicons(files, ("song",), by_session, ("lexicon",), Dropping())
        lexicon = lists.compile(LABELS, corpus)
        assert lexicon and lexicon.lookup(key_of("花心")) == 0b10
        examples = make_examples(corpus, bare_model(tokenizer, LABELS), lexicon, lists.singular(LABELS, corpus))
        return [set(map(tuple, example.spans.tolist())) for example in examples]

    song = 1
    # 花心 is in two utterances; 心 and 花 in one each, where they do not match, but they do everywhere else.
    by_utterance = matches(False, {})
    assert by_utterance[0] == {(song, 2, 4), (song, 2, 3), (song, 3, 4)} == by_utterance[1]
    assert by_utterance[2] == set() == by_utterance[4]
    assert by_utterance[3] == {(song, 4, 5), (song, 6, 8), (song, 6, 7), (song, 7, 8)}
    # Both utterances with 花心 are of one session.
    assert matches(True, {})[0] == {(song, 2, 3), (song, 3, 4)}
    # What a file has is in the list anyway.
    assert matches(False, {"song": ["花", "心"]})[4] == {(song, 2, 3)}


def test_the_turn_before() -> None:
    corpus = [
        utterance("放", "1"),
        utterance("放", "1", intent="call"),
        utterance("放", "2", intent="none"),
        utterance("放", "1"),
    ]
    examples = make_examples(corpus, bare_model(Tokenizer([*SPECIAL_TOKENS, "放"]), LABELS))
    assert [example.previous for example in examples] == [3, 2, 3, 3]
    [batch] = make_shards(examples, np.arange(4), 0, 1, FlagColumns.of(("previous_intent",), LABELS))
    assert batch.flags is not None and batch.flags[:, 0].argmax(1).tolist() == [3, 2, 3, 3]
    assert batch.flags.sum() == 4
    assert make_shards(examples, np.arange(4), 0, 1)[0].flags is None


@pytest.fixture
def flagged(checkpoint: Checkpoint) -> Checkpoint:
    """A model with random weights that takes both kinds of flags, and lists."""
    config = checkpoint.config.replace(flags=KINDS)
    shape = parameter_shapes(config, checkpoint.labels)[FLAG_EMBEDDINGS]
    table = np.random.default_rng(8).normal(0, 0.5, shape).astype(np.float32)
    lexicon = compile_lexicon({"song": ["花心", "一首"], "singer": ["周华健"]}, checkpoint.labels.slots)
    return replace(checkpoint, config=config, tensors={**checkpoint.tensors, FLAG_EMBEDDINGS: table}, lexicon=lexicon)


def test_the_network_adds_a_row_for_every_flag(flagged: Checkpoint) -> None:
    """In place of a flag, its row added to the position's: the same logits; and without flags, those of the rest."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 100, (1, 7))
    table = flagged.tensors[FLAG_EMBEDDINGS]
    flags = (rng.random((1, 7, len(table))) < 0.1).astype(np.float32)
    positions = "ernie.embeddings.position_embeddings.weight"
    moved = flagged.tensors[positions].copy()
    moved[:7] += flags[0] @ table
    plain = {name: value for name, value in flagged.tensors.items() if name != FLAG_EMBEDDINGS}
    shifted = replace(
        flagged, config=flagged.config.replace(flags=()), tensors={**plain, positions: moved}, lexicon=None
    )
    without = replace(shifted, tensors=plain)
    backend = DygraphBackend(load_model(flagged))
    for checkpoint, set_flags in ((shifted, flags), (without, None), (without, np.zeros_like(flags))):
        want = DygraphBackend(load_model(checkpoint)).run(ids)
        for one, two in zip(backend.run(ids, set_flags), want):
            np.testing.assert_allclose(one, two, atol=2e-5)


def test_flags_in_a_configuration(tmp_path: Path) -> None:
    plain = ModelConfig(10)
    assert "flags" not in plain.to_dict() and ModelConfig.from_dict(plain.to_dict(), "x") == plain
    both = plain.replace(flags=KINDS)
    assert both.to_dict()["flags"] == ["lexicon", "previous_intent"]
    assert ModelConfig.from_dict(both.to_dict(), "x") == both
    for wrong in (["previous_intent", "lexicon"], ["lexicon", "lexicon"], ["weather"], "lexicon", 3, [["lexicon"]]):
        with pytest.raises(CheckpointError, match="^x: flags is .*; some of lexicon, previous_intent"):
            ModelConfig.from_dict({**plain.to_dict(), "flags": wrong}, "x")


# --- a stage, with flags ----------------------------------------------------------------------------------------------


@pytest.fixture
def recipe_path(tmp_path: Path, sample: list[Utterance], vocab: list[str]) -> Path:
    path = make_recipe(tmp_path / "inputs", sample, vocab)
    path.write_text(path.read_text() + LIST_SECTION, encoding="utf-8")
    (path.parent / "lists").mkdir()
    songs = sorted({s.value for u in sample[:160] for s in u.slots if s.name == "song"})
    (path.parent / "lists/song.txt").write_text("\n".join(songs[::2]) + "\n", encoding="utf-8")
    return path


def test_training_with_flags_goes_on_as_if_nothing_had_happened(recipe_path: Path, tmp_path: Path) -> None:
    straight = train(recipe_path, tmp_path / "straight")
    interrupted(recipe_path, tmp_path / "resumed", 5)
    resumed = train(recipe_path, tmp_path / "resumed", resume=True)
    assert_same_result(tmp_path / "straight", tmp_path / "resumed")
    assert (tmp_path / "straight" / LEXICONS).read_bytes() == (tmp_path / "resumed" / LEXICONS).read_bytes()

    # The flags have learned something, and what was read is what was made.
    assert np.abs(straight.tensors[FLAG_EMBEDDINGS]).max() > 0.001
    loaded = load_checkpoint(tmp_path / "resumed")
    assert loaded.config.flags == KINDS and loaded.lexicon and resumed.lexicon
    counts = loaded.lexicon.count_of_slot()
    assert list(counts) == ["destination", "song"] and loaded.manifest.metrics["lexicon"] == counts
    floats = sum(tensor.nbytes for tensor in loaded.tensors.values())
    assert loaded.size_bytes == loaded.manifest.metrics["size_bytes"] == floats + 10 * len(loaded.lexicon.hashes)

    # Other lists are another input: the stage is made again.
    made = (tmp_path / "straight/manifest.json").stat().st_mtime_ns
    train(recipe_path, tmp_path / "straight")
    assert (tmp_path / "straight/manifest.json").stat().st_mtime_ns == made
    (recipe_path.parent / "lists/song.txt").write_text("花心\n", encoding="utf-8")
    train(recipe_path, tmp_path / "straight")
    assert (tmp_path / "straight/manifest.json").stat().st_mtime_ns != made


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (['lexicon.lists="nowhere"'], "nowhere: contains no lexicon"),
        (['lexicon.own=["town"]'], r"\[lexicon\] own: the corpus has no slot 'town'; its slots are age, "),
        (["lexicon.drop=2"], "drop is 2.0; it must be 0 to 1"),
        (["lexicon.share=2"], "share is not a setting"),
        (['lexicon.lists=""', "lexicon.own=[]", "lexicon.previous_intent=false"], "leave out the section"),
    ],
)
def test_what_cannot_be_in_the_section_is_named(
    recipe_path: Path, tmp_path: Path, changes: list[str], words: str
) -> None:
    with pytest.raises((ConfigError, LexiconError), match=words):
        train(recipe_path, tmp_path / "out", *changes)


def test_a_parser_matches_with_the_lists_of_its_model(flagged: Checkpoint) -> None:
    text = "来一首周华健的花心"
    parser = checkpoint_parser(flagged)
    given: list[np.ndarray] = []

    class Recording(DygraphBackend):
        def run(self, ids: np.ndarray, flags: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
            assert flags is not None
            given.append(flags)
            return super().run(ids, flags)

    parser.backend = Recording(load_model(flagged))
    encoding = parser.tokenizer.encode(text, 32)
    assert flagged.lexicon
    matches = find_matches(flagged.lexicon, text, encoding)
    assert len(matches) == 3
    session = parser.session()
    first = session.parse(text)
    session.lexicon.remove("song", ["花心"])
    second = session.parse(text)
    parser.parse(text)
    parser.parse(text, previous_intent=second.intent)
    numbers = [parser.columns.first_turn, parser.labels.intents.index(first.intent), None]
    numbers.append(parser.labels.intents.index(second.intent))
    kept = [m for m in matches if m.end < len(encoding.ids) - 1]
    for flags, found, number in zip(given, (matches, kept, matches, matches), numbers, strict=True):
        assert np.array_equal(flags, parser.columns.of_texts(len(encoding.ids), [found], [number]))
    session.restart()
    session.parse(text)
    assert given[-1][0, 0].argmax() == parser.columns.count - 1
    with pytest.raises(ConfigError, match="previous intent 'sing'"):
        parser.parse(text, previous_intent="sing")
