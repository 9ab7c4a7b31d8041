"""``slu data augment``: copies of a corpus with words replaced, inserted, swapped or deleted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slu.corpus.classified import LabelNames
    from slu.heads.head import Head


def add_augment(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add ``augment`` to the actions of ``slu data``."""
    augment = actions.add_parser(
        "augment",
        help="add copies with words replaced, inserted, swapped or deleted",
        description="Write a corpus and edited copies of it. Labels and slots are carried on; words of slots stay as "
        "they are.",
    )
    augment.add_argument("file", metavar="FILE", type=Path)
    augment.add_argument("--out", metavar="FILE", type=Path, required=True)
    augment.add_argument(
        "--edits",
        metavar="NAMES",
        default="replace,insert,swap,delete",
        help="what is done to words, some of %(default)s (default: all)",
    )
    augment.add_argument(
        "--share", metavar="X", type=float, default=0.1, help="of the words of a text to edit (default: 0.1)"
    )
    augment.add_argument("--count", metavar="N", type=int, default=1, help="copies of each text (default: 1)")
    augment.add_argument("--seed", type=int, default=0)
    augment.add_argument(
        "--labels", metavar="FILE", type=Path, help="what labels in FILE are called (CLUE's labels.json)"
    )
    return augment


def augment(args: argparse.Namespace, head: Head, names: LabelNames | None) -> int:
    """Do what the arguments say; return the exit code. Raises `SluError`."""
    from slu.corpus.word_edits import EditSettings, edited_copies
    from slu.errors import ConfigError
    from slu.files import real_path

    if head.windows:
        raise ConfigError(
            f"--task {head.name}: words of a passage are not edited, as its answers would not fit it any more"
        )
    if real_path(args.out) in [real_path(path) for path in (args.file, args.labels) if path]:
        raise ConfigError(f"--out {args.out}: is read by this command; choose another name")
    settings = EditSettings(tuple(name.strip() for name in args.edits.split(",")), args.share, args.count)
    utterances = head.corpus.read(args.file, names)
    found = edited_copies(utterances, settings, args.seed)
    head.corpus.write_new(found, args.out)
    print(f"{args.out}: {len(utterances)} utterances and {len(found) - len(utterances)} edited copies")
    return 0
