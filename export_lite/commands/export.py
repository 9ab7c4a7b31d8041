"""``slu export``: a checkpoint to a bundle."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slu.runtime.formats import FORMATS

if TYPE_CHECKING:
    from slu.corpus.utterance import Utterance


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``export`` to the commands."""
    parser = subparsers.add_parser(
        "export",
        help="turn a checkpoint into the files that devices run",
        description="Write a bundle: the model in the requested formats, each of them run by every backend of this "
        "machine that can, and compared with the checkpoint. If one disagrees, the export fails and leaves "
        "nothing behind.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", metavar="BUNDLE", type=Path)
    task.add_argument(
        "--check",
        metavar="BUNDLE",
        type=Path,
        nargs="*",
        help="write nothing, but compare bundles of CHECKPOINT with it; without BUNDLE, compare all possible formats",
    )
    parser.add_argument(
        "--format",
        metavar="LIST",
        help=f"of {', '.join(FORMATS)}, separated by commas (all that make sense for CHECKPOINT and can be written "
        "with what is installed)",
    )
    parser.add_argument(
        "--length", metavar="N", type=int, help="tokens that the graphs take (default: the maximum of the model)"
    )
    parser.add_argument("--data", metavar="FILE", type=Path, help="a tagged corpus, whose texts are also compared")
    parser.add_argument("--json", metavar="F", type=Path, help="write the comparison there")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from export_lite.export import export_bundle
    from export_lite.parity import matrix_table
    from slu.errors import BundleError, ConfigError
    from slu.files import check_result, write_result

    if args.check and (args.format or args.length):
        raise ConfigError("--format and --length need --out, or --check without a bundle; leave them out")
    formats = [name.strip() for name in args.format.split(",")] if args.format is not None else None
    if args.json:
        check_result(args.json, json.dumps({"parity": {}, "data": ""}))
    data = _utterances(args.checkpoint, args.data)
    matrices: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    if args.out:
        matrices[str(args.out)] = export_bundle(args.checkpoint, args.out, formats, args.length, data).metrics["parity"]
    else:
        matrices, problems = _check(args, formats, data)
    if args.json:  # before anything is printed: standard output may be full or closed
        written = {"parity": matrices, "data": str(args.data or "")}
        write_result(args.json, json.dumps(written, ensure_ascii=False, indent=1) + "\n")
    for name, matrix in matrices.items():
        print("\n".join(["", f"{name}, compared on {matrix['texts']} texts:", "", *matrix_table(matrix)]))
    if problems:
        raise BundleError(problems[0])
    return 0


def _utterances(checkpoint: Path, data: Path | None) -> list[Utterance]:
    if data is None:
        return []
    from slu.evaluation.evaluate import check_labels
    from slu.runtime.bundle import open_directory

    model = open_directory(checkpoint)
    utterances = model.config.task.corpus.read(data, None)
    check_labels(utterances, model.labels, data)
    return utterances


def _check(
    args: argparse.Namespace, formats: list[str] | None, data: list[Utterance]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Compare the bundles of ``--check``, or without any a temporary one."""
    import tempfile

    from export_lite.export import check_bundle, export_bundle

    if not args.check:
        with tempfile.TemporaryDirectory() as temporary:
            manifest = export_bundle(args.checkpoint, Path(temporary) / "bundle", formats, args.length, data)
        return {str(args.checkpoint): manifest.metrics["parity"]}, []
    matrices, problems = {}, []
    for bundle in args.check:
        matrices[str(bundle)], found = check_bundle(args.checkpoint, bundle, data)
        problems += [f"{bundle}: {problem}" for problem in found]
    return matrices, problems
