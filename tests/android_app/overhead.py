"""What Java costs: python tests/android_app/overhead.py [--rounds N]; prints JSON, times in ms.

For each default model, the median of a parse by slu-cli and by Java over the same 300 texts of the sample corpus, in
turns; of all rounds the fastest, as others use the machine too. And how long `SluModel.open` takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/cpp_runtime"))

from engine_build import build  # noqa: E402

from android_app.tools.build import LIBRARY  # noqa: E402
from android_app.tools.java import compile_java, sources  # noqa: E402
from android_app.tools.native import build_host  # noqa: E402
from android_app.tools.toolchain import BUILD, toolchain  # noqa: E402
from slu.corpus.tagged import read_corpus  # noqa: E402

REPEAT = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    tools = toolchain()
    library = build_host(tools).parent
    client = build("host", targets=("slu-cli",)) / "slu-cli"
    classes = compile_java(tools, sources(LIBRARY / "java"), BUILD / "overhead/library")
    bench = compile_java(
        tools, [Path(__file__).parent / "java/org/slu/tests/Bench.java"], BUILD / "overhead/bench", [classes]
    )
    path = os.pathsep.join(map(str, [classes, bench]))
    result = {}
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as texts:
        texts.writelines(f"{utterance.text}\n" for utterance in read_corpus(ROOT / "data/sample/corpus.txt")[:300])
        texts.flush()
        for name in ("nano", "pico"):
            model = ROOT / f"models/nlpcc2018-{name}/model.gguf"
            native, java = [], []
            for _ in range(rounds):
                printed = run([client, "bench", model, texts.name, "--repeat", REPEAT])
                native.append(json.loads(printed)["end_to_end_ms"]["p50"])
                options = [f"-Djava.library.path={library}", "-cp", path]
                java.append(
                    [
                        *map(
                            float,
                            run(
                                [tools.java("java"), *options, "org.slu.tests.Bench", model, texts.name, REPEAT]
                            ).split(),
                        )
                    ]
                )
            first, opened, parse = (min(column) for column in zip(*java))
            result[name] = {
                "slu_cli_parse": min(native),
                "java_parse": parse,
                "overhead": parse - min(native),
                "first_open": first,
                "open": opened,
            }
    print(json.dumps(result, indent=2))


def run(command: list[object]) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
