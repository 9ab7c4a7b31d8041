"""The deployment files call `slu serve` as it is, with the rights and the time that it needs."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from slu.cli import build_parser
from slu.serving.settings import Settings

FILES = Path(__file__).parents[2] / "examples/serve"
ROOT = FILES.parents[1]


def arguments(words: list[str]) -> argparse.Namespace:
    """Of the command; ends the test for one that it does not know."""
    return build_parser().parse_args(["serve", *words])


def words_of(instruction: str) -> list[str]:
    text = (FILES / "Containerfile").read_text(encoding="utf-8")
    [found] = re.findall(rf"^{instruction} (\[.*\])$", text, re.MULTILINE)
    return [str(word) for word in yaml.safe_load(found)]


def test_the_image() -> None:
    program, command, *options = words_of("ENTRYPOINT")
    assert (program, command) == ("slu", "serve")
    args = arguments([*options, *words_of("CMD")])
    assert (args.host, args.port, args.run_dir) == ("0.0.0.0", 8080, Path("/run/slu"))
    for model in args.models:
        assert (ROOT / model.lstrip("/") / "model.safetensors").is_file()
    text = (FILES / "Containerfile").read_text(encoding="utf-8")
    assert text.count("\nFROM ") == 2 and "\nUSER 10001" in text and "HEALTHCHECK" in text
    # What it takes from the lock is all that serving imports.
    [names] = re.findall(r"grep -E '\^\((.*)\)=='", text)
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert set(names.split("|")) <= locked
    for copied in re.findall(r"^COPY (?!--from)([^\n]+) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())


def test_the_unit() -> None:
    text = (FILES / "slu-serve.service").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    program, command, *options = shlex.split(values["ExecStart"])
    assert (program, command) == ("/opt/slu/bin/slu", "serve")
    args = arguments(options)
    assert float(values["TimeoutStopSec"]) > args.drain + 2 * args.timeout
    assert values["NoNewPrivileges"] == "yes" and values["ProtectSystem"] == "strict"


def test_the_manifests() -> None:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert [document["kind"] for document in documents] == ["Deployment", "Service", "PodDisruptionBudget"]
    pod = documents[0]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    args = arguments(container["args"])
    assert pod["terminationGracePeriodSeconds"] > args.drain + 2 * args.timeout
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"]
    assert {probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")} == {
        "/readyz",
        "/healthz",
    }
    labels = documents[0]["spec"]["template"]["metadata"]["labels"]
    assert documents[1]["spec"]["selector"] == labels == documents[2]["spec"]["selector"]["matchLabels"]
    assert str(args.token_file).startswith(container["volumeMounts"][1]["mountPath"])
    assert Settings.drain < args.drain
