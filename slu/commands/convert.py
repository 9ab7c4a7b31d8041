"""``slu data convert``: corpora in the formats of other tools."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from typing import TYPE_CHECKING

from slu.tables import shown

if TYPE_CHECKING:
    from slu.corpus.formats.annotated import Findings

REPORT = ("utterances", "left_out", "problems")
"""What the file of ``--json`` has."""
SHOWN = 5
"""Findings of a kind that are shown; all of them are counted, and in the file of ``--json``."""


def convert(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code. Raises `SluError`."""
    from slu.corpus.formats.annotated import ENDS, OFFSETS, Options
    from slu.corpus.formats.convert import read_foreign, write_foreign
    from slu.corpus.formats.table import FORMATS
    from slu.corpus.pieces import cut_texts
    from slu.errors import ConfigError, CorpusError, OutputError
    from slu.files import check_result, real_path, write_result
    from slu.heads.table import DEFAULT, HEADS

    tokens = args.task == "tokens"
    corpus = HEADS[args.task or DEFAULT.name].corpus if args.task in ("", "joint", "tokens") else None
    if corpus is None:
        raise ConfigError(f"--task {args.task}: must be joint or tokens")
    if tokens and (args.intent or args.intents):
        raise ConfigError("--intent: texts of task tokens have no intents; leave it out")
    if args.pieces and (not tokens or args.pieces < 1):
        raise ConfigError(f"--pieces {args.pieces}: needs --task tokens, and at least 1")
    for option, name, known in (
        ("--from", args.source, tuple(FORMATS)),
        ("--to", args.target, tuple(FORMATS)),
        ("--offsets", args.offsets, OFFSETS),
        ("--ends", args.ends, ENDS),
    ):
        if name and name not in known:
            raise ConfigError(f"{option} {name}: must be one of {', '.join(known)}")
    read = [real_path(path) for path in (*args.files, args.intents) if path]
    if real_path(args.out) in read:
        raise ConfigError(f"{args.out}: is a file that is to be converted; choose another --out")
    inside = next((path for path in real_path(args.out).parents if path in read), None)
    if inside:
        raise OutputError(f"{args.out}: is inside {inside}, which is to be converted; choose another --out")
    if args.json:
        if real_path(args.json) in (real_path(args.out), *read):
            raise ConfigError(f"--json {args.json}: is the name of another file of this command; choose another one")
        check_result(args.json, json.dumps(dict.fromkeys(REPORT)))
    if args.target:
        if args.pieces or args.ends:
            raise ConfigError("--pieces and --ends are about what is read from other formats; leave them out with --to")
        utterances = [utterance for path in args.files for utterance in corpus.read(path, None)]
        findings = write_foreign(utterances, FORMATS[args.target], args.out)
        named = f"{args.out}: {len(utterances) - findings.left_out} utterances, {FORMATS[args.target].title}"
    else:
        options = Options(args.intent, args.intents, args.offsets, args.part, tokens, args.ends)
        utterances, findings, formats = read_foreign(args.files, options, args.source)
        if findings.left_out and args.strict:
            _show(findings)
            raise CorpusError(f"{args.files[0]}: {findings.left_out} texts would be left out; nothing is written")
        cut = ""
        if args.pieces:
            whole = len(utterances)
            utterances, moved = cut_texts(utterances, args.pieces)
            cut = f", pieces of {whole} texts ({moved} cuts were moved out of a span)"
        corpus.write_new(utterances, args.out)
        slots = sum(len(utterance.slots) for utterance in utterances)
        titles = ", ".join(dict.fromkeys(form.title for form in formats))
        named = (
            f"{args.out}: {len(utterances)} utterances with {slots} {'spans' if tokens else 'slots'} from {titles}{cut}"
        )
    if args.json:  # before anything is printed: standard output may be full or closed
        problems = [
            {"where": where, "kind": kind, "message": message, "left_out": left_out}
            for where, kind, message, left_out in findings.problems
        ]
        report = dict(zip(REPORT, (len(utterances), findings.left_out, problems)))
        write_result(args.json, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    _show(findings)
    print(f"{named}; {findings.left_out} left out")
    return 0


def _show(findings: Findings) -> None:
    """The first findings of each kind, then how many there are."""
    for kind, group in groupby(sorted(findings.problems, key=lambda problem: problem[1]), key=lambda p: p[1]):
        problems = list(group)
        for where, _, message, left_out in problems[:SHOWN]:
            print(shown(f"{where}: {kind}: {message}{' (left out)' if left_out else ''}"))
        if len(problems) > SHOWN:
            print(f"... {len(problems)} {kind}")
