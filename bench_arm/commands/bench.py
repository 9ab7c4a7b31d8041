"""``slu bench``: time, memory and accuracy of exported models."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the commands."""
    bench = subparsers.add_parser("bench", help="measure time, memory and accuracy of a bundle")
    places = bench.add_subparsers(dest="place", required=True, metavar="WHERE")
    host = places.add_parser(
        "host",
        help="on this machine, against the engines that could run the model instead",
        description="Compare the native engine with every other one that can run the bundle here, on the same "
        "utterances, one utterance at a time, block by block in turn. Each engine runs in a process of its own.",
    )
    host.add_argument("bundle", metavar="BUNDLE", type=Path)
    host.add_argument("--data", metavar="FILE", type=Path, required=True, help="a tagged corpus")
    host.add_argument(
        "--also", metavar="BUNDLE", type=Path, action="append", default=[], help="another bundle to compare"
    )
    host.add_argument("--backend", metavar="LIST", default="", help="engines, separated by commas (all that run here)")
    host.add_argument("--threads", metavar="N", type=int, default=1, help="threads of the other engines (%(default)s)")
    host.add_argument("--repeat", metavar="N", type=int, default=10, help="rounds over the utterances (%(default)s)")
    host.add_argument("--limit", metavar="N", type=int, help="utterances to time (all)")
    host.add_argument("--cold", action="store_true", help="empty the caches before every call, as after a pause")
    host.add_argument("--json", metavar="F", type=Path, help="write the measurements there")
    host.add_argument("--plot", metavar="F", type=Path, help="draw them there, as PNG or SVG by the extension")
    host.add_argument(
        "--curve", metavar="F", type=Path, help="draw the accuracy of all bundles against size and time there"
    )
    host.set_defaults(func=run_host)

    from bench_arm.commands import device

    device.register(places)


def run_host(args: argparse.Namespace) -> int:
    """Measure and print the table. Raises `SluError`."""
    from bench_arm.host.bench import FIELDS, bench_host, table
    from bench_arm.pictures import check_picture
    from slu.commands.arguments import require_output
    from slu.errors import ConfigError
    from slu.files import check_result, write_file, write_result

    require_output("slu bench host", args.json, args.plot, args.curve)
    for option, file in (("--plot", args.plot), ("--curve", args.curve)):
        if file and file.suffix not in (".png", ".svg"):
            raise ConfigError(f"{option} {file}: the extension must be .png or .svg")
        if file:
            check_picture(file)
    if args.json:
        check_result(args.json, json.dumps(dict.fromkeys(FIELDS)))
    names = [name.strip() for name in args.backend.split(",") if name.strip()]
    result = bench_host([args.bundle, *args.also], args.data, names, args.threads, args.repeat, args.limit, args.cold)
    if args.json:  # before anything is printed: standard output may be full or closed
        write_result(args.json, json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    if args.plot:
        from bench_arm.host.plot import draw

        write_file(args.plot, draw(result, args.plot.suffix[1:]))
    if args.curve:
        from bench_arm.host.accuracy_plot import draw as draw_accuracy

        write_file(args.curve, draw_accuracy(result, args.curve.suffix[1:]))
    print("\n" + "\n".join(table(result)))
    return 0
