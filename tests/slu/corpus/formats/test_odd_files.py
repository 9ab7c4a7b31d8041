"""What looks like something else: tokens like comments, numbers of lines, characters, lists on one line, brackets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slu.cli import main
from slu.corpus.formats.annotated import Options
from slu.corpus.formats.convert import read_foreign, write_foreign
from slu.corpus.formats.table import FORMATS, recognise
from slu.corpus.tagged import format_tagged
from slu.corpus.utterance import Slot, Utterance
from slu.errors import CorpusError


def read(path: Path, content: str | list[object], **options: object) -> tuple[list[str], dict[str, int]]:
    """Session, intent and tagged text of all utterances, and the counts of what was found."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, "utf-8")
    utterances, findings, _ = read_foreign([path], Options(**{"intent": "x", **options}))  # type: ignore[arg-type]
    return [f"{u.session} {u.intent} {format_tagged(u)}" for u in utterances], findings.counts()


@pytest.mark.parametrize(
    ("columns", "wanted", "kinds"),
    [
        # A line is a comment before the first token only, and if it is not like the others.
        ("#NowPlaying O\nLady B-artist\nGaga I-artist\n", ["#NowPlaying <artist>Lady Gaga</artist>"], {}),
        ("the DT B-NP O\n# NN B-NP O\n1 CD I-NP O\n", ["the # 1"], {}),
        ("hit\tO\n#1\tB-num\n", ["hit <num>#1</num>"], {}),
        ("# about E-mail and O\n# text = vitamin O\nvitamin O\nO B-name\n", ["vitamin <name>O</name>"], {}),
        ("a O\n# no tag\n\nb O\n", ["b"], {"unknown tags": 1}),
        # Lines that are numbered in most texts are so in all.
        (
            "# intent: alarm/set\n1\twake\talarm/set\tO\n2\tme\talarm/set\tO\n\n1\t7\t_\tB-time\n\n2\tx\t_\tO\n",
            ["wake me", "<time>7</time>"], {"wrong numbers": 1},
        ),
        ("1 CD O\n2 CD B-n\n\ntwo CD O\n\nthree CD O\n", ["1 <n>2</n>", "two", "three"], {}),
        ("1 O\n2 B-n\n", ["1<n>2</n>"], {}),
        # White space is a token, and where each character is one, nothing is between them.
        ("ab\tO\n \tO\nb\tB-x\n", ["ab <x>b</x>"], {}),
        ("a\tO\n\tO\n\nb\tB-x\n", ["<x>b</x>"], {"empty tokens": 1}),
        ("N B-o\nB I-o\nA I-o\n比 O\n赛 O\n1 O\n9 O\n年 O\n", ["<o>NBA</o>比赛19年"], {}),
        ("N B-o\nBA I-o\n比 O\n赛 O\n1 O\n9 O\n", ["<o>N BA</o>比赛1 9"], {}),
    ],
)  # fmt: skip
def test_columns(columns: str, wanted: list[str], kinds: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    found, counts = read(path, columns)
    assert recognise(path) is FORMATS["conll"]
    assert [line.split(" ", 2)[2] for line in found] == wanted
    assert counts == kinds


def test_characters_in_other_formats_of_tokens(tmp_path: Path) -> None:
    utterances = [Utterance("a b", "play", (Slot("n", "b", 2, 3),), "1")]
    for name in ("jointbert", "paddlenlp"):
        findings = write_foreign(utterances, FORMATS[name], tmp_path / name)
        assert [kind for _, kind, _, _ in findings.problems] == ["spaces"]
        source = tmp_path / name / ("tags.tsv" if name == "paddlenlp" else "")
        back, _, _ = read_foreign([source], Options(intent="x"))
        assert [format_tagged(u) for u in back] == ["a<n>b</n>"]


def test_an_array_on_one_line_has_texts_of_their_own(tmp_path: Path) -> None:
    def record(text: str, value: object) -> dict[str, object]:
        return {"text": text, "intent": "a", "slots": {"x": value}}

    path = tmp_path / "one.json"
    records = [record("a b", "b"), record("c", "zz"), record("d", "yy"), record("e f", "f")]
    assert read(path, records) == (["1 a a <x>b</x>", "2 a e <x>f</x>"], {"values that are not in their text": 2})
    _, findings, _ = read_foreign([path], Options())
    assert (findings.left_out, findings.problems[1][0]) == (2, f"{path}:1: record 3")
    text = "[" + ",\n".join(map(json.dumps, records)) + "]"
    read(path, text)
    assert read_foreign([path], Options())[1].problems[1][0] == f"{path}:3"
    examples = json.dumps(["play [jazz](genre)", {"text": "stop"}])
    assert read(tmp_path / "a.yml", f"nlu:\n- intent: a\n  examples: {examples}\n")[0] == [
        "1 a play <genre>jazz</genre>", "2 a stop"
    ]  # fmt: skip


def test_slots_without_a_value_are_none(tmp_path: Path) -> None:
    records: list[Any] = [
        {"text": "play jazz", "intent": "a", "slots": {"genre": "jazz", "artist": None, "song": ["", "jazz"]}},
        {"text": "stop", "intent": "a", "slots": [{"name": "song"}, {"name": "album", "value": ""}]},
    ]
    found, counts = read(tmp_path / "a.json", records[1:])
    assert (found, counts) == (["1 a stop"], {"slots without a value": 2})
    del records[0]["slots"]["song"]
    assert read(tmp_path / "a.json", records)[0] == ["1 a play <genre>jazz</genre>", "2 a stop"]


def test_intents_are_those_of_the_lines_whatever_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "intents.txt").write_text("i1\ni2\ni3\ni4\n")
    columns = "a O\n\nbad\n\n\nb X-y\n\nc O\nc O\n"
    found, counts = read(tmp_path / "a.conll", columns, intents=tmp_path / "intents.txt", intent="")
    assert found == ["1 i1 a", "2 i4 cc"]
    assert counts == {"tokens without tags": 1, "unknown tags": 1}
    with pytest.raises(CorpusError, match="4 intents for 3 texts"):
        read(tmp_path / "a.conll", "a O\n\nbad\n\nc O\n", intents=tmp_path / "intents.txt")


@pytest.mark.parametrize(
    ("example", "wanted", "kind"),
    [
        ("[jazz][{\"entity\": \"genre\"}]", "[jazz][{\"entity\": \"genre\"}]", "brackets that are no slots"),
        ("[rock]{\"entity\": \"genre\", \"value\": \"{rock}\"}", None, "brackets that are no slots"),
        ("[a [b] c](song)", "[a [b] c](song)", "brackets that are no slots"),
        ("[to](city.to.1) [x]{\"entity\": \"city\", \"role\": \"to\", \"group\": \"1\"}",
         "<city.to.1>to</city.to.1> <city.to.1>x</city.to.1>", "different slots of the same name"),
        ("[NBA](org) [CBA](org) (x) [y]", "<org>NBA</org> <org>CBA</org> (x) [y]", None),
    ],
)  # fmt: skip
def test_brackets_of_rasa(example: str, wanted: str | None, kind: str | None, tmp_path: Path) -> None:
    found, counts = read(tmp_path / "a.yml", f"nlu:\n- intent: a\n  examples: |\n    - {example}\n")
    assert found == [f"1 a {wanted or example}"]
    assert counts == ({kind: 1} if kind else {})


def test_two_keys_of_rasa_are_refused(tmp_path: Path) -> None:
    item = "- intent: a\n  examples: |\n    - b\n"
    with pytest.raises(CorpusError, match=r"a.yml:5: 'nlu' is there twice, and only one would count"):
        read(tmp_path / "a.yml", f"nlu:\n{item}nlu:\n{item}")


def test_roles_are_written_as_names(tmp_path: Path) -> None:
    one = Utterance("to Rome", "a", (Slot("city.to", "Rome", 3, 7),), "1")
    findings = write_foreign([one, one], FORMATS["rasa"], tmp_path / "a.yml")
    assert [kind for _, kind, _, _ in findings.problems] == ["sessions", "names with dots"]


def test_choices_of_label_studio(tmp_path: Path) -> None:
    records: list[object] = [
        {"text": "go", "mood": {"choices": ["a"]}, "id": 1, "annotator": "me"},
        {"text": "stop", "intent": {"choices": ["a", "b"]}},
        {"text": "on", "mood": "b", "created_at": "now"},
        {"text": "off", "choices": ["b"]},
    ]
    found, counts = read(tmp_path / "min.json", records)
    assert recognise(tmp_path / "min.json") is FORMATS["label-studio"]
    assert found == ["1 a go", "3 x on", "4 b off"]
    assert counts == {"fields that are not read": 1, "texts with several intents": 1}


@pytest.mark.parametrize("name", ["conll", "massive", "doccano", "json", "label-studio"])
def test_white_space_at_the_border_of_a_text_stays(name: str, tmp_path: Path) -> None:
    one = Utterance("  播放 a ", "play", (Slot("s", "a", 5, 6),), "1")
    write_foreign([one], FORMATS[name], tmp_path / "file")
    assert read_foreign([tmp_path / "file"], Options())[0] == [one]


def test_check_looks_beyond_the_first_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    plain = '{"text": "stop", "intent": "stop"}\n'
    path.write_text(49 * plain + '{"text": "play jazz", "intent": "play", "slots": {"genre": "jazz"}}\n')
    assert main(["data", "check", str(path)]) == 1
    assert f"slu data convert {path} --from json" in capsys.readouterr().out
    write_foreign([Utterance("a b", "play", (), "1")], FORMATS["jointbert"], tmp_path / "jb")
    for name in ("seq.in", "seq.out", "label"):
        part = tmp_path / "jb" / name
        assert main(["data", "check", str(part)]) == 1
        assert f"slu data convert {tmp_path}/jb --from jointbert" in capsys.readouterr().out
        with pytest.raises(CorpusError, match=f"{name}: is a part of JointBERT's form; give its directory"):
            read_foreign([part], Options())


@pytest.mark.parametrize("name", ["doccano", "json", "massive", "label-studio"])
def test_sessions_may_be_numbered_from_0_and_others_are_of_their_own(name: str, tmp_path: Path) -> None:
    def record(session: object) -> dict[str, object]:
        own = {} if session is None else {"session": session}
        return {
            "doccano": {"text": "a", "entities": [[0, 1, "n"]], **own},
            "json": {"text": "a", "slots": {"n": "a"}, **own},
            "massive": {"annot_utt": "[n : a]", **own},
            "label-studio": {"data": {"text": "a", **own}, "annotations": [{"result": []}]},
        }[name]

    records: list[object] = [record(session) for session in (0, 0, "2", None, None, "4", 3, "2", "")]
    found, _ = read(tmp_path / "a.json", records if name != "massive" else "\n".join(map(json.dumps, records)))
    assert recognise(tmp_path / "a.json") is FORMATS[name]
    sessions = [line.split()[0] for line in found]
    assert [sessions[i] for i in (0, 1, 2, 5, 6, 7)] == ["0", "0", "2", "4", "3", "2"]
    assert len({*sessions}) == 7 and sessions.index(sessions[3]) == 3  # those without a name share none


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([{"start": 0, "end": 1, "text": "a", "labels": [5]}], r"\[5\] are no names of a span"),
        ([{"start": 0, "end": 1, "text": "a", "labels": [["n"]]}], "are no names of a span"),
        ([{"start": 0, "end": 1, "labels": "n"}], '"n" are no names of a span'),
        ([{"start": "/text()[1]", "end": 1, "hypertextlabels": ["n"]}], "is not an offset"),
        ([{"start": 0, "end": 1, "text": 7, "labels": ["n"]}], "<n>a</n> b"),
        ([{"start": 0, "end": 1, "text": "a", "hypertextlabels": ["n"]}], "<n>a</n> b"),
        ([{"start": 0, "end": 1, "text": "a", "labels": []}], "spans without a name"),
    ],
)
def test_spans_of_label_studio_s_short_form(spans: list[object], says: str, tmp_path: Path) -> None:
    records: list[object] = [{"id": 1, "text": "a b", "label": spans}]
    if says.startswith(("<", "spans")):
        found, counts = read(tmp_path / "a.json", records)
        assert found == [f"1 x {says}"] if says.startswith("<") else counts == {says: 1}
    else:
        with pytest.raises(CorpusError, match=rf"a\.json:1: [^\n]*{says}"):
            read(tmp_path / "a.json", records)
    whole = {"data": {"text": "a b"}, "annotations": [{"result": [{"type": "labels", "value": spans[0]}]}]}
    if says == "spans without a name":
        assert read(tmp_path / "b.json", [whole])[1] == {says: 1}


def test_a_choice_for_a_part_of_the_text_is_no_intent(tmp_path: Path) -> None:
    place = {"start": 0, "end": 1, "text": "a"}
    results = [{"type": "labels", "value": {**place, "labels": ["n"]}}]
    results.append({"type": "choices", "value": {**place, "choices": ["sure"]}})
    task = {"data": {"text": "a b"}, "annotations": [{"result": results}]}
    assert read(tmp_path / "a.json", [task]) == (["1 x <n>a</n> b"], {"results of other kinds": 1})


def test_a_part_of_a_format_without_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"a\.jsonl: a file of the format doccano has no parts; leave out --part"):
        read(tmp_path / "a.jsonl", '{"text": "a", "entities": []}', part="test")


def test_numbers_of_labels_are_no_names(tmp_path: Path) -> None:
    record = {"text": "a b", "annotations": [{"label": 3, "start_offset": 0, "end_offset": 1, "user": 1}]}
    with pytest.raises(CorpusError, match=r"a\.jsonl:1: 3 is not the name of a span"):
        read(tmp_path / "a.jsonl", json.dumps(record))
    record["annotations"] = [{"label": "n", "start_offset": 0, "end_offset": 1}]
    assert read(tmp_path / "a.jsonl", json.dumps(record)) == (["1 x <n>a</n> b"], {})


def test_examples_of_rasa_are_no_more_than_the_file_has(tmp_path: Path) -> None:
    item = "- intent: i{0}\n  examples: {1}\n"
    examples = "[" + ", ".join("abc" for _ in range(1000)) + "]"
    whole = "nlu:\n" + item.format(0, "&all " + examples) + "".join(item.format(i, "*all") for i in range(1, 1000))
    with pytest.raises(CorpusError, match=r"a\.yml:\d+: the examples are more than the file has"):
        read(tmp_path / "a.yml", whole)
    assert len(read(tmp_path / "a.yml", "nlu:\n" + item.format(0, examples))[0]) == 1000
    deep = f'[a]{{"entity": {"[" * 50_000}}}'
    found, counts = read(tmp_path / "a.yml", f"nlu:\n- intent: a\n  examples: |\n    - {deep}\n    - b\n")
    assert (found, counts) == (["1 a b"], {"slots that cannot be read": 1})


def test_a_bracket_of_massive_without_an_end(tmp_path: Path) -> None:
    long = "[" + " : " * 30_000
    records = [{"annot_utt": long}, {"annot_utt": "a [n : b : c] d"}, {"annot_utt": "[n : [m : b]"}]
    found, counts = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))
    assert found[1:] == ["2 x a <n>b : c</n> d", "3 x [n : <m>b</m>"]
    assert counts == {"brackets that are no slots": 2}


def test_names_do_not_write_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = json.dumps({"entity": "n", "role": "\x1b[2J\u202e"})
    (tmp_path / "a.yml").write_text(f"nlu:\n- intent: a\n  examples: |\n    - [b]{fields}\n    - c\n")
    assert main(["data", "convert", str(tmp_path / "a.yml"), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "\\x1b" in shown or "\\u001b" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        # The whole file was one text of one token before.
        (
            "conll",
            "play O\rLady B-a\r\rstop O\r",
            ":1: a carriage return inside the line; lines must end with LF or CR",
        ),
        ("paddlenlp", "text_a\tlabel\na\x02\rb\tO\x02O\n", ":2: a carriage return inside the line"),
        # Only the last value would count.
        ("json", '{"text": "ab", "intent": "x", "slots": {"n": "a", "n": "b"}}', ":1: 'n' is there twice"),
        ("json", '[{"text": "a", "slots": {}},\n{"text": "a", "text": "b"}]', ":2: 'text' is there twice"),
        ("doccano", '{"text": "ab", "label": [[0, 1, "x"]], "label": []}', ":1: 'label' is there twice"),
        ("", "\ufeff\n \n", ": empty"),
        ("", "{}".encode("utf-16"), ":1: not UTF-8 at byte 1; save the file as UTF-8"),
    ],
)
def test_what_would_be_lost_is_refused(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CorpusError) as error:
        read_foreign([path], Options(intent="x"), name)
    assert str(error.value).startswith(f"{path}{says}")
    if name == "conll":
        assert recognise(path) is FORMATS[name]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_only_spaces_and_tabs_divide_tokens(end: str, tmp_path: Path) -> None:
    columns = "10\u00a0km B-x", "\u3000 O", "周杰伦\u3000花 B-y"
    tagged = "<x>10\u00a0km</x>\u3000<y>周杰伦\u3000花</y>"
    path = tmp_path / "a.txt"
    path.write_bytes(f"{end.join(columns)}{end}{end}to O{end}".encode())
    assert recognise(path) is FORMATS["conll"]
    utterances, findings, _ = read_foreign([path], Options(intent="x"))
    assert [format_tagged(one) for one in utterances] == [tagged, "to"]
    words, tags = zip(*(line.split(" ") for line in columns))
    for file, line in (("seq.in", " ".join(words)), ("seq.out", " ".join(tags)), ("label", "x")):
        (tmp_path / file).write_bytes(f"{line}{end}".encode())
    utterances, more, _ = read_foreign([tmp_path], Options())
    assert [format_tagged(one) for one in utterances] == [tagged]
    assert not findings.problems and not more.problems
