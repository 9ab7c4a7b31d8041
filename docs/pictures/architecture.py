"""Draws architecture.svg and architecture.zh-CN.svg: the way of the data with the folder of each step.

python docs/pictures/architecture.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1160, 420
TOP, BOTTOM, MIDDLE = 86, 334, 210
INK, LINE = "#1f2933", "#52606d"
ARTEFACT, STEP, FOLDER, AROUND = "#e3f4e1", "#e6effa", "#ffffff", "#f3f4f6"

TEXTS = {
    "architecture.svg": {
        "corpus": ["tagged", "corpus"],
        "train": "train",
        "checkpoint": ["checkpoint", "FP32"],
        "compress": "compress",
        "small": ["checkpoint", "INT8"],
        "export": "export",
        "bundle": ["bundle"],
        "run": "run",
        "answer": ["intent,", "slots"],
        "recipe": "configs/    a recipe holds all settings; slu run carries it out, from left to right",
        "measure": "slu/evaluation    accuracy of every checkpoint and bundle",
        "bench": "bench_arm    latency, memory, size; the report",
    },
    "architecture.zh-CN.svg": {
        "corpus": ["标注语料"],
        "train": "训练",
        "checkpoint": ["checkpoint", "FP32"],
        "compress": "压缩",
        "small": ["checkpoint", "INT8"],
        "export": "导出",
        "bundle": ["bundle"],
        "run": "运行",
        "answer": ["意图、槽位"],
        "recipe": "configs/    一份配置写明全部设置；slu run 从左到右依次执行",
        "measure": "slu/evaluation    评测每个 checkpoint 和 bundle 的准确率",
        "bench": "bench_arm    延迟、内存、大小，以及报告",
    },
}
FOLDERS = {
    "train": ["slu/corpus", "slu/inputs", "slu/heads", "slu/model", "slu/training"],
    "compress": ["student", "vocab", "width", "ptq, qat", "embeddings", "calibration"],
    "export": ["gguf", "static_graph", "paddle_lite", "onnx", "parity"],
    "run": ["cpp_runtime", "slu/runtime"],
}
"""Inside the box of each step: folders, or the modules of the one folder that does it."""
OWNER = {"compress": "compress/", "export": "export_lite/"}


def text(
    x: float, y: float, words: str, size: int = 13, anchor: str = "middle", mono: bool = False, **more: str
) -> str:
    family = "ui-monospace,Menlo,Consolas,monospace" if mono else "system-ui,Helvetica,Arial,sans-serif"
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-family="{family}" text-anchor="middle" '
        f'fill="{INK}"{extra} xml:space="preserve">{escape(words)}</text>'
    )


def box(x: float, y: float, width: float, height: float, fill: str, radius: int = 6) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" fill="{fill}" stroke="{LINE}"/>'
    )


def arrow(x: float, to: float, y: float = MIDDLE) -> str:
    return f'<path d="M{x:g} {y:g}H{to:g}" stroke="{LINE}" stroke-width="1.6" marker-end="url(#head)"/>'


def artefact(x: float, width: float, lines: list[str]) -> list[str]:
    """Something that lies on a disk, or an answer: round corners."""
    parts = [box(x, MIDDLE - 32, width, 64, ARTEFACT, 28)]
    first = MIDDLE + 5 - 9 * (len(lines) - 1)
    return parts + [text(x + width / 2, first + 18 * i, line) for i, line in enumerate(lines)]


def step(x: float, width: float, title: str, name: str) -> list[str]:
    """A step with what does it."""
    parts = [box(x, TOP, width, BOTTOM - TOP, STEP), text(x + width / 2, TOP + 22, title, 15, font_weight="bold")]
    y = TOP + 36
    if name in OWNER:
        parts.append(text(x + width / 2, y + 10, OWNER[name], 13, mono=True))
        y += 20
    for folder in FOLDERS[name]:
        parts += [box(x + 8, y, width - 16, 26, FOLDER, 4), text(x + width / 2, y + 17, folder, 12, mono=True)]
        y += 32
    return parts


def around(y: float, x: float, width: float, words: str) -> list[str]:
    """Something that is about all steps."""
    return [box(x, y, width, 36, AROUND), text(x + width / 2, y + 23, words)]


def draw(words: dict[str, str | list[str]]) -> str:
    """The whole picture as SVG."""
    parts = around(22, 12, WIDTH - 24, str(words["recipe"]))
    x, gap = 12.0, 26
    row = (("corpus", 84), ("train", 128), ("checkpoint", 96), ("compress", 116), ("small", 96), ("export", 124),
           ("bundle", 80), ("run", 124), ("answer", 0))  # fmt: skip
    for name, width in row:
        width = width or WIDTH - 12 - x
        content = words[name]
        parts += step(x, width, content, name) if isinstance(content, str) else artefact(x, width, content)
        x += width
        if name != "answer":
            parts.append(arrow(x + 3, x + gap - 4))
        x += gap
    half = (WIDTH - 24 - 16) / 2
    parts += around(362, 12, half, str(words["measure"])) + around(362, 28 + half, half, str(words["bench"]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n'
        f'<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> None:
    for name, words in TEXTS.items():
        (HERE / name).write_text(draw(words), encoding="utf-8")


if __name__ == "__main__":
    main()
