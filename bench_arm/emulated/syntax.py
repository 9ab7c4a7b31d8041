"""The part of the shell's grammar that the emulated device has: lists, pipelines, groups, redirections, quotes."""

from __future__ import annotations

from dataclasses import dataclass, field

OPERATORS = ("&&", "||", ">>", "2>&1", "2>", ";", "|", ">", "<", "(", ")", "\n", "&")
DEEPEST = 32
"""Groups and substitutions inside each other."""


class ShellSyntaxError(Exception):
    """A command that the emulated shell cannot read."""


@dataclass(frozen=True)
class Part:
    """A piece of a word. ``kind``: "text", "variable" or "command". ``quoted``: is not split or globbed."""

    kind: str
    text: str
    quoted: bool


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Redirection:
    """``operator``: one of >, >>, <, 2> and 2>&1."""

    operator: str
    target: Word = ()


@dataclass(frozen=True)
class Command:
    """Words, or a group of commands in place of them."""

    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()
    group: tuple[Step, ...] | None = None
    subshell: bool = False


@dataclass(frozen=True)
class Step:
    """A pipeline and when it runs: always (";"), after success ("&&") or after failure ("||")."""

    when: str
    pipeline: tuple[Command, ...]


@dataclass
class _Tokens:
    """Operators are strings, words are tuples."""

    items: list[str | Word] = field(default_factory=list)
    position: int = 0

    def peek(self) -> str | Word | None:
        return self.items[self.position] if self.position < len(self.items) else None

    def take(self) -> str | Word:
        item = self.peek()
        if item is None:
            raise ShellSyntaxError("syntax error: unexpected end")
        self.position += 1
        return item


def parse(text: str) -> tuple[Step, ...]:
    """Read a command line."""
    tokens = _Tokens(_tokenize(text))
    steps = _list(tokens, "", 0)
    if tokens.peek() is not None:
        raise ShellSyntaxError(f"syntax error: unexpected {tokens.peek()!r}")
    return steps


def _list(tokens: _Tokens, end: str, depth: int) -> tuple[Step, ...]:
    if depth > DEEPEST:
        raise ShellSyntaxError("syntax error: nested too deeply")
    steps: list[Step] = []
    when = ";"
    while True:
        item = tokens.peek()
        if item in (";", "\n"):
            tokens.take()
            continue
        if item is None or item == end or (end == "}" and _is_word(item, "}")):
            return tuple(steps)
        pipeline = [_command(tokens, depth)]
        while tokens.peek() == "|":
            tokens.take()
            pipeline.append(_command(tokens, depth))
        steps.append(Step(when, tuple(pipeline)))
        item = tokens.peek()
        when = ";"
        if item in ("&&", "||"):
            when = str(tokens.take())
        elif item == "&":
            raise ShellSyntaxError("syntax error: this device has no background jobs")


def _command(tokens: _Tokens, depth: int) -> Command:
    item = tokens.peek()
    if item == "(" or _is_word(item, "{"):
        tokens.take()
        end = ")" if item == "(" else "}"
        group = _list(tokens, end, depth + 1)
        tokens.take()
        return Command(redirections=_redirections(tokens), group=group, subshell=end == ")")
    words: list[Word] = []
    redirections: list[Redirection] = []
    while True:
        found = _redirections(tokens)
        redirections += found
        item = tokens.peek()
        if isinstance(item, tuple):
            words.append(item)
            tokens.take()
        elif not found:
            break
    if not words and not redirections:
        raise ShellSyntaxError(f"syntax error: unexpected {tokens.peek()!r}")
    return Command(tuple(words), tuple(redirections))


def _redirections(tokens: _Tokens) -> tuple[Redirection, ...]:
    found: list[Redirection] = []
    while tokens.peek() in (">", ">>", "<", "2>", "2>&1"):
        operator = str(tokens.take())
        if operator == "2>&1":
            found.append(Redirection(operator))
            continue
        target = tokens.take()
        if not isinstance(target, tuple):
            raise ShellSyntaxError(f"syntax error: no file after {operator}")
        found.append(Redirection(operator, target))
    return tuple(found)


def _is_word(item: str | Word | None, text: str) -> bool:
    return isinstance(item, tuple) and item == (Part("text", text, False),)


def _tokenize(text: str) -> list[str | Word]:
    tokens: list[str | Word] = []
    i = 0
    while i < len(text):
        if text[i] in " \t\r":
            i += 1
        elif text[i] == "#":
            while i < len(text) and text[i] != "\n":
                i += 1
        elif operator := next((o for o in OPERATORS if text.startswith(o, i)), ""):
            tokens.append(operator)
            i += len(operator)
        else:
            word, i = _word(text, i)
            tokens.append(word)
    return tokens


def _word(text: str, i: int) -> tuple[Word, int]:
    parts: list[Part] = []

    def add(piece: str, quoted: bool) -> None:
        if parts and parts[-1].kind == "text" and parts[-1].quoted == quoted:
            piece = parts.pop().text + piece
        parts.append(Part("text", piece, quoted))

    while i < len(text) and text[i] not in " \t\r\n;|&<>()":
        char = text[i]
        if char == "'":
            end = text.find("'", i + 1)
            if end < 0:
                raise ShellSyntaxError("syntax error: a quote is not closed")
            add(text[i + 1 : end], True)
            i = end + 1
        elif char == '"':
            i += 1
            add("", True)
            while i < len(text) and text[i] != '"':
                if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in '"\\$`':
                    add(text[i + 1], True)
                    i += 2
                elif text[i] == "$":
                    part, i = _dollar(text, i, True)
                    parts.append(part)
                else:
                    add(text[i], True)
                    i += 1
            if i >= len(text):
                raise ShellSyntaxError("syntax error: a quote is not closed")
            i += 1
        elif char == "\\" and i + 1 < len(text):
            add(text[i + 1], True)
            i += 2
        elif char == "$":
            part, i = _dollar(text, i, False)
            parts.append(part)
        else:
            add(char, False)
            i += 1
    return tuple(parts), i


def _dollar(text: str, i: int, quoted: bool) -> tuple[Part, int]:
    """A variable, $(command), or a dollar that is only itself."""
    if text.startswith("$(", i):
        depth, end, quote = 1, i + 2, ""
        while end < len(text) and depth:
            char = text[end]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            depth += (char == "(") - (char == ")") if not quote else 0
            end += 1
        if depth:
            raise ShellSyntaxError("syntax error: $( is not closed")
        return Part("command", text[i + 2 : end - 1], quoted), end
    if text.startswith("${", i):
        end = text.find("}", i)
        if end < 0 or not text[i + 2 : end].isidentifier():
            raise ShellSyntaxError("syntax error: this device has only ${NAME}")
        return Part("variable", text[i + 2 : end], quoted), end + 1
    if text[i + 1 : i + 2] in ("?", "$"):
        return Part("variable", text[i + 1], quoted), i + 2
    end = i + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_") and text[end].isascii():
        end += 1
    return (Part("text", "$", quoted), end) if end == i + 1 else (Part("variable", text[i + 1 : end], quoted), end)
