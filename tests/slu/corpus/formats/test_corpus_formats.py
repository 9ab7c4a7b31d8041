"""Files as other tools write them, and what is wrong with some of their lines."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from slu.cli import main
from slu.corpus.formats.annotated import Options
from slu.corpus.formats.convert import read_foreign
from slu.corpus.formats.table import FORMATS, recognise
from slu.corpus.tagged import format_tagged, read_corpus
from slu.errors import CorpusError, SluError

FILES = Path(__file__).parents[3] / "data" / "formats"
BMES_INTENTS = Options(intents=FILES / "columns-bmes.intents.txt")


@pytest.mark.parametrize(
    ("file", "name", "options", "wanted", "kinds"),
    [
        (
            "doccano-1.jsonl", "doccano", Options(intent="x"),
            ["x <date>明天</date><time>早上七点</time>叫我起床", "x 打电话给<contact>王阿姨</contact>",
             "x 把<device>空调</device>调到<temperature>二十六度</temperature>"], {},
        ),
        (
            "doccano-2.jsonl", "doccano", Options(offsets="code-points"),
            ["phone.call 😀打电话给<contact>王阿姨</contact>",
             "home.off 把<room>客厅</room>的<device>灯</device>关掉😀"],
            {"texts with several intents": 1, "overlapping spans": 1},
        ),
        (
            "label-studio.json", "label-studio", Options(),
            ["music.play 🎵 play <album>Blue Train</album> by <artist>Coltrane</artist>"],
            {"spans that do not match their text": 1, "texts without annotation": 1},
        ),
        (
            "rasa.yml", "rasa", Options(),
            ["book_train from <city.departure>Hangzhou</city.departure> to <city.destination>Ningbo</city.destination>",
             "book_train a ticket to <city>the capital||Beijing</city> please",
             "book_train <number>two</number> tickets for <date>tomorrow</date>", "greet hello there",
             "greet good morning"], {"synonym sections": 1},
        ),
        (
            "columns-bio.txt", "conll", Options(),
            ["alarm.set <date>明天</date><time>早上七点</time>叫我起床",
             "phone.call call my <contact>brother</contact>"], {},
        ),
        (
            "columns-bmes.txt", "conll", BMES_INTENTS,
            ["home.on 把<room>客厅</room>的<device>空调机</device>打开", "home.off 关<device>灯</device>"], {},
        ),
        (
            "jointbert", "jointbert", Options(),
            ["alarm_set wake me at <time>five</time> <time>am</time>",
             "music_play play <album>Blue Train</album> by <artist>Coltrane</artist>"], {},
        ),
        (
            "values.json", "json", Options(),
            ["epg.REPLAY 回看<name>晚间新闻</name>回看<channel>江城卫视</channel>晚间新闻",
             "map.ROUTE <from_city>临江</from_city><from_poi>火车站</from_poi>到<to>临江师范大学</to>怎么走"],
            {"ambiguous values": 1, "texts with no intent": 1, "values that are not in their text": 1},
        ),
        (
            "massive.jsonl", "massive", Options(part="train"),
            ["alarm_set wake me at <time>five am</time> <date>this week</date>"],
            {"spans that do not match their text": 1},
        ),
        (
            "paddlenlp.tsv", "paddlenlp", Options(intent="x"),
            ["x <date>明天</date>叫我", "x 放首<song>晴天</song>"], {"tokens without tags": 1},
        ),
    ],
)  # fmt: skip
def test_a_realistic_file(file: str, name: str, options: Options, wanted: list[str], kinds: dict[str, int]) -> None:
    form = recognise(FILES / file)
    assert form is not None
    assert form.name == name
    utterances, findings, _ = read_foreign([FILES / file], options)
    if file == "jointbert":  # "five am" is one slot in tags of any kind
        wanted[0] = "alarm_set wake me at <time>five am</time>"
    assert [f"{u.intent} {format_tagged(u)}" for u in utterances] == wanted
    assert findings.counts() == kinds
    assert len({u.session for u in utterances}) == len(utterances)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("a.jsonl", '{"text": "花心", "label": []}\n{"text": 3, "label": []}\n', "a.jsonl:2: text is 3; a text"),
        ("a.jsonl", '{"text": "花心", "label": [[0, "2", "song"]]}\n', 'a.jsonl:1: "2" is not an offset'),
        ("a.jsonl", '{"text": "花心", "label": []}\n{"text": \n', "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"text": "花心", "entities": [[0, 2, "song"]]}\n', "give --intent NAME"),
        ("a.json", '[{"text": "x", "intent": "a", "slots": {}},\n{"text": "x" "b"}]', "a.json:2: not JSON"),
        ("a.json", '[{"text": "x", "intent": "a", "slots": {"b": [[1]]}}]', "a.json:1: the value of b is [1]"),
        ("a.json", '[{"data": {"a": "x", "b": "y"}, "annotations": []}]', "a.json:1: data has no field named text"),
        ("a.yml", "nlu:\n- intent: a\n  examples: |\n    - b\n    c\n", "a.yml:5: 'c': examples begin with '- '"),
        ("a.yml", "nlu:\n- intent: [\n", "a.yml:3: not YAML"),
        ("a.yml", "nlu:\n- intent: a\x1b\n", "a.yml:2: not YAML (it has U+001B)"),
        ("a.yml", "nlu: 3\n", "a.yml:1: nlu is no list"),
        ("a.txt", "花 B-song\n心 I-song\nx\n", "a.txt: no text that could be used (1 tokens without tags)"),
        ("a.txt", "just some text\n", "none of the formats"),
    ],
)  # fmt: skip
def test_errors_name_file_and_line(file: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(content, "utf-8")
    with pytest.raises(CorpusError, match=".") as error:
        read_foreign([tmp_path / file], Options())
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_short_form_of_label_studio(tmp_path: Path) -> None:
    span = {"start": 3, "end": 5, "text": "花心", "labels": ["song"]}
    path = write(tmp_path / "min.json", [{"id": 1, "text": "🎵放花心", "label": [span], "intent": "music.play"}])
    assert recognise(path) is FORMATS["label-studio"]
    (utterance,), _, _ = read_foreign([path], Options())
    assert f"{utterance.intent} {format_tagged(utterance)}" == "music.play 🎵放<song>花心</song>"


def test_a_corpus_needs_no_conversion(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("1\t花心\tplay\t花心\n", "utf-8")
    with pytest.raises(CorpusError, match="is a corpus already"):
        read_foreign([tmp_path / "corpus.txt"], Options())


PIECES = (
    *(
        b"\x00",
        b"\xff",
        b"null",
        b"[",
        b"{}",
        b"1e999",
        b"-1",
        b'"',
        b"\\ud800",
        b"\t",
        b"\n",
        b"]",
        b"\x1b[0m",
        b"||",
        b"<a>",
    ),
    *(b"B-", b"99999999999999999999", b"true", b"[[[[", b"- intent:", b"&a *a", b": ", b"!!python/object:os.system x"),
)


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.iterdir() if path.is_file()))
def test_a_damaged_file_is_one_line(file: str, tmp_path: Path) -> None:
    random = Random(file)
    whole, path = (FILES / file).read_bytes(), tmp_path / file
    form = recognise(FILES / file)
    for _ in range(40):
        raw = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            at, length = random.randrange(len(raw)), random.choice((0, random.randint(1, 12)))
            raw[at : at + length] = random.choice((b"", *PIECES))
        path.write_bytes(raw)
        recognise(path)
        try:
            read_foreign([path], Options(intent="x"), form.name if form else "conll")
        except SluError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error)


def write(path: Path, records: list[object]) -> Path:
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n", "utf-8")
    return path


def test_offsets_in_utf16_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    def record(text: str, start: int, end: int) -> dict[str, object]:
        return {"text": text, "cats": ["x"], "entities": [[start, end, "song"]]}

    doubtful = record("😀放花心吧", 2, 4)
    path = write(tmp_path / "doubtful.jsonl", [doubtful])
    with pytest.raises(CorpusError, match="give --offsets code-points or --offsets utf-16"):
        read_foreign([path], Options())
    for unit, value in (("code-points", "花心"), ("utf-16", "放花")):
        (utterance,), _, _ = read_foreign([path], Options(offsets=unit))
        assert utterance.slots[0].value == value
    # One text whose slot would lie outside of it decides for the file.
    path = write(tmp_path / "utf16.jsonl", [record("😀放花心吧", 3, 5), record("😀放花心", 3, 5), record("花心", 0, 2)])
    utterances, findings, _ = read_foreign([path], Options())
    assert [u.slots[0].value for u in utterances] == ["花心"] * 3
    assert not findings.problems
    # Offsets inside a surrogate pair can only count code points.
    path = write(tmp_path / "points.jsonl", [doubtful, record("😀花心", 1, 3)])
    assert [u.slots[0].value for u in read_foreign([path], Options())[0]] == ["花心"] * 2
    path = write(tmp_path / "both.jsonl", [record("😀放花心", 3, 5), record("😀花心", 1, 3)])
    with pytest.raises(CorpusError, match="convert the texts of each kind by themselves"):
        read_foreign([path], Options())


def test_nothing_is_lost_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spans = {
        "spans outside the text": [[0, 9, "song"]],
        "overlapping spans": [[0, 2, "song"], [1, 3, "singer"]],
        "spans of white space": [[2, 3, "song"]],
        "names that tags cannot hold": [[0, 2, "a<b"]],
        "spans given twice": [[0, 2, "song"], [0, 2, "song"]],
        "white space at the border of a slot": [[0, 3, "song"]],
    }
    records: list[object] = [{"text": "花心 x", "cats": ["a"], "entities": found} for found in spans.values()]
    texts = {
        "empty texts": "  ",
        "control characters": "a\x00b",
        "line breaks and tabs": "a\tb\nc",
        "texts that a corpus cannot hold": "a||b",
    }
    records += [{"text": text, "cats": ["a"], "entities": []} for text in texts.values()]
    path = write(tmp_path / "all.jsonl", records)
    out, report = tmp_path / "corpus.txt", tmp_path / "report.json"
    assert main(["data", "convert", str(path), "--out", str(out), "--json", str(report)]) == 0
    found = json.loads(report.read_text("utf-8"))
    assert {problem["kind"] for problem in found["problems"]} == {*spans, *texts}
    assert all(problem["where"].startswith(f"{path}:") for problem in found["problems"])
    assert (found["utterances"], found["left_out"]) == (3, 7)
    assert [u.text for u in read_corpus(out)] == ["花心 x", "花心 x", "a b c"]
    assert "; 7 left out" in capsys.readouterr().out
    assert main(["data", "convert", str(path), "--out", str(tmp_path / "none.txt"), "--strict"]) == 2
    assert not (tmp_path / "none.txt").exists()


def test_check_names_the_format_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(FILES.iterdir()):
        if "intents" in path.name:
            continue
        assert main(["data", "check", str(path)]) == 1
        printed = capsys.readouterr().out
        form = recognise(path)
        assert form is not None
        assert form.title in printed
        assert f"slu data convert {path} --from {form.name} --out" in printed


def test_there_and_back_by_commands(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    assert main(["data", "convert", str(FILES / "columns-bio.txt"), "--out", str(corpus)]) == 0
    for name in FORMATS:
        there, back = tmp_path / name, tmp_path / f"{name}.txt"
        assert main(["data", "convert", str(corpus), "--to", name, "--out", str(there)]) == 0
        options = ["--intents", str(there / "intents.txt")] if name == "paddlenlp" else []
        source = there / "tags.tsv" if name == "paddlenlp" else there
        assert main(["data", "convert", str(source), "--out", str(back), *options]) == 0
        assert [format_tagged(u) for u in read_corpus(back)] == [format_tagged(u) for u in read_corpus(corpus)]
