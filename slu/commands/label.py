"""``slu label``: a teacher's logits for every line of a file."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``label`` to the commands."""
    parser = subparsers.add_parser(
        "label",
        help="write a teacher's soft labels of texts",
        description="Write the logits of MODEL for every line of FILE to shards in a directory. A run that was "
        "interrupted goes on where it was.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a checkpoint or a bundle")
    parser.add_argument("file", metavar="FILE", type=Path, help="texts, one a line, UTF-8")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the directory to write")
    parser.add_argument(
        "--backend", metavar="B", help="what computes the network (default: the fastest that MODEL has files for)"
    )
    parser.add_argument("--workers", metavar="N", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="the Ray cluster that computes instead, as in HOST:6379, or auto for the one of this machine",
    )
    parser.add_argument(
        "--shard", metavar="LINES", type=int, default=20_000, help="lines of a shard (default: %(default)s)"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from slu.runtime.labelling import label

    cluster = None
    if args.ray is not None:
        from slu.runtime.ray_labelling import RayCluster

        cluster = RayCluster(args.ray)
    done = label(args.model, args.file, args.out, args.backend, args.workers, args.shard, cluster)
    print(f"label: {done['shards']} shards in {args.out}")
    return 0
