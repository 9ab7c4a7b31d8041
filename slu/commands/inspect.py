"""``slu inspect``: what is in a model file, a checkpoint or a bundle."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slu.tables import shown, text_table


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``inspect`` to the commands."""
    parser = subparsers.add_parser(
        "inspect",
        help="show what is in a model file, a checkpoint or a bundle",
        description="Show format, versions, inputs, outputs, operators and weights of a .nb, .pdmodel, .pdiparams, "
        ".onnx, .gguf or .safetensors file, a checkpoint or a bundle. A file that is damaged or of a version that this "
        "program does not run is refused.",
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--tensors", action="store_true", help="list every tensor as well")
    parser.add_argument("--operators", action="store_true", help="list every operator as well, with its kernel")
    parser.add_argument("--json", metavar="F", help="write everything there; - prints it instead of the tables")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.errors import OutputError
    from slu.files import write_result
    from slu.runtime.inspection import inspect_model

    report = inspect_model(args.file)
    if sys.stdout is None:
        raise OutputError("standard output is closed; slu inspect needs it for its result")
    # What UTF-8 cannot hold is printed in the escapes that JSON has for it, too.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    if args.json:
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        if args.json == "-":
            sys.stdout.write(shown(text))
            return 0
        write_result(args.json, text.encode("utf-8", "backslashreplace").decode())
    if "models" in report:
        lines = [*_directory(report), *_short_table(report)]
        models = report["models"] if args.tensors or args.operators else []
    else:
        lines, models = [], [report]
    for model in models:
        lines += ["", *_file(model)] if lines else _file(model)
        lines += ["", *_tensor_list(model)] if args.tensors else []
        lines += ["", *_operator_list(model)] if args.operators and model["operators"] else []
    print(shown("\n".join(lines)))
    return 0


def _directory(report: dict[str, Any]) -> Iterator[str]:
    """The head of a checkpoint or a bundle."""
    yield f"{_shown(report['path'])}: {report['kind']}, {_mb(report['bytes'])}"
    stages = [stage for stage in (*report["stages_before"], report["stage"]) if stage]
    yield from _field("made by", ", then ".join(stages))
    yield from _field("versions", ", ".join(f"{name} {version}" for name, version in report["versions"].items()))
    yield from _field(
        "texts", f"up to {report['length']} tokens of {report['tokens']:,}; threshold {report['threshold']:g}"
    )
    yield from _labels(report["labels"])
    yield from _field("sha256", report["sha256"])


def _short_table(report: dict[str, Any]) -> list[str]:
    """One line for each model file of a directory."""
    rows = [["file", "bytes", "weights", "precisions", "operators", "format"]]
    for model in report["models"]:
        kinds = ", ".join(f"{name} {100 * n / model['tensor_bytes']:.1f} %" for name, n in _precisions(model) if n)
        name = " + ".join(Path(file["name"]).suffix if i else file["name"] for i, file in enumerate(model["files"]))
        format_ = model["format"] + (f", by {model['producer']}" if model["producer"] else "")
        operators = str(sum(model["operator_counts"].values()) or "")
        rows.append([name, f"{model['bytes']:,}", f"{model['tensor_bytes']:,}", kinds, operators, format_])
    return ["", *text_table(rows, left=(0, 3), indent=2)]


def _file(report: dict[str, Any]) -> Iterator[str]:
    """One model file: its fields, then the bytes by kind and precision."""
    yield f"{_shown(report['path'])}: {_mb(report['bytes'])}"
    yield from _field("format", report["format"])
    yield from _field("producer", report["producer"] or "not stated")
    yield from _field("targets", ", ".join(report["facts"].get("targets", [])))
    sets = report["facts"].get("operator_sets", {})
    yield from _field("opset", ", ".join(f"{domain} {version}" for domain, version in sets.items()))
    for name in ("inputs", "outputs"):
        yield from _field(name, "; ".join(f"{_shown(p['name'])} {p['precision']} {_shape(p)}" for p in report[name]))
    for name, counts in (("operators", report["operator_counts"]), ("kernels", report["kernel_counts"])):
        if counts:
            listed = ", ".join(f"{count} {_shown(key)}" for key, count in counts.items())
            yield from _field(name, f"{sum(counts.values())}: {listed}")
    yield from _labels(report["labels"])
    keys = report["facts"].get("keys", {})
    yield from _field("keys", ", ".join(f"{_shown(key)} {_summary(value)}" for key, value in keys.items()))
    yield from _field("note", report["facts"].get("note", ""))
    for file in report["files"]:
        yield from _field("sha256", file["sha256"] + (f" {file['name']}" if len(report["files"]) > 1 else ""))
    yield ""
    yield from _kind_table(report)


def _kind_table(report: dict[str, Any]) -> list[str]:
    """Bytes: one line for each kind of tensor, one column for each precision, with their sums."""
    precisions, total = [name for name, _ in _precisions(report)], report["tensor_bytes"]
    tensors = [tensor["kind"] for tensor in report["tensors"]]
    rows = [["bytes", *precisions, "sum", "share", "tensors"]]
    for kind, counts in report["bytes_by_kind"].items():
        numbers = [counts.get(name, 0) for name in precisions]
        rows.append(_numbers(kind, [*numbers, sum(numbers)], total, tensors.count(kind)))
    rows.append(_numbers("sum", [*report["bytes_by_precision"].values(), total], total, len(tensors)))
    if total:
        shares = [f"{100 * count / total:.1f} %" for count in report["bytes_by_precision"].values()]
        rows.append(["share", *shares, "", "", ""])
    return text_table(rows, indent=2)


def _numbers(name: str, numbers: list[int], total: int, count: int) -> list[str]:
    share = f"{100 * numbers[-1] / total:.1f} %" if total else ""
    return [name, *(f"{number:,}" if number else "" for number in numbers), share, str(count)]


def _tensor_list(report: dict[str, Any]) -> list[str]:
    rows = [["tensor", "kind", "precision", "shape", "bytes"]]
    for t in report["tensors"]:
        rows.append([_shown(t["name"]), t["kind"], t["precision"], _shape(t), f"{t['bytes']:,}"])
    return text_table(rows, left=(0, 1, 2, 3), indent=2)


def _operator_list(report: dict[str, Any]) -> list[str]:
    rows = [["#", "operator", "kernel"]]
    rows += [[str(i), _shown(o["type"]), o["kernel"]] for i, o in enumerate(report["operators"])]
    return text_table(rows, left=range(1, len(rows[0])), indent=2)


def _labels(labels: dict[str, list[str]]) -> Iterator[str]:
    for name, values in labels.items():
        yield from _field(name, f"{len(values)}: {', '.join(map(_shown, values))}" if values else "")


def _field(name: str, value: str) -> list[str]:
    """``name`` and ``value``, wrapped to several lines if necessary; nothing without a value."""
    if not value:
        return []
    return textwrap.wrap(value, 118, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13, break_on_hyphens=False)


def _precisions(report: dict[str, Any]) -> list[tuple[str, int]]:
    return list(report["bytes_by_precision"].items())


def _shape(entry: dict[str, Any]) -> str:
    """``[n, 16]``: sizes that the file leaves open are n."""
    return f"[{', '.join('n' if size < 0 else str(size) for size in entry['shape'])}]"


def _summary(value: Any) -> str:
    """A value of a key, or how long it is."""
    if isinstance(value, list):
        return f"({len(value):,} values)"
    if isinstance(value, str):
        return _shown(value) if len(value) <= 40 else f"({len(value):,} characters)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count:,} bytes"


def _shown(name: str) -> str:
    """A name as a terminal can show it."""
    return name if name.isprintable() else repr(name)
