"""The emulated device's shell: runs what `syntax` reads, with tools of its own and ARM64 programs.

Everything a command reads or writes is inside of the device's directory; there is no way to a program of this machine.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench_arm.emulated.context import Context, Write
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.program import execute
from bench_arm.emulated.syntax import Command, Part, Redirection, ShellSyntaxError, Step, Word, parse
from bench_arm.emulated.tools import TOOLS

MOST_OUTPUT = 64 << 20
DEEPEST = 16


class ExitError(Exception):
    """The command ``exit``."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


def new_context(machine: Machine, out: Write, err: Write, cancelled: Callable[[], bool]) -> Context:
    """The context in which a new shell of the device runs commands."""
    return Context(machine, out, err, run_words, run_script, cancelled)


def run_script(context: Context, text: str, stdin: bytes = b"") -> int:
    """Run a command line; returns its status."""
    try:
        steps = parse(text)
    except ShellSyntaxError as error:
        context.complain(f"sh: {error}")
        return 2
    try:
        return _run_steps(context, steps, stdin)
    except ExitError as exit_:
        return exit_.status
    except RecursionError:
        context.complain("sh: nested too deeply")
        return 2


def _run_steps(context: Context, steps: Sequence[Step], stdin: bytes) -> int:
    for step in steps:
        if (step.when == "&&" and context.status) or (step.when == "||" and not context.status):
            continue
        if context.cancelled():
            raise ExitError(130)
        context.status = _run_pipeline(context, step.pipeline, stdin)
    return context.status


def _run_pipeline(context: Context, commands: Sequence[Command], stdin: bytes) -> int:
    for command in commands[:-1]:
        buffer = bytearray()
        part = replace(context, out=_bounded(buffer), variables=dict(context.variables))
        with contextlib.suppress(ExitError):
            _run_command(part, command, stdin)
        stdin = bytes(buffer)
    return _run_command(context, commands[-1], stdin)


def _run_command(context: Context, command: Command, stdin: bytes) -> int:
    files: list[tuple[str, bytearray, bool]] = []
    outer_out, outer_err = context.out, context.err
    try:
        stdin = _redirect(context, command.redirections, stdin, files)
        status = _run_parts(context, command, stdin)
        context.out, context.err = outer_out, outer_err
        return _store(context, files) or status
    except OSError as error:
        context.complain(f"sh: {error.filename or ''}: {error.strerror or error}")
        return 1
    finally:
        context.out, context.err = outer_out, outer_err


def _store(context: Context, files: list[tuple[str, bytearray, bool]]) -> int:
    """Write what was redirected to files; the status 1 when one cannot be written."""
    status = 0
    for path, buffer, append in files:
        try:
            context.machine.write(context.cwd, path, bytes(buffer), append)
        except OSError as error:
            context.complain(f"sh: can't create {path}: {error.strerror or error}")
            status = 1
    return status


def _run_parts(context: Context, command: Command, stdin: bytes) -> int:
    """A group, or a program with its arguments, with all redirections done."""
    if command.group is None:
        return _run_words(context, command, stdin)
    if not command.subshell:
        return _run_steps(context, command.group, stdin)
    try:
        return _run_steps(replace(context, variables=dict(context.variables)), command.group, stdin)
    except ExitError as exit_:
        return exit_.status


def _redirect(
    context: Context, redirections: Sequence[Redirection], stdin: bytes, files: list[tuple[str, bytearray, bool]]
) -> bytes:
    for redirection in redirections:
        if redirection.operator == "2>&1":
            context.err = context.out
            continue
        path = "".join(expand(context, redirection.target))
        if redirection.operator == "<":
            stdin = context.machine.read(context.cwd, path)
            continue
        sink: Write
        if path == "/dev/null":
            sink = _nowhere
        else:
            buffer = bytearray()
            files.append((path, buffer, redirection.operator == ">>"))
            sink = _bounded(buffer)
        if redirection.operator == "2>":
            context.err = sink
        else:
            context.out = sink
    return stdin


def _run_words(context: Context, command: Command, stdin: bytes) -> int:
    words: list[str] = []
    assignments: dict[str, str] = {}
    for word in command.words:
        name, equals, _ = word[0].text.partition("=") if word and word[0].kind == "text" else ("", "", "")
        if not words and equals and not word[0].quoted and name.isidentifier():
            rest = (Part("text", word[0].text[len(name) + 1 :], True), *word[1:])
            assignments[name] = "".join(_value(context, part) for part in rest)
        else:
            words += expand(context, word)
    if not words:
        context.variables |= assignments
        return 0
    negated = words[0] == "!" and len(words) > 1
    inner = replace(context, variables={**context.variables, **assignments}) if assignments else context
    status = run_words(inner, words[negated:], stdin)
    return int(not status) if negated else status


def run_words(context: Context, words: list[str], stdin: bytes) -> int:
    """Run one program with its arguments: something the shell itself does, a tool of the device, or a file."""
    name, rest = words[0], words[1:]
    if name == "cd":
        context.cwd = context.machine.directory(context.cwd, rest[0] if rest else "/")
        return 0
    if name == "exit":
        raise ExitError(int(rest[0]) & 255 if rest and rest[0].isdigit() else context.status)
    if name == "exec":
        return run_words(context, rest, stdin) if rest else 0
    if name == "export":
        context.variables |= {k: v for k, _, v in (word.partition("=") for word in rest)}
        return 0
    base = name.rpartition("/")[2]
    if base in TOOLS and ("/" not in name or name.startswith("/system/")):
        try:
            return TOOLS[base](context, rest, stdin)
        except (ValueError, OverflowError, re.error) as error:
            context.complain(f"{base}: {error}")
            return 2
    if "/" in name:
        return execute(context, words, stdin)
    context.complain(f"sh: {name}: inaccessible or not found")
    return 127


def expand(context: Context, word: Word) -> list[str]:
    """A word with its variables and patterns; several words, or none, when it is not quoted."""
    pieces = [(_value(context, part), part) for part in word]
    text = "".join(value for value, _ in pieces)
    if any(part.quoted for part in word):
        return [text]
    words = text.split() if any(part.kind != "text" for part in word) else [text]
    found: list[str] = []
    for each in words:
        matches = _glob(context, each) if set("*?[") & set(each) else []
        found += matches or [each]
    return found


def _value(context: Context, part: Part) -> str:
    if part.kind == "variable":
        special = {"?": str(context.status), "$": "4242"}
        return special.get(part.text) or context.variables.get(part.text, "")
    if part.kind == "command":
        if context.depth > DEEPEST:
            raise RecursionError
        buffer = bytearray()
        inner = replace(context, out=_bounded(buffer), variables=dict(context.variables), depth=context.depth + 1)
        context.status = run_script(inner, part.text)
        return bytes(buffer).decode("utf-8", "replace").rstrip("\n")
    return part.text


def _glob(context: Context, pattern: str) -> list[str]:
    """Paths of the device that fit, sorted."""
    found = ["/"] if pattern.startswith("/") else [""]
    for part in filter(None, pattern.split("/")):
        deeper: list[str] = []
        for base in found:
            if set("*?[") & set(part):
                names = context.machine.names(context.cwd, base or ".")
                deeper += [base + name + "/" for name in names if fnmatch.fnmatchcase(name, part)]
            elif context.machine.exists(context.cwd, base + part):
                deeper.append(base + part + "/")
        found = deeper
    return sorted(path.rstrip("/") for path in found)


def _bounded(buffer: bytearray) -> Write:
    def write(data: bytes) -> None:
        if len(buffer) + len(data) > MOST_OUTPUT:
            raise OSError(28, "too much output")
        buffer.extend(data)

    return write


def _nowhere(data: bytes) -> None:
    """/dev/null."""
