"""``slu export``: a checkpoint to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``export`` to the commands."""
    parser = subparsers.add_parser(
        "export",
        help="turn a checkpoint into what devices run",
        description="Write a bundle: the model in the formats asked for, each of them run and compared with the "
        "checkpoint as far as this machine can. An export that disagrees fails and leaves nothing behind.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path)
    parser.add_argument("--out", metavar="BUNDLE", type=Path, required=True)
    parser.add_argument(
        "--format",
        metavar="LIST",
        default="paddle,lite-x86,lite-arm",
        help="of gguf, paddle, lite-x86 and lite-arm, separated by commas (%(default)s)",
    )
    parser.add_argument(
        "--length", metavar="N", type=int, help="tokens that the graphs take (as many as a text may have)"
    )
    parser.add_argument("--data", metavar="FILE", type=Path, help="a tagged corpus whose texts are compared as well")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from export_lite.bundle import export_bundle
    from slu.corpus import read_corpus

    texts = [utterance.text for utterance in read_corpus(args.data)] if args.data else []
    formats = [name.strip() for name in args.format.split(",")]
    export_bundle(args.checkpoint, args.out, formats, args.length, texts)
    print(f"{args.out}: {', '.join(formats)}")
    return 0
