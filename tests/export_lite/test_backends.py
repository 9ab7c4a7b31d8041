"""A bundle in front of its users: every backend answers as the checkpoint does, and what does not fit is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exporting import Exported

import slu
from slu.errors import BundleError
from slu.files import sha256
from slu.manifest import Manifest
from slu.model.checkpoint import load_checkpoint
from slu.runtime.formats import BACKENDS, FORMATS, GRAPH, PARAMETERS

LITE_X86 = FORMATS["lite-x86"].files[0]

TEXTS = ["来一首周华健的花心", "取消", "", "播放mp3里的100首歌🎵", "导航去最近的加油站" * 3, "第2首"]
RUNNING_BUNDLES = [name for name, runner in BACKENDS.items() if runner.format not in (None, "gguf")]
FLOAT_BACKENDS = [name for name in RUNNING_BUNDLES if not name.endswith("-int8")]

only_float = pytest.mark.parametrize("exported", ["float"], indirect=True)


def answers_of(arguments: list[str]) -> list[dict]:
    """Run `slu parse`; every line on standard output must be JSON, and nothing may be on standard error."""
    command = [sys.executable, "-m", "slu.cli", "parse", *arguments, *TEXTS]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("backend", RUNNING_BUNDLES)
def test_every_backend_answers_as_the_checkpoint(backend: str, exported: Exported) -> None:
    if backend not in FLOAT_BACKENDS and not exported.compressed:
        with pytest.raises(BundleError, match=f"which the backend {backend} runs; `slu export CHECKPOINT --out DIR --"):
            slu.load(exported.bundle, backend)
        return
    parser = slu.load(exported.checkpoint)
    expected = [result.to_dict() for result in parser.parse_batch(TEXTS)]
    assert [answer.get("truncated") for answer in expected] == [None, None, None, None, True, None]
    answers = answers_of([str(exported.bundle), "--backend", backend])
    # INT8 numbers that fall to the other side move logits by a hundredth, and a score is made of those of all tokens.
    bound, least = (0.1, 2e-3) if load_checkpoint(exported.checkpoint).quantised else (1e-4, 2e-6)
    differ = 0
    for answer, wanted in zip(answers, expected, strict=True):
        score, wanted_score = answer.pop("score"), wanted.pop("score")
        differ += answer != wanted
        assert answer != wanted or score == pytest.approx(wanted_score, rel=bound, abs=least)
    assert differ <= (backend not in FLOAT_BACKENDS)  # random weights know no margins: a last bit may decide


@only_float
def test_a_batch_is_answered_as_its_parts_and_stays_as_it_was(exported: Exported) -> None:
    rng = np.random.default_rng(3)
    code = (
        "import sys, numpy, slu\n"
        "backend = slu.load(sys.argv[1], sys.argv[2]).backend\n"
        "rng = numpy.random.default_rng(3)\n"
        "ids = rng.integers(5, 1000, (5, 7), numpy.int32)\n"
        "whole = backend.run(ids)\n"
        "kept = [array.copy() for array in whole]\n"
        "for i in range(5):\n"
        "    for part, all_ in zip(backend.run(ids[i : i + 1]), whole):\n"
        "        numpy.testing.assert_allclose(part[0], all_[i], rtol=0, atol=2e-5)\n"
        "for before, after in zip(kept, whole):\n"  # an output must not be the runtime's own memory
        "    numpy.testing.assert_array_equal(before, after)\n"
        "numpy.savez(sys.argv[3], *whole)\n"
    )
    expected = slu.load(exported.checkpoint).backend.run(rng.integers(5, 1000, (5, 7), np.int32))
    for backend in FLOAT_BACKENDS:
        path = exported.bundle.parent / f"{backend}.npz"
        command = [sys.executable, "-c", code, str(exported.bundle), backend, str(path)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), (backend, done.stderr.decode())
        with np.load(path) as arrays:
            for i in range(2):
                np.testing.assert_allclose(arrays[f"arr_{i}"], expected[i], rtol=0, atol=2e-5)


@only_float
@pytest.mark.parametrize("backend", ["native", "dygraph", *FLOAT_BACKENDS])
def test_threads_may_share_a_parser(backend: str, exported: Exported) -> None:
    code = (
        "import sys, slu\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "parser = slu.load(sys.argv[1], sys.argv[2])\n"
        "texts = sys.argv[3:]\n"
        "expected = {text: parser.parse(text) for text in texts}\n"
        "def work(number):\n"
        "    turns = [texts[(number + i) % len(texts)] for i in range(15)]\n"
        "    return sum(parser.parse(text) != expected[text] for text in turns)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    assert sum(pool.map(work, range(4))) == 0\n"
    )
    directory = exported.checkpoint if backend == "dygraph" else exported.bundle
    command = [sys.executable, "-c", code, str(directory), backend, *TEXTS]
    done = subprocess.run(command, capture_output=True, check=False, timeout=400)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@only_float
@pytest.mark.parametrize("backend", ["native", "paddle"])
def test_a_parser_stays_in_its_process_and_its_results_do_not(backend: str, exported: Exported) -> None:
    parser = slu.load(exported.bundle, backend)
    for one in (parser, parser.session()):
        with pytest.raises(pickle.PicklingError, match=r"has an open model.*slu\.load\(PATH\)"):
            pickle.dumps(one)
    result = parser.parse(TEXTS[0])
    assert pickle.loads(pickle.dumps(result)) == result


@only_float
def test_processes_open_the_model_each(exported: Exported) -> None:
    code = (
        "import multiprocessing, sys, slu\n"
        "def start(path):\n"
        "    global parser\n"
        "    parser = slu.load(path)\n"
        "def parse(text):\n"
        "    return parser.parse(text)\n"
        "if __name__ == '__main__':\n"
        "    expected = slu.load(sys.argv[1]).parse_batch(sys.argv[2:])\n"
        "    for how in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(how).Pool(2, start, (sys.argv[1],)) as pool:\n"
        "            assert pool.map(parse, sys.argv[2:]) == expected\n"
    )
    script = exported.bundle.parent / "processes.py"
    script.write_text(code, encoding="utf-8")
    command = [sys.executable, str(script), str(exported.bundle), *TEXTS]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@only_float
def test_the_paddle_backend_starts_without_what_it_does_not_need(exported: Exported) -> None:
    code = (
        "import sys, slu\n"
        "assert not {'numpy', 'paddle'} & set(sys.modules)\n"
        f"parser = slu.load({str(exported.bundle)!r}, 'paddle')\n"
        "parser.parse('听歌')\n"
        "print(parser.threshold, *sorted({'paddlenlp', 'paddleslim', 'safetensors'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120, text=True)
    assert done.stdout == "0.125\n"


def list_again(bundle: Path, name: str) -> None:
    """Put a changed file into the manifest, as if it had been exported so."""
    manifest = Manifest.load(bundle)
    manifest.config["files"][name] = {"bytes": (bundle / name).stat().st_size, "sha256": sha256(bundle / name)}
    manifest.save(bundle)


@only_float
def test_a_library_of_another_version_is_refused_with_both_named(copied: Exported) -> None:
    raw = (copied.bundle / LITE_X86).read_bytes()
    (copied.bundle / LITE_X86).write_bytes(raw.replace(b"v2.13-rc", b"v2.12\0\0\0"))
    list_again(copied.bundle, LITE_X86)
    with pytest.raises(BundleError, match=r"model\.x86\.nb: written by Paddle Lite 2\.12, installed is 2\.13rc0; exp"):
        slu.load(copied.bundle, "lite")
    (copied.bundle / LITE_X86).write_bytes(raw)
    list_again(copied.bundle, LITE_X86)
    assert slu.load(copied.bundle, "lite").parse("听").text == "听"

    manifest = Manifest.load(copied.bundle)
    manifest.versions["paddlepaddle"] = "2.5.1"
    manifest.save(copied.bundle)
    with pytest.raises(BundleError, match=r"made with paddlepaddle 2\.5\.1, installed is 2\.6\.2; export it again"):
        slu.load(copied.bundle, "paddle")
    del manifest.versions["paddlepaddle"]
    manifest.save(copied.bundle)
    with pytest.raises(BundleError, match="does not say which paddlepaddle made it"):
        slu.load(copied.bundle, "paddle")


@only_float
@pytest.mark.parametrize(("name", "backend"), [(LITE_X86, "lite"), (PARAMETERS, "paddle"), (GRAPH, "paddle")])
def test_a_damaged_file_is_refused_before_a_library_sees_it(copied: Exported, name: str, backend: str) -> None:
    raw = (copied.bundle / name).read_bytes()
    for content, words in [
        (raw[: len(raw) // 2], f"{len(raw) // 2} bytes, manifest.json says {len(raw)}"),
        (raw[:-1] + bytes([raw[-1] ^ 1]), "not the file that manifest.json describes"),
    ]:
        (copied.bundle / name).write_bytes(content)
        with pytest.raises(BundleError, match=words):
            slu.load(copied.bundle, backend)


@only_float
def test_a_graph_of_another_model_is_refused(copied: Exported) -> None:
    labels = json.loads((copied.bundle / "labels.json").read_text("utf-8"))
    taken = labels["intents"].pop()
    del labels["slots_of_intent"][taken]
    (copied.bundle / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    manifest = Manifest.load(copied.bundle)
    manifest.inputs["labels.json"] = sha256(copied.bundle / "labels.json")
    manifest.save(copied.bundle)
    for backend in ("paddle", "lite"):
        with pytest.raises(BundleError, match="intent_logits has shape"):
            slu.load(copied.bundle, backend)
