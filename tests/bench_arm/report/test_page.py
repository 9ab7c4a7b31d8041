"""The report: what its page says, that it needs nothing from elsewhere, and what it refuses."""

import argparse
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench_arm.commands.report import register
from bench_arm.pictures import check_picture
from bench_arm.published import PUBLISHED
from bench_arm.report.inputs import ResultsError
from slu.errors import OutputError, SluError
from slu.manifest import Manifest

VOID = {"meta", "br", "hr", "img", "input", "link", "source", "base", "embed", "area", "col"}
FETCHING = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "source", "base", "form", "image"}
STAGES = ("fp32", "vocab", "width", "qat", "embeddings")


class Page(HTMLParser):
    """Tables as rows of texts, texts of drawings, ids and references; fails where tags do not fit."""

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.drawn: list[list[str]] = []
        self.text = ""
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href", "srcset", "data", "action", "poster", "background"):
                self.references.append(value or "")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "svg":
            self.drawn.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "svg" in self.open:
            self.drawn[-1] += [data.strip()] if data.strip() else []
        elif self.open and {"td", "th"} & set(self.open):
            gap = " " if self.open[-1] == "small" else ""
            self.tables[-1][-1][-1] = (self.tables[-1][-1][-1] + gap + data.strip()).strip()

    def assert_self_contained(self) -> None:
        assert not FETCHING & set(self.tags)
        assert all(reference.startswith("#") for reference in self.references)
        assert not re.search(r"https?:|@import|@font-face|url\((?!#)|expression\(", self.source)
        targets = [r[1:] for r in self.references] + re.findall(r"url\(#([^)]*)\)", self.source)
        assert set(targets) <= set(self.ids)
        assert len(self.ids) == len(set(self.ids))


def report(*arguments: Any) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    args = parser.parse_args(["report", *map(str, arguments)])
    return int(args.func(args))


def page(tmp_path: Path, *arguments: Any) -> Page:
    assert report(*arguments, "--out", tmp_path / "page.html") == 0
    result = Page(tmp_path / "page.html")
    result.assert_self_contained()
    # The stand-ins of the drawings' colours have all become variables that the style sheet gives twice.
    assert not re.search(r"#0000[01][0-9a-f]", result.source)
    for variable in set(re.findall(r"var\(--(\w+)\)", result.source)) - {"font"}:
        assert len(re.findall(rf"--{variable}: #", result.source)) == 2
    return result


def make_rows() -> list[dict[str, Any]]:
    return [
        {
            "stage": stage,
            "model": f"runs/{stage}",
            "backend": "dygraph",
            "data": "dev.txt",
            "utterances": 4270,
            "exact": 80.123 - i * 0.111,
            "seed_accuracy": 82.777 + i * 0.222,
            "intent_accuracy": 91.5 + i * 0.003,
            "intent_macro_f1": 75.25 - i,
            "slot_f1": 79.999,
            "size_bytes": 52_000_000 // 2**i,
            "seconds": 7.25 * 40**i if i < 3 else i,
        }
        for i, stage in enumerate(STAGES)
    ]


def make_run(directory: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A run as `slu run` leaves it: stages with manifests, curves of those that were trained."""
    rows = rows or make_rows()
    directory.mkdir(parents=True)
    (directory / "results.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    history: list[dict[str, Any]] = []
    for row in rows:
        stage = directory / row["stage"]
        stage.mkdir()
        manifest = Manifest(
            row["stage"],
            inputs={"corpus": "9dc246de" * 8, "split": "utterance 0.2 seed 0", "checkpoint": f"made-{row['stage']}"},
            config={"ratio": "3/4", "training": {"learning_rate": 0.00051, "epochs": 5}},
            versions={"paddlepaddle": "2.6.2"},
            metrics={"neurons": 933, "exact": row["exact"]},
            threshold=0.0432449,
            history=list(history),
        )
        manifest.save(stage)
        history = manifest.as_history()
        if row["stage"] in ("fp32", "width", "qat"):
            points = [{"step": 9 * e, "epoch": e, "loss": 3 / e, "exact": 60 + 4 * e} for e in (1, 2, 3)]
            (stage / "training.json").write_text(json.dumps(points), encoding="utf-8")
    return directory


def make_evaluation() -> dict[str, Any]:
    scores = {"precision": 91.25, "recall": 64.5, "f1": 75.58}
    return {
        **make_rows()[0],
        "classes": {
            "intents": {
                "OTHERS": {"labelled": 3, "predicted": 4, **scores},
                "播放": {"labelled": 1500, "predicted": 17, **scores},
            },
            "slots": {"singer": {"labelled": 12, "predicted": 13, **scores}},
        },
        "confusion": {"names": ["OTHERS", "播放.音乐"], "counts": [[0, 0], [41, 1459]]},
    }


def make_bench() -> dict[str, Any]:
    times = {"mean": 3.21, "p50": 3.1, "p90": 3.456, "p99": 12.34}
    full = {
        "backend": "native", "format": "gguf", "precision": "int8", "threads": 1, "padded_to": 0, "utterances": 4270,
        "end_to_end_ms": times, "model_ms": {**times, "p50": 0.2042}, "load_ms": 8.76, "rss_growth_bytes": 23_450_000,
        "pss_bytes": 31_990_000, "size_bytes": 5_400_000, "exact": 80.55,
    }  # fmt: skip
    missing = {"model_ms": None, "pss_bytes": None}
    device = {**full, "backend": "lite", "threads": 2, "padded_to": 16, "instructions": 11_640_000, **missing}
    return {"processor": "Cortex-A76", "commit": "703f316", "model_sha256": "ab" * 32, "measurements": [full, device]}


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_a_run_is_shown_with_every_number_its_changes_and_what_made_it(tmp_path: Path) -> None:
    shown = page(tmp_path, make_run(tmp_path / "nano"))
    results, published = shown.tables
    assert results[1] == ["fp32", "80.12", "82.78", "91.50", "75.25", "80.00", "52.00", "7.2 s"]
    assert results[2] == ["vocab", "80.01 −0.11", "83.00 +0.22", "91.50 ±0.00", "74.25 −1.00", "80.00 ±0.00",
                          "26.00 ÷ 2.0", "4 min 50 s"]  # fmt: skip
    assert results[3][-1] == "3 h 13 min"
    assert [row[0] for row in results[1:]] == list(STAGES)
    assert results[5][6] == "3.25 ÷ 16.0"

    assert "not measured by us" in shown.text and "Kirin 985" in shown.text
    for row, cells in zip(PUBLISHED, published[1:], strict=True):
        assert cells[0] == row.name and cells[1].split()[0] == f"{row.seed_accuracy:.2f}"
        assert cells[2:] == [f"{row.size_mb:.1f}", f"{row.latency_ms:.2f}", f"{row.pss_mb:.2f}"]
    assert "made 16.0 times smaller: 3.25 MB at 79.68 %" in shown.text

    facts = ("9dc246de" * 8, "utterance 0.2 seed 0", "0.00051", "paddlepaddle", "2.6.2", "made-qat", "933", "0.0432449")
    assert [fact for fact in facts if fact not in shown.text] == []
    # Accuracy and training, each for a wide and a narrow page; curves for the stages that were trained.
    assert len(shown.drawn) == 4
    for drawn in shown.drawn[:2]:
        assert {"exact, %", "seed accuracy, %", *STAGES, "published FP32", "published INT8"} <= set(drawn)
    for drawn in shown.drawn[2:]:
        assert {f"{stage}: {what}" for stage in ("fp32", "width", "qat") for what in ("loss", "exact, %")} <= set(drawn)
    for missing in ("<h2>Intents", "<h2>Speed", "<h2>Evaluations"):
        assert missing not in shown.source


def test_evaluation_and_bench_are_shown(tmp_path: Path) -> None:
    write(tmp_path / "in/eval.json", make_evaluation())
    write(tmp_path / "in/bench.json", make_bench())
    write(tmp_path / "in/labels.json", {"intents": []})
    shown = page(tmp_path, tmp_path / "in")
    evaluation, intents, slots, bench = shown.tables
    assert evaluation[1] == ["runs/fp32", "dygraph", "dev.txt", "4,270", "80.12", "82.78", "91.50", "75.25", "80.00"]
    assert [row[0] for row in intents[1:]] == ["播放", "OTHERS"]  # the frequent ones first
    assert intents[1] == ["播放", "1,500", "17", "91.25", "64.50", "75.58"]
    assert slots[1][:3] == ["singer", "12", "13"]
    assert bench[2] == ["native · gguf · int8 · 1 thread", "3.21", "3.10", "3.46", "12.3", "0.204", "12.3", "5.40",
                        "8.76", "23.45", "31.99", "80.55", "–"]  # fmt: skip
    assert bench[3][0] == "lite · gguf · int8 · 2 threads · padded to 16"
    assert bench[3][5:7] == ["–", "–"] and bench[3][-3:] == ["–", "80.55", "11.64"]
    assert "Cortex-A76" in shown.text and "ab" * 32 in shown.text

    assert len(shown.drawn) == 4
    for drawn in shown.drawn[:2]:
        assert {"播放.", "音乐", "41", "1459"} <= set(drawn) and "0" not in drawn
    # The row's shares are 41 and 1459 of 1500; a row without utterances has no colour, and divides by nothing.
    shares = [float(x) for x in re.findall(r"opacity: (0\.\d+)", shown.source)]
    assert [s for s in shares if abs(s - (41 / 1500) ** 0.5) < 1e-3]
    assert [s for s in shares if abs(s - (1459 / 1500) ** 0.5) < 1e-3]
    for drawn in shown.drawn[2:]:
        assert {"Cortex-A76", "3.10 · p99 12.3", bench[2][0], bench[3][0]} <= set(drawn)


def test_runs_stand_side_by_side_and_the_page_is_repeatable(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a/nano")
    second = make_run(tmp_path / "b/nano", [{**row, "exact": 70.5} for row in make_rows()[1:3]])
    (second / "vocab/manifest.json").unlink()
    shown = page(tmp_path, first, second)
    names = [row[0] for row in shown.tables[0]]
    assert names == ["stage", "a/nano", *STAGES, "b/nano", "vocab", "width"]
    # The second has no fp32: no change is claimed. What its vocab stage was is told by the one after it.
    assert shown.tables[0][-1][1:3] == ["70.50", "83.22"]
    assert shown.text.count("made-vocab") == 2
    assert page(tmp_path, first, second, first).source == shown.source.replace(
        f"{first} {second}", f"{first} {second} {first}"
    )


def test_a_run_without_its_stages_is_still_a_report(tmp_path: Path) -> None:
    file = write(tmp_path / "only/results.json", {"rows": make_rows()[:1]})
    shown = page(tmp_path, file)
    assert len(shown.drawn) == 2 and "not known" in shown.text
    assert shown.tables[0][1][0] == "fp32"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = [{**row, "stage": "x$_" + evil.replace("/", "")} for row in make_rows()[:1]]
    make_run(tmp_path / "__<b>&$x_1$", rows)
    evaluation = make_evaluation()
    evaluation |= {"model": f'"{evil}', "confusion": {"names": [evil, "</svg>"], "counts": [[1, 2], [3, 4]]}}
    evaluation["classes"]["slots"] = {evil: evaluation["classes"]["slots"]["singer"]}
    bench = make_bench() | {"processor": evil, 'a"<i>': "</style>"}
    bench["measurements"][0]["backend"] = f"{evil}'\""
    write(tmp_path / "e.json", evaluation)
    write(tmp_path / "b.json", bench)
    shown = page(tmp_path, tmp_path / "__<b>&$x_1$", tmp_path / "e.json", tmp_path / "b.json")
    assert rows[0]["stage"] in shown.drawn[0] and evil in shown.drawn[-1]
    assert "__<b>&$x_1$" in shown.text and shown.tables[-1][2][0].startswith(evil)


def test_png_of_accuracy_against_size(tmp_path: Path) -> None:
    png = tmp_path / "plot.png"
    runs = make_run(tmp_path / "a"), make_run(tmp_path / "_b")
    page(tmp_path, *runs, "--png", png)
    data = png.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and 1800 < int.from_bytes(data[16:20], "big") < 2200
    check_picture(png)  # it may be replaced
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"mine\.png: exists already"):
        report(*runs, "--png", tmp_path / "mine.png", "--out", tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()
    write(tmp_path / "eval.json", make_evaluation())
    with pytest.raises(ResultsError, match="no run"):
        report(tmp_path / "eval.json", "--png", png, "--out", tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name}


ROW = make_rows()[0]
BENCH = make_bench()["measurements"][0]
BAD = {
    "broken": ("{", "not JSON"),
    "not text": ("\ud800", "not JSON"),
    "deep": ("[" * 100_000, "not JSON"),
    "foreign": ({"intents": []}, "no results"),
    "list": ([1], "no results"),
    "no rows": ({"rows": []}, "rows"),
    "row no table": ({"rows": [3]}, "row 1"),
    "row lacks a field": ({"rows": [ROW, without(ROW, "slot_f1")]}, "row 2.*slot_f1"),
    "row without stage": ({"rows": [without(ROW, "stage")]}, "row 1.*stage"),
    "text for a number": ({"rows": [ROW | {"exact": "80"}]}, "exact"),
    "not a number": ({"rows": [ROW | {"exact": float("nan")}]}, "exact"),
    "no size": ({"rows": [ROW | {"size_bytes": 0}]}, "size_bytes"),
    "evaluation lacks a field": (without(make_evaluation(), "slot_f1"), "slot_f1"),
    "confusion not square": (
        make_evaluation() | {"confusion": {"names": ["a", "b"], "counts": [[1, 2], [3]]}}, "confusion"
    ),
    "class lacks a field": (make_evaluation() | {"classes": {"intents": {"a": {"labelled": 1}}}}, "class a.*predicted"),
    "no measurement": (make_bench() | {"measurements": []}, "measurements"),
    "measurement lacks times": (make_bench() | {"measurements": [without(BENCH, "end_to_end_ms")]}, "end_to_end_ms"),
    "no processor": (without(make_bench(), "processor"), "processor"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_results_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    data, said = BAD[name]
    file = tmp_path / "in.json"
    file.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else json.dumps(data).encode())
    with pytest.raises(SluError, match=said) as caught:
        report(file, "--out", tmp_path / "out.html")
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)
    assert not (tmp_path / "out.html").exists()


def test_missing_and_unfinished_inputs_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    out = tmp_path / "out.html"
    with pytest.raises(ResultsError, match="no such file"):
        report(run, tmp_path / "nowhere", "--out", out)
    write(run / "width/training.json", [{"epoch": 1, "loss": 2.0}])
    with pytest.raises(ResultsError, match=r"training\.json: row 1: exact"):
        report(run, "--out", out)
    write(run / "width/training.json", "[")
    with pytest.raises(ResultsError, match=r"training\.json: not JSON"):
        report(run, "--out", out)
    (run / "width/training.json").unlink()
    write(run / "qat/manifest.json", "{}")
    with pytest.raises(ResultsError, match="format version"):
        report(run, "--out", out)
    (run / "results.json").unlink()
    with pytest.raises(ResultsError, match="finish it with slu run"):
        report(run, "--out", out)
    assert not out.exists()
