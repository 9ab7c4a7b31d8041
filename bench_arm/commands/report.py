"""``slu report``: results of runs, evaluations and benchmarks as one HTML page."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``report`` to the commands."""
    parser = subparsers.add_parser(
        "report",
        help="one HTML page of results: tables, plots, what made them",
        description="Reads what slu run, slu eval --json and slu bench --json left behind and writes one HTML file "
        "that needs no network. Several runs are shown side by side.",
    )
    parser.add_argument("results", metavar="DIR", type=Path, nargs="+", help="a directory of results, or a JSON file")
    parser.add_argument("--out", metavar="FILE", type=Path, default=Path("report.html"), help="default: report.html")
    parser.add_argument("--png", metavar="FILE", type=Path, help="also write the plot of accuracy against size there")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from bench_arm.pictures import check_picture
    from bench_arm.report.inputs import ResultsError, read_inputs
    from bench_arm.report.page import render
    from slu.files import write_file, write_result

    inputs = read_inputs(args.results)
    if args.png and not inputs.runs:
        raise ResultsError(
            f"--png {args.png}: draws the stages of slu run, but there is no run among the results; name the "
            "directory of one"
        )
    if args.png:
        check_picture(args.png)
    write_result(args.out, render(inputs, shlex.join(["slu", "report", *map(str, args.results)])))
    print(f"report: {args.out}")
    if args.png:
        from bench_arm.plots import PRINT, WIDE, accuracy_figure, to_png

        figure = accuracy_figure([(run.name, run.rows) for run in inputs.runs], WIDE, PRINT)
        write_file(args.png, to_png(figure, [run.name for run in inputs.runs]))
        print(f"accuracy against size: {args.png}")
    return 0
