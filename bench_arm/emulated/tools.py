"""The programs of the emulated phone: those of toybox that a benchmark calls, getprop, dumpsys and taskset."""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace

from bench_arm.emulated.android import ANDROID
from bench_arm.emulated.context import Context
from bench_arm.emulated.program import execute

Tool = Callable[[Context, list[str], bytes], int]


def _options(words: list[str]) -> tuple[str, list[str]]:
    letters = "".join(word[1:] for word in words if word.startswith("-") and len(word) > 1)
    return letters, [word for word in words if not word.startswith("-") or word == "-"]


def _each(context: Context, name: str, paths: list[str], act: Callable[[str], None]) -> int:
    """Do something with every path; complain of those that fail, as toybox does."""
    status = 0
    for path in paths:
        try:
            act(path)
        except OSError as error:
            context.complain(f"{name}: {path}: {error.strerror or error}")
            status = 1
    return status


def _getprop(context: Context, words: list[str], stdin: bytes) -> int:
    properties = context.machine.properties()
    if words:
        context.say(properties.get(words[0], words[1] if len(words) > 1 else "") + "\n")
    else:
        context.say("".join(f"[{name}]: [{value}]\n" for name, value in sorted(properties.items())))
    return 0


def _dumpsys(context: Context, words: list[str], stdin: bytes) -> int:
    name = words[0] if words else ""
    text = context.machine.profile.dumpsys().get(name)
    context.say(text or f"Can't find service: {name}\n")
    return 0


def _cat(context: Context, words: list[str], stdin: bytes) -> int:
    if not words:
        context.out(stdin)
    return _each(context, "cat", words, lambda path: context.out(context.machine.read(context.cwd, path)))


def _echo(context: Context, words: list[str], stdin: bytes) -> int:
    bare = bool(words) and words[0] == "-n"
    context.say(" ".join(words[bare:]) + ("" if bare else "\n"))
    return 0


def _ls(context: Context, words: list[str], stdin: bytes) -> int:
    options, paths = _options(words)

    def show(path: str) -> None:
        found = context.machine.path(context.cwd, path)
        if not found.exists():
            raise FileNotFoundError(2, "No such file or directory")
        names = [path] if found.is_file() or "d" in options else context.machine.names(context.cwd, path)
        for name in names:
            if "l" in options:
                status = (found if name == path else found / name).lstat()
                context.say(f"{status.st_mode:o} {status.st_size:10d} {name}\n")
            else:
                context.say(name + "\n")

    return _each(context, "ls", paths or ["."], show)


def _sha256sum(context: Context, words: list[str], stdin: bytes) -> int:
    def show(path: str) -> None:
        context.say(f"{hashlib.sha256(context.machine.read(context.cwd, path)).hexdigest()}  {path}\n")

    return _each(context, "sha256sum", words, show)


def _rm(context: Context, words: list[str], stdin: bytes) -> int:
    options, paths = _options(words)

    def failed(function: object, path: str, information: tuple[object, BaseException, object]) -> None:
        # Half a file that another connection was sending goes with that connection.
        if "f" not in options or not isinstance(information[1], FileNotFoundError):
            raise information[1]

    def remove(path: str) -> None:
        found = context.machine.path(context.cwd, path)
        if found == context.machine.root:
            raise PermissionError(1, "Operation not permitted")
        if found.is_dir() and "r" in options:
            shutil.rmtree(found, onerror=failed)
        elif found.exists() or "f" not in options:
            found.unlink()

    return _each(context, "rm", paths, remove)


def _mkdir(context: Context, words: list[str], stdin: bytes) -> int:
    options, paths = _options(words)
    parents = "p" in options
    return _each(
        context, "mkdir", paths, lambda path: context.machine.path(context.cwd, path).mkdir(0o755, parents, parents)
    )


def _chmod(context: Context, words: list[str], stdin: bytes) -> int:
    if not words or not re.fullmatch("[0-7]{3,4}", words[0]):
        context.complain("chmod: give the mode as digits")
        return 1
    mode = int(words[0], 8) & 0o777
    return _each(context, "chmod", words[1:], lambda path: context.machine.path(context.cwd, path).chmod(mode))


def _taskset(context: Context, words: list[str], stdin: bytes) -> int:
    """Run a program on some cores; the fastest of them decides what is emulated."""
    try:
        mask = int(words[0], 16)
    except (IndexError, ValueError):
        context.complain("taskset: give a mask and a program")
        return 1
    cores = context.machine.profile.cores
    chosen = [number for number in range(len(cores)) if mask >> number & 1]
    if not chosen or len(words) < 2:
        context.complain("taskset: failed to set affinity: Invalid argument")
        return 1
    core = max(chosen, key=lambda number: cores[number].max_khz)
    return context.run_words(replace(context, core=core), words[1:], stdin)


def _count(context: Context, words: list[str], stdin: bytes) -> int:
    """Run an ARM64 program; the instructions that it executed go to standard error."""
    if words and words[0] == "taskset":
        context.complain("count_instructions: put taskset before it")
        return 1
    return execute(context, words, stdin, counted=True)


def _sleep(context: Context, words: list[str], stdin: bytes) -> int:
    end = time.monotonic() + float(words[0] if words else 0)
    while time.monotonic() < end and not context.cancelled():
        time.sleep(0.02)
    return 0


def _date(context: Context, words: list[str], stdin: bytes) -> int:
    form = words[0].lstrip("+") if words else "%Y-%m-%d %H:%M:%S"
    now = time.time_ns()
    form = form.replace("%s", str(now // 10**9)).replace("%N", f"{now % 10**9:09d}")
    context.say(time.strftime(form) + "\n")
    return 0


def _uname(context: Context, words: list[str], stdin: bytes) -> int:
    options, _ = _options(words)
    parts = {"s": "Linux", "n": "localhost", "r": "4.14.116", "v": "#1 SMP PREEMPT", "m": "aarch64"}
    names = parts if "a" in options else (options or "s")
    context.say(" ".join(parts[name] for name in names if name in parts) + "\n")
    return 0


def _grep(context: Context, words: list[str], stdin: bytes) -> int:
    """Of patterns as Python has them, with -H, -h, -s, -q, -v and -i."""
    options, rest = _options(words)
    pattern = re.compile(rest[0] if rest else "", re.IGNORECASE if "i" in options else 0)
    paths = rest[1:]
    found = False

    def search(path: str) -> None:
        nonlocal found
        data = context.machine.read(context.cwd, path) if path else stdin
        prefix = f"{path}:" if path and "h" not in options and ("H" in options or len(paths) > 1) else ""
        for line in data.decode("utf-8", "replace").splitlines():
            if bool(pattern.search(line)) != ("v" in options):
                found = True
                if "q" not in options:
                    context.say(f"{prefix}{line}\n")

    quiet = replace(context, err=lambda data: None) if "s" in options else context
    failed = _each(quiet, "grep", paths or [""], search)
    return 0 if found else 2 if failed else 1


def _head(context: Context, words: list[str], stdin: bytes) -> int:
    """``head``: the first N lines (-n N, 10 without) or bytes (-c N) of each file, or of the input."""
    amount, lines, rest = 10, True, list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        lines = not option.startswith("-c")
        digits = option[2:] or (rest.pop(0) if rest else "")
        amount = int(digits) if digits.isdigit() else amount

    def show(data: bytes) -> None:
        context.out(b"".join(data.splitlines(keepends=True)[:amount]) if lines else data[:amount])

    if not rest:
        show(stdin)
    return _each(context, "head", rest, lambda path: show(context.machine.read(context.cwd, path)))


def _wc(context: Context, words: list[str], stdin: bytes) -> int:
    options, paths = _options(words)
    data = b"".join(context.machine.read(context.cwd, path) for path in paths) if paths else stdin
    count = {"l": data.count(b"\n"), "c": len(data)}.get(options[:1], len(data.split()))
    context.say(f"{count}\n")
    return 0


def _test(context: Context, words: list[str], stdin: bytes) -> int:
    words = [word for word in words if word != "]"]
    if len(words) == 2 and words[0] in ("-f", "-d", "-e", "-x", "-r"):
        try:
            path = context.machine.path(context.cwd, words[1])
        except OSError:
            return 1
        return int(not {"-f": path.is_file, "-d": path.is_dir}.get(words[0], path.exists)())
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return int(bool(words[1]) == (words[0] == "-z"))
    if len(words) == 3 and words[1] in ("=", "!="):
        return int((words[0] == words[2]) == (words[1] == "!="))
    return int(not (len(words) == 1 and words[0]))


def _df(context: Context, words: list[str], stdin: bytes) -> int:
    used = sum(path.stat().st_size for path in context.machine.root.rglob("*") if path.is_file())
    blocks, free = context.machine.space >> 10, max(context.machine.space - used, 0) >> 10
    context.say("Filesystem     1K-blocks    Used Available Use% Mounted on\n")
    context.say(f"/dev/block/dm-3 {blocks} {blocks - free} {free} {100 - 100 * free // max(blocks, 1)}% /data\n")
    return 0


def _cp(context: Context, words: list[str], stdin: bytes) -> int:
    _, paths = _options(words)
    if len(paths) != 2:
        context.complain("cp: give a file and where to")
        return 1
    target = context.machine.path(context.cwd, paths[1])
    if target.is_dir():
        target = target / posixpath.basename(paths[0])
    return _each(
        context, "cp", paths[:1], lambda path: void(shutil.copy(context.machine.path(context.cwd, path), target))
    )


def void(_: object) -> None:
    """Drop the result of a call where a function without one is wanted."""


def _id(context: Context, words: list[str], stdin: bytes) -> int:
    context.say("uid=2000(shell) gid=2000(shell) groups=2000(shell)\n")
    return 0


def _pwd(context: Context, words: list[str], stdin: bytes) -> int:
    context.say(context.cwd + "\n")
    return 0


def _succeed(context: Context, words: list[str], stdin: bytes) -> int:
    return 0


def _fail(context: Context, words: list[str], stdin: bytes) -> int:
    return 1


TOOLS: dict[str, Tool] = {
    "[": _test,
    "cat": _cat,
    "chmod": _chmod,
    "count_instructions": _count,
    "cp": _cp,
    "date": _date,
    "df": _df,
    "dumpsys": _dumpsys,
    "echo": _echo,
    "false": _fail,
    "getprop": _getprop,
    "grep": _grep,
    "head": _head,
    "id": _id,
    "ls": _ls,
    "mkdir": _mkdir,
    "pwd": _pwd,
    "rm": _rm,
    "sha256sum": _sha256sum,
    "sleep": _sleep,
    "sync": _succeed,
    "taskset": _taskset,
    "test": _test,
    "true": _succeed,
    "uname": _uname,
    "wc": _wc,
    **ANDROID,
}
