"""The native engine from Python: the same answers as Paddle's, threads, what is refused, and how little it needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import slu
from export_lite.gguf import write_gguf
from slu.cli import main
from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance
from slu.errors import BundleError, CheckpointError, ConfigError, SluError
from slu.manifest import Manifest
from slu.model.checkpoint import LABELS, Checkpoint, load_checkpoint, save_checkpoint
from slu.model.quantization import INPUT_SCALE, WEIGHT_SCALE, quantise
from slu.runtime.backends import native, native_api
from slu.runtime.backends.native import NativeBackend, NativeParser, kernel_names
from slu.runtime.formats import FORMATS
from slu.runtime.parser import ParseResult

GGUF = FORMATS["gguf"].files[0]

ODD = ["", " ", "听" * 50, "Jay Chou 100ml 🎵", "a\0b", "é e\u0301 ﬁ Ω", "花\ud83c心\udfff", "\u202e周华健", "x" * 300]
SCORES = 1e-4
"""Bound on score differences of float models: float32 sums in another order."""


def compress(checkpoint: Checkpoint) -> None:
    """INT8 linear layers in the encoder and INT8 embeddings, as `slu compress` leaves them."""
    for name, weight in list(checkpoint.tensors.items()):
        layer = name.removesuffix(".weight")
        if name.endswith("_embeddings.weight"):
            checkpoint.tensors[name], checkpoint.tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(weight, axis=0)
        elif ".encoder." in name and weight.ndim == 2:
            checkpoint.tensors[name], checkpoint.tensors[f"{layer}.{WEIGHT_SCALE}"] = quantise(weight, axis=1)
            checkpoint.tensors[f"{layer}.{INPUT_SCALE}"] = np.array([0.03], np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, _whole_checkpoint: Path) -> Path:
    """A float checkpoint with its GGUF file."""
    directory = Path(shutil.copytree(_whole_checkpoint, tmp_path_factory.mktemp("native") / "float"))
    write_gguf(load_checkpoint(directory), directory / GGUF)
    return directory


@pytest.fixture
def copied(model: Path, tmp_path: Path) -> Path:
    """The same, where a test may break it."""
    return Path(shutil.copytree(model, tmp_path / "model"))


def decision(result: ParseResult) -> tuple[object, ...]:
    return result.text, result.intent, result.slots, result.truncated


def test_answers_are_those_of_paddle(model: Path, sample: list[Utterance]) -> None:
    texts = [*ODD, *sorted({utterance.text for utterance in sample})]
    native, paddle = slu.load(model), slu.load(model, "dygraph")
    assert isinstance(native, NativeParser)
    assert (native.backend.name, native.labels, native.threshold) == ("native", paddle.labels, paddle.threshold)
    answers, expected = native.parse_batch(texts), paddle.parse_batch(texts)
    assert len(texts) > 1000
    assert [decision(answer) for answer in answers] == [decision(answer) for answer in expected]
    assert max(abs(a.score - b.score) for a, b in zip(answers, expected)) < SCORES
    assert any(answer.slots for answer in answers) and any(answer.truncated for answer in answers)
    for answer in answers:
        assert answer.understood == (answer.score >= native.threshold)
        assert all(slot.value == answer.text[slot.start : slot.end] != "" for slot in answer.slots)


def test_int8_answers_are_those_of_paddle(checkpoint: Checkpoint, tmp_path: Path, sample: list[Utterance]) -> None:
    """Random weights make close decisions, and a last bit can move an INT8 input by a step: 0.5 % may differ."""
    compress(checkpoint)
    save_checkpoint(checkpoint, tmp_path / "int8")
    write_gguf(checkpoint, tmp_path / "int8" / GGUF)
    texts = sorted({utterance.text for utterance in sample})[::3]
    answers = slu.load(tmp_path / "int8").parse_batch(texts)
    expected = slu.load(tmp_path / "int8", "dygraph").parse_batch(texts)
    same = [decision(a) == decision(b) for a, b in zip(answers, expected)]
    assert sum(same) >= 0.995 * len(texts)
    assert np.median([abs(a.score - b.score) for a, b in zip(answers, expected)]) < SCORES


def test_logits_are_those_of_paddle(model: Path) -> None:
    native, paddle = slu.load(model).backend, slu.load(model, "dygraph").backend
    ids = np.random.default_rng(3).integers(5, 60, (3, 11), np.int32)
    for got, wanted in zip(native.run(ids), paddle.run(ids)):
        assert got.dtype == np.float32 and got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=1e-4)
    with pytest.raises(SluError, match="token"):
        native.run(np.full((1, 3), 10**6, np.int32))


def test_a_file_is_enough(model: Path, tmp_path: Path, sample: list[Utterance]) -> None:
    alone = shutil.copyfile(model / GGUF, tmp_path / "歌 1.gguf")
    parser, expected = slu.load(alone), slu.load(str(model))
    assert (parser.labels, parser.threshold) == (expected.labels, expected.threshold)
    assert parser.labels.slots_of_intent == load_checkpoint(model).labels.slots_of_intent
    texts = [utterance.text for utterance in sample[:100]]
    assert parser.parse_batch(texts) == expected.parse_batch(texts) == [parser.parse(text) for text in texts]


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_give_the_same_answers_in_order(model: Path, sample: list[Utterance], threads: int) -> None:
    texts = [utterance.text for utterance in sample[:1000]]
    parser = slu.load(model, threads=threads)
    expected = slu.load(model).parse_batch(texts)
    assert parser.parse_batch(iter(texts)) == parser.parse_batch(texts, threads=1) == expected
    with ThreadPoolExecutor(threads) as pool:  # and one parser serves threads of the caller's
        assert list(pool.map(parser.parse, texts)) == expected
    with pytest.raises(ConfigError, match="threads is 0"):
        parser.parse_batch(texts, threads=0)


def counted(parser: NativeParser, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of texts that the engine is given in one call, as they come."""
    found: list[int] = []
    library = native_api.load_library()
    original = library.slu_parse_each

    def parse_each(handles: object, texts: object, sizes: object, count: int, results: object) -> int:
        found.append(count)
        return int(original(handles, texts, sizes, count, results))

    monkeypatch.setattr(library, "slu_parse_each", parse_each)
    return found


def test_one_call_for_several_texts(model: Path, sample: list[Utterance], monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*ODD, *(utterance.text for utterance in sample[:60])]
    parser = slu.load(model)
    assert isinstance(parser, NativeParser)
    expected, calls = [parser.parse(text) for text in texts], counted(parser, monkeypatch)
    for count in (0, 1, 2, 15, 16, 17, 33, len(texts)):
        assert parser.parse_batch(texts[:count]) == expected[:count]
    assert calls == [2, 15, 16, 16, 1, 16, 16, 1, 16, 16, 16, 16, 5]
    # Large contexts are fewer, and the largest is one.
    for size, together in ((native.TOGETHER_BYTES // 3, 3), (native.TOGETHER_BYTES + 1, 1)):
        info = parser.backend._model.info
        info.context_bytes = size
        monkeypatch.setattr(native.EngineModel, "info", info)
        large = slu.load(model)
        assert isinstance(large, NativeParser) and large.backend.together == together
        assert large.parse_batch(texts[:7]) == expected[:7]
        monkeypatch.undo()


def test_the_first_text_that_fails_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the parser can be used afterwards. Python's texts are always UTF-8, so that the test has to break them."""
    parser = slu.load(model)
    monkeypatch.setattr(native, "utf8", lambda text: b"a\xff" if text == "1" else b"\xff" if text == "2" else b"ok")
    with pytest.raises(SluError, match="not UTF-8 at byte 1"):
        parser.parse_batch(["0", "1", "2", "3"])
    monkeypatch.undo()
    assert parser.parse_batch(["0", "1"]) == [parser.parse("0"), parser.parse("1")]


def test_every_kernel_gives_the_same_answers(model: Path, sample: list[Utterance]) -> None:
    texts = [utterance.text for utterance in sample[:50]]
    expected = slu.load(model)
    names = kernel_names()
    assert names[-1] == "plain" and expected.backend.kernel == names[0]  # type: ignore[attr-defined]
    for name in names:
        backend = NativeBackend(model / GGUF, kernel=name)
        assert NativeParser(backend, expected.labels, 0.25).parse_batch(texts) == expected.parse_batch(texts)
    with pytest.raises(ConfigError, match="kernel abacus: unknown"):
        NativeBackend(model / GGUF, kernel="abacus")


def test_a_model_is_closed_after_its_last_context(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = native_api.load_library()
    closed: list[str] = []
    for name in ("slu_model_close", "slu_context_free"):
        function = getattr(library, name)
        monkeypatch.setattr(library, name, lambda handle, f=function, name=name: (closed.append(name), f(handle)))
    parser = slu.load(model / GGUF)
    assert isinstance(parser, NativeParser)
    context = parser.backend._idle[0]
    with parser.backend.context(), parser.backend.context():
        pass
    del parser
    assert closed == ["slu_context_free"]
    assert context.parse("听花心".encode()).token_count == 5
    del context
    assert closed == ["slu_context_free", "slu_context_free", "slu_model_close"]


def refused(path: Path, kind: type[SluError], backend: str | None = None) -> str:
    with pytest.raises(kind) as caught:
        slu.load(path, backend)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_labels(directory: Path) -> Labels:
    return Labels.load(directory / LABELS)


def test_a_file_says_what_its_intents_can_have(model: Path) -> None:
    assert NativeBackend(model / GGUF).labels == read_labels(model)


def test_a_file_that_is_no_model_is_refused(copied: Path) -> None:
    file = copied / GGUF
    whole = file.read_bytes()
    for size in (0, 3, 20, 200, 2000, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert refused(file, BundleError).startswith(f"{file}: ")
        assert refused(copied, BundleError).startswith(f"{file}: ")
    assert "not a GGUF file" in refused(copied / "vocab.txt", BundleError)
    assert "no such directory" in refused(copied / "nothing.gguf", BundleError)
    assert "opens directories" in refused(file, BundleError, "paddle")
    deep = copied.joinpath(*["long" * 20] * 4)
    deep.mkdir(parents=True)
    shutil.copyfile(copied / "vocab.txt", deep / GGUF)
    assert refused(deep / GGUF, BundleError).endswith("not a model of this kind, or a damaged one")
    names = [len(name).to_bytes(8, "little") + name.encode() for name in read_labels(copied).slots]
    one, other = next((a, b) for a in names for b in names if a != b and a[0] == b[0])
    file.write_bytes(whole.replace(one, other))
    assert "a name that is there twice in ernie-slu.slots" in refused(file, BundleError)


def test_the_file_of_another_model_is_refused(copied: Path) -> None:
    data = json.loads((copied / "labels.json").read_text("utf-8"))
    data["intents"][0], data["slots_of_intent"]["new"] = "new", data["slots_of_intent"].pop(data["intents"][0])
    (copied / "labels.json").write_text(json.dumps(data), encoding="utf-8")
    assert "labels.json: not the file that manifest.json describes" in refused(copied, CheckpointError)
    Manifest.load(copied).save(copied)  # as one that lists no hashes
    assert "its intents differ from those in the labels.json beside it" in refused(copied, BundleError)


def test_without_the_library(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = Path(json.__file__)
    for name, words in ((foreign, "not a library"), (model / "none.so", "not a library")):
        monkeypatch.setenv(native_api.VARIABLE, str(name))
        assert words in refused(model, ConfigError, "native") and str(name) in refused(model / GGUF, ConfigError)
    monkeypatch.setattr(native_api, "find_library", lambda: None)
    assert "`pip install .` builds it" in refused(model, ConfigError, "native")
    assert "`pip install .` builds it" in refused(model / GGUF, ConfigError)
    assert slu.load(model).backend.name == "dygraph"


def test_a_library_of_another_version(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native_api._open.cache_clear()
    try:
        for version, words in (((2, 0), "this program needs 2.0"), ((1, 99), "this program needs 1.99")):
            monkeypatch.setattr(native_api, "API_VERSION", version)
            assert words in refused(model / GGUF, ConfigError)
    finally:
        native_api._open.cache_clear()


def test_commands_use_it(model: Path, sample_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", str(model / GGUF), "来一首周华健的花心"]) == 0
    assert json.loads(capsys.readouterr().out) == slu.load(model).parse("来一首周华健的花心").to_dict()
    assert main(["eval", str(model), "--data", str(sample_path), "--json", str(tmp_path / "r.json")]) == 0
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["backend"] == "native"


def test_parsing_needs_numpy_and_the_library_only(model: Path) -> None:
    code = (
        "import sys, slu\n"
        "slu.load(sys.argv[1]).parse_batch(['听花心'] * 100, threads=2)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True)
    extra = {name for name in done.stdout.split() if not name.startswith(("_", "cython_runtime", "sitecustomize"))}
    assert extra == {"slu", "numpy"}
