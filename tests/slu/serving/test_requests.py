"""What a server answers, and what it refuses, with which field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from served import Client

import slu
from slu.corpus.utterance import Utterance
from slu.inputs.flags import FIRST_TURN
from slu.runtime.bundle import open_directory
from slu.runtime.loading import python_parser_of


def test_answers_are_those_of_the_library(ask: Client, models: tuple[Path, Path], sample: list[Utterance]) -> None:
    texts = [*sorted({utterance.text for utterance in sample})[:40], "", "\0", "听花" * 150, "é🎵"]
    found = []
    for name, path in zip(("one", "two"), models):
        expected = [result.to_dict() for result in slu.load(path).parse_batch(texts)]
        assert ask.parse(texts=texts, model=name) == expected
        assert [ask.parse(text=text, model=name)[0] for text in texts[-4:]] == expected[-4:]
        found += expected
    assert any(result.get("truncated") for result in found) and any(result["slots"] for result in found)


def test_the_first_model_is_the_default(ask: Client) -> None:
    status, answer = ask("/v1/parse", {"text": "取消"})
    _, [one, two] = status, ask("/v1/models")[1]["models"]
    assert (answer["model"], answer["version"]) == ("one", one["version"]) and one["version"] != two["version"]
    assert ask("/v1/models/two") == (200, two)


def test_previous_intents_and_dialogues(ask: Client, models: tuple[Path, Path], labels: Any) -> None:
    parser, text = slu.load(models[0]), "取消"
    for previous in (None, FIRST_TURN, *labels.intents[:3]):
        [answer] = ask.parse(text=text, previous_intent=previous)
        assert answer == parser.parse(text, previous).to_dict()
    dialogue = ["导航到人民广场", "取消", "打电话给张三", "取消"]
    session = parser.session()
    expected = [session.parse(text).to_dict() for text in dialogue]
    assert ask.parse(texts=dialogue, session="a") == expected
    assert [ask.parse(text=text, session="b")[0] for text in dialogue] == expected
    again = ask.parse(text=dialogue[0], session="b")[0]
    assert again == parser.parse(dialogue[0], expected[-1]["intent"]).to_dict()
    assert ask.parse(text=dialogue[0], session="b", previous_intent="")[0] == expected[0]
    assert ask.parse(texts=dialogue, session="a", previous_intent="") == expected


def test_lexicons_are_for_one_request(ask: Client, models: tuple[Path, Path], sample: list[Utterance]) -> None:
    slot = next(slot for utterance in sample for slot in utterance.slots)
    texts = [utterance.text for utterance in sample if slot.value in utterance.text][:5]
    parser = slu.load(models[0])
    before = [result.to_dict() for result in parser.parse_batch(texts)]
    session = parser.session()
    session.lexicon.add(slot.name, [slot.value])
    expected = []
    for text in texts:
        session.restart(None)
        expected.append(session.parse(text).to_dict())
    for _ in range(3):
        assert ask.parse(texts=texts, lexicons={slot.name: [slot.value]}) == expected != before
        assert ask.parse(texts=texts) == before


def test_logits(ask: Client, models: tuple[Path, Path]) -> None:
    texts, previous = ["取消", "来一首花心", "取消"], [None, "", "OTHERS"]
    python = python_parser_of(slu.load(models[0]).backend, open_directory(models[0]))
    status, headers, body = ask.raw("/v1/logits", {"texts": texts, "previous_intents": previous})
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    tensors = load_tensors(body)
    expected = python.logits(texts, previous)
    assert tensors["tokens"].tolist() == [4, 7, 4]
    names = python.head.logits
    np.testing.assert_array_equal(tensors[names[0]], np.stack([one[0] for one in expected]))
    np.testing.assert_array_equal(tensors[names[1]], np.concatenate([one[1] for one in expected]))
    assert not np.array_equal(expected[0][0], expected[2][0])
    status, answer = ask("/v1/logits", {"texts": texts, "previous_intents": previous[:2]})
    assert (status, answer["field"]) == (422, "previous_intents")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"text": "\xff"}', 400, None),
        (b"", 422, None),
        (b'{"text": "a"', 422, None),
        (b'{"text": "\\ud800"}', 422, None),
        (b"[" * 9000, 422, None),
        (b"null", 422, None),
        ({}, 422, "text"),
        ({"text": "a", "texts": ["b"]}, 422, "texts"),
        ({"text": 1}, 422, "text"),
        ({"texts": []}, 422, "texts"),
        ({"texts": ["a", "b", 3]}, 422, "texts.2"),
        ({"texts": ["a"] * 51}, 422, "texts"),
        ({"text": "a", "more": 1}, 422, "more"),
        ({"text": "a", "session": ""}, 422, "session"),
        ({"text": "a", "session": "s" * 201}, 422, "session"),
        ({"text": "a", "previous_intent": "nothing"}, 422, "previous_intent"),
        ({"text": "a", "model": "three"}, 404, "model"),
        ({"text": "a", "lexicons": {"nothing": ["b"]}}, 422, "lexicons.nothing"),
        ({"text": "a", "lexicons": {"song": "b"}}, 422, "lexicons.song"),
        ({"text": "a", "lexicons": {"song": ["b" * 1000]}}, 422, "lexicons"),
        ({"text": "a", "b\nc": 1}, 422, "b\nc"),
        ({"text": "a", "lexicons": {"b\u2028c": ["d"]}}, 422, "lexicons.b\u2028c"),
        ({"texts": [1] * 5000}, 422, "texts.0"),
        ({"text": "a", "lexicons": {str(number): 1 for number in range(1500)}}, 422, None),
        ({"text": "听" * 7000}, 413, None),
    ],
)
def test_what_is_refused(ask: Client, body: Any, status: int, field: str | None) -> None:
    found, headers, data = ask.raw("/v1/parse", body)
    answer = __import__("json").loads(data)
    assert (found, answer["field"]) == (status, field), answer
    assert headers["content-type"] == "application/json" and len(answer["error"].splitlines()) == 1


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("content-type", "text/plain", 415),
        ("content-type", "text/plain; json", 415),
        ("content-type", "application/json-seq", 415),
        ("content-type", "APPLICATION/JSON ;charset=utf-8", 200),
        ("content-type", "application/problem+json", 200),
        ("content-encoding", "gzip", 415),
        ("content-encoding", "Identity", 200),
    ],
)
def test_what_a_body_is_said_to_be(ask: Client, header: str, value: str, status: int) -> None:
    assert ask("/v1/parse", {"text": "a"}, headers={header: value})[0] == status


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"previous_intent": "nothing"}, "previous_intent"),
        ({"previous_intents": ["", "nothing"]}, "previous_intents.1"),
        ({"lexicons": {"nothing": ["a"]}}, "lexicons.nothing"),
        ({"lexicons": {"song": ["b" * 1000]}}, "lexicons"),
        ({"lexicons_of_texts": [{"song": ["a"]}, {"nothing": ["a"]}]}, "lexicons_of_texts.1.nothing"),
        ({"lexicons_of_texts": [{}, {"song": ["b" * 1000]}]}, "lexicons_of_texts"),
    ],
)
def test_what_logits_are_refused_for(ask: Client, more: dict[str, Any], field: str) -> None:
    status, answer = ask("/v1/logits", {"texts": ["取消", "a"], **more})
    assert (status, answer["field"]) == (422, field)


def test_other_refusals(ask: Client) -> None:
    assert ask("/v1/parse/", {"text": "a"})[0] == ask("/healthz/")[0] == 404  # and no other address is given
    assert ask("/v1/parse", method="PUT")[0] == 405 and ask("/nothing")[0] == 404
    assert ask("/v1/models/three")[0] == ask("/v1/models/three/reload", b"")[0] == 404
    assert ask("/healthz") == (200, {"status": "ok"}) == ask("/readyz")
    status, headers, body = ask.raw("/healthz", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "15", b"")
    assert ask.raw("/v1/parse", method="HEAD")[0] == ask.raw("/healthz", method="OPTIONS")[0] == 405


def test_the_description_and_its_examples(ask: Client) -> None:
    _, document = ask("/openapi.json")
    assert set(document["paths"]) == {
        "/v1/parse", "/v1/logits", "/v1/models", "/v1/models/{name}", "/v1/models/{name}/reload",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    for path in ("/v1/parse", "/v1/logits"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert len(content["examples"]) >= 1
        for example in content["examples"].values():
            assert ask.raw(path, example["value"])[0] == 200, example
    status, headers, page = ask.raw("/docs")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert b"/v1/parse" in page and b"http" not in page.replace(b"HTTP", b"").replace(b"<!doctype", b"")
