"""Reading, checking, writing and splitting corpora."""

import argparse
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.commands import data
from slu.corpus.labels import Labels
from slu.corpus.tagged import (
    Problem,
    check_corpus,
    format_tagged,
    parse_tagged,
    read_corpus,
    shown_tagged,
    split_corpus,
    write_corpus,
)
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError, CorpusError, OutputError

SAMPLE = Path(__file__).parents[3] / "data/sample/corpus.txt"

# Each line of a broken corpus with what `check_corpus` must say of it, in order.
BROKEN: list[tuple[bytes, list[tuple[str, str]]]] = [
    ("\ufeffs1\t放歌\tplay\t放歌\r".encode(), [("warning", "byte order mark")]),
    ("s1\t听海\tplay\t听<song>海</song>".encode(), []),
    (b"", []),
    ("s2\t听海\tplay".encode(), [("error", "3 fields instead of 4")]),
    ("s2\t听海\tplay\t听<song>海".encode(), [("error", "<song> at character 2 is never closed")]),
    (
        "s2\t你好吗\tplay\t<a>你<b>好</a>吗</b>".encode(),
        [("error", "<b> at character 5 is inside <a>"), ("error", "</a> at character 9 crosses <b>")],
    ),
    ("s2\t海\tplay\t</song>海".encode(), [("error", "</song> at character 1 closes nothing")]),
    (
        "s2\t海\tplay\t<song>海</singer></song>".encode(),
        [("error", "</singer> at character 8 does not close <song>")],
    ),
    ("s2\t海||河\tplay\t海||河".encode(), [("error", "|| at character 2 is outside a slot")]),
    ("s2\t听\tplay\t听<song></song>".encode(), [("error", "<song> that ends at character 8 has no value")]),
    ("s2\t海\tplay\t<song>海||</song>".encode(), [("error", "needs one correction after its ||")]),
    ("s2\t海\tplay\t<song>海||河||江</song>".encode(), [("error", "needs one correction after its ||")]),
    (
        "s2\t听海\tplay\t听<song>河</song>".encode(),
        [("error", "differ at character 2: '海' in the text, '河'")],
    ),
    ("s2\t听海\tplay\t听".encode(), [("error", "differ at character 2: '海' in the text, the end in")]),
    (b"s2\t \tplay\t ", [("error", "the text is empty"), ("error", "the tagged text is empty")]),
    ("\t海\tplay\t海".encode(), [("error", "the session id is empty")]),
    ("s2\t听\r海\tplay\t听\r海".encode(), [("error", "a carriage return inside the line")]),
    (b"s2\t\xe6\xb5\tplay\tx", [("error", "not UTF-8 at byte 4")]),
    ("s2\t放\tfly\t放".encode(), [("error", "'fly' is not an intent of the labels")]),
    ("s2\t山\tplay\t<hill>山</hill>".encode(), [("error", "<hill> is not a slot of the labels")]),
    ("s2\t江\tstop\t<song>江</song>".encode(), [("warning", "the labels know no <song> in stop")]),
    (
        "s3\t河 \tplay\t<song>河 </song>".encode(),
        [("warning", "white space"), ("warning", "without an empty line")],
    ),
    (b"", []),
    (
        "s1\t听海\tstop\t听海".encode(),
        [("warning", "ended in line 2 already"), ("warning", "otherwise in line 2")],
    ),
    ("s1\t听海\tplay\t听<song>海||河</song>".encode(), []),  # a correction is no other label
]
SLOTS = ("a", "b", "singer", "song")
LABELS = Labels(("play", "stop"), SLOTS, {"play": SLOTS, "stop": ()})


def test_check_names_every_problem_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.txt"
    path.write_bytes(b"".join(line + b"\n" for line, _ in BROKEN))
    expected = [(n, *problem) for n, (_, problems) in enumerate(BROKEN, 1) for problem in problems]
    found = check_corpus(path, LABELS)
    assert [(p.line, p.severity) for p in found] == [(line, severity) for line, severity, _ in expected]
    for problem, (_, _, words) in zip(found, expected, strict=True):
        assert words in problem.message
    with pytest.raises(CorpusError, match=r"broken\.txt:4: 3 fields"):
        read_corpus(path)


def test_what_is_unusual_but_fine_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    text = "我<3|你 > a<b\u2028"
    path.write_bytes(f"\ufeff1\t{text}\tOTHERS\t{text}\r\n\r\n\n2\t听𠮷\tplay\t听<song>𠮷||吉</song>".encode())
    assert read_corpus(path) == [
        Utterance(text, "OTHERS", (), "1"),
        Utterance("听𠮷", "play", (Slot("song", "𠮷", 1, 2, "吉"),), "2"),
    ]
    assert [p.severity for p in check_corpus(path)] == ["warning"]


def make_utterance(session: str, parts: list[tuple[str, str, str | None]]) -> Utterance:
    """An utterance from parts: (slot name or "", words, correction)."""
    text, slots = "", []
    for name, words, correction in parts:
        if name:
            slots.append(Slot(name, words, len(text), len(text) + len(words), correction))
        text += words
    return Utterance(text, "OTHERS", tuple(slots), session)


def utterances(words: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> st.SearchStrategy[list[Utterance]]:
    part = st.tuples(st.just("") | names, words, st.none() | words)
    return st.lists(st.builds(make_utterance, names, st.lists(part, min_size=1, max_size=4)), min_size=1, max_size=5)


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]*", fullmatch=True)
PLAIN = st.text(st.sampled_from("听海aZ0 １é🎵𠮷\u2028\ufeff>/"), min_size=1).filter(lambda s: bool(s.strip()))
WILD = st.text(st.sampled_from("海a<>/|\r\n\t\ud800 ") | st.characters(), max_size=6)


@given(corpus=utterances(PLAIN, NAMES))
def test_write_then_read_gives_the_same(corpus: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.txt"
    write_corpus(corpus, path)
    assert read_corpus(path) == corpus
    for utterance in corpus:
        assert parse_tagged(format_tagged(utterance)) == (utterance.text, utterance.slots)


@given(corpus=utterances(WILD, WILD))
def test_what_the_format_cannot_hold_is_refused(
    corpus: list[Utterance], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("wild") / "wild.txt"
    try:
        write_corpus(corpus, path)
    except CorpusError:
        assert not list(path.parent.iterdir())
    else:
        assert read_corpus(path) == corpus


@pytest.mark.parametrize("text", ["a||b", "a<b>c", "a\tb", "a\nb", "a\r", "", "\udc80"])
def test_write_refuses_texts_that_would_change(text: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot express utterance 2"):
        write_corpus([Utterance("好", "OTHERS", (), "1"), Utterance(text, "OTHERS", (), "1")], tmp_path / "c.txt")
    assert not list(tmp_path.iterdir())


def test_write_gives_the_same_bytes_for_the_sample(tmp_path: Path) -> None:
    write_corpus(read_corpus(SAMPLE), tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == SAMPLE.read_bytes()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("old")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OutputError, match=r"corpus\.txt"):
        write_corpus([Utterance("好", "OTHERS", (), "1")], path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"corpus.txt": "old"}


@pytest.mark.parametrize("action", [read_corpus, check_corpus])
@pytest.mark.parametrize("kind", ["missing", "directory", "loop", "empty", "blank", "mark"])
def test_nothing_to_read_is_one_line(action: Callable[[Path], object], kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind != "missing":
        path.write_bytes({"blank": b"\n\r\n", "mark": b"\xef\xbb\xbf\r\n"}.get(kind, b""))
    with pytest.raises(CorpusError) as caught:
        action(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@given(
    lengths=st.lists(st.integers(1, 5), min_size=3, max_size=20),
    fraction=st.floats(0.2, 0.8),
    seed=st.integers(0, 99),
)
def test_split_is_a_partition_in_order(lengths: list[int], fraction: float, seed: int) -> None:
    corpus = [Utterance(f"{s}.{i}", "OTHERS", (), str(s)) for s, n in enumerate(lengths) for i in range(n)]
    by: Literal["utterance", "session"]
    for by in ("utterance", "session"):
        train, dev = split_corpus(corpus, by, fraction, seed)
        kept = set(train)
        assert train == [u for u in corpus if u in kept]
        assert dev == [u for u in corpus if u not in kept]
        unit = (lambda u: u.session) if by == "session" else (lambda u: u.text)
        in_train, in_dev = {unit(u) for u in train}, {unit(u) for u in dev}
        assert not in_train & in_dev
        assert len(in_dev) == round((len(in_train) + len(in_dev)) * fraction)


def test_split_stays_what_it_was() -> None:
    """Published figures hang on it: the very units, for a seed."""
    corpus = [Utterance(str(i), "OTHERS", (), str(i // 2)) for i in range(20)]
    assert [u.text for u in split_corpus(corpus)[1]] == ["3", "7", "12", "15"]
    assert [u.text for u in split_corpus(corpus, "session", 0.3, seed=7)[1]] == [
        "6",
        "7",
        "12",
        "13",
        "16",
        "17",
    ]
    with pytest.raises(CorpusError, match="one side of the split is empty"):
        split_corpus(corpus[:2])
    for bad in (0.0, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="dev fraction"):
            split_corpus(corpus, dev_fraction=bad)


def slu_data(*words: object) -> int:
    parser = argparse.ArgumentParser()
    data.register(parser.add_subparsers(required=True))
    args = parser.parse_args(["data", *map(str, words)])
    code: int = args.func(args)
    return code


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, report = tmp_path / "corpus.txt", tmp_path / "report.json"
    path.write_text("1\t好\tOTHERS\t好\n1\t好\tplay\n", encoding="utf-8")
    LABELS.save(tmp_path / "labels.json")
    assert slu_data("check", path, "--labels", tmp_path / "labels.json", "--json", report) == 1
    out = capsys.readouterr().out.splitlines()
    problems = check_corpus(path, LABELS)
    assert out[:-1] == [f"{path}:{p.line}: {p.severity}: {p.message}" for p in problems]
    written = json.loads(report.read_text(encoding="utf-8"))
    assert [Problem(**p) for p in written["problems"]] == problems
    assert (written["errors"], written["warnings"]) == (2, 0)
    assert slu_data("check", SAMPLE) == 0


def test_split_command(tmp_path: Path) -> None:
    out = tmp_path / "new" / "split"
    for seed in (1, 0):  # the second run replaces the first
        assert slu_data("split", SAMPLE, "--out", out, "--by", "session", "--seed", seed) == 0
    train, dev = split_corpus(read_corpus(SAMPLE), "session")
    assert (read_corpus(out / "train.txt"), read_corpus(out / "dev.txt")) == (train, dev)
    with pytest.raises(OutputError, match="contains the corpus"):
        slu_data("split", out / "train.txt", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "stage": "train"}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    for taken in (out, tmp_path / "other"):
        with pytest.raises(OutputError, match="choose another --out"):
            slu_data("split", SAMPLE, "--out", taken)
    assert read_corpus(out / "dev.txt") == dev


# VmHWM, as ru_maxrss would be the parent's where that is larger. The time is compared with that of cutting the lines
# into fields, in the same process: seconds would depend on the machine, and on what else it does.
MEASURE = """
import sys, time
from slu.corpus.tagged import check_corpus, read_corpus
def seconds(action):
    begun = time.process_time()
    action()
    return time.process_time() - begun
def cut():
    with open(sys.argv[1], "rb") as stream:
        return [line.decode().split("\\t") for line in stream]
read = lambda: print(len(check_corpus(sys.argv[1]) if sys.argv[2] == "check" else read_corpus(sys.argv[1])))
taken = seconds(read)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(taken / min(seconds(cut) for _ in range(3)), int(peak) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sample", "conflicts"])
@pytest.mark.parametrize("action", ["read", "check"])
def test_a_large_corpus_is_read_in_time_and_memory(action: str, kind: str, tmp_path: Path) -> None:
    """A fifth of the promise: 1,000,000 utterances in 1 GB, in a time that grows with the lines.

    Reading took 9 to 20 times as long as cutting, checking 11 to 31 times; what is quadratic takes thousands.
    """
    count, path = 200_000, tmp_path / "large.txt"
    blocks = SAMPLE.read_text(encoding="utf-8").strip().split("\n\n")
    with path.open("w", encoding="utf-8") as stream:
        if kind == "sample":
            for copy in range(count // 4000):
                stream.writelines(f"{copy}x" + b.replace("\n", f"\n{copy}x") + "\n\n" for b in blocks)
        else:  # one text with ever new labels
            stream.writelines(f"{i}\t取消\tintent{i}\t取消\n\n" for i in range(count))
    command = [sys.executable, "-c", MEASURE, str(path), action]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if action == "read":
        assert int(output[0]) == count
    elif kind == "conflicts":
        assert int(output[0]) == count - 1
    assert float(output[1]) < 100
    assert float(output[2]) < 1e9 / 5


@pytest.mark.parametrize("tags", ["<x{0}>a</y{0}>", "<x{0}>", "</x{0}>", "||"])
def test_a_damaged_line_has_a_hundred_problems_and_no_more(tags: str, tmp_path: Path) -> None:
    """Each tag was compared with all that were open: 20,000 took ten seconds."""
    path = tmp_path / "corpus.txt"
    tagged = "".join(tags.format(i) for i in range(20_000))
    path.write_text(f"1\ta\tx\t{tagged}\n1\ta\tx\t<n>a\n")
    began = time.process_time()
    problems = check_corpus(path)
    assert time.process_time() - began < 3
    of_line = [problem.message for problem in problems if problem.line == 1]
    assert len(of_line) == (1 if tags == "||" else 101)
    assert tags == "||" or of_line[-1] == "and more in this line"
    assert [problem.line for problem in problems][-1] == 2


def test_what_tags_cannot_hold_is_shown_in_one_line() -> None:
    slots = (Slot("song", "花心", 1, 3),)
    assert shown_tagged(Utterance("听花心", "music.play", slots, "1")) == "听<song>花心</song>"
    assert shown_tagged(Utterance("听花心\n吧", "music.play", slots, "1")) == "听<song>花心</song> 吧"
    assert shown_tagged(Utterance("听花心\n||\t吧", "music.play", slots, "1")) == "听花心 || 吧 song[1:3]"
