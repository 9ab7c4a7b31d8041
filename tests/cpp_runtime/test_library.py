"""The shared libraries as files: what they export and need, for this machine and for Android."""

from __future__ import annotations

import platform
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_build import ROOT


@dataclass
class Library:
    """What an ELF file of 64 bits says about itself."""

    alignments: list[int]
    needed: list[str]
    soname: str
    defined: set[str]
    undefined: set[str]
    sections: set[str]


def read_elf(path: Path) -> Library:
    data = path.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01"
    program, section = struct.unpack_from("<QQ", data, 32)
    program_size, programs, section_size, sections, names = struct.unpack_from("<5H", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, program + i * program_size) for i in range(programs)]
    tables = [struct.unpack_from("<IIQQQQIIQQ", data, section + i * section_size) for i in range(sections)]

    def text(table: int, at: int) -> str:
        start = tables[table][4] + at
        return data[start : data.index(b"\0", start)].decode()

    result = Library([h[7] for h in headers if h[0] == 1], [], "", set(), set(), set())
    for kind, offset, size, link in ((t[1], t[4], t[5], t[6]) for t in tables):
        if kind == 6:  # dynamic
            for tag, value in struct.iter_unpack("<QQ", data[offset : offset + size]):
                if tag == 1:
                    result.needed.append(text(link, value))
                if tag == 14:
                    result.soname = text(link, value)
        if kind == 11:  # dynamic symbols
            for name, _, _, where, _, _ in list(struct.iter_unpack("<IBBHQQ", data[offset : offset + size]))[1:]:
                (result.defined if where else result.undefined).add(text(link, name))
    result.sections = {text(names, t[0]) for t in tables}
    return result


def check(path: Path, page: int) -> None:
    library = read_elf(path)
    header = (ROOT / "cpp_runtime/include/slu/slu.h").read_text()
    assert library.defined == set(re.findall(r"^SLU_API .*?(slu_\w+)\(", header, re.MULTILINE))
    assert library.undefined == set()
    assert library.needed == []
    assert library.soname == "libslu.so"
    assert all(alignment >= page for alignment in library.alignments)
    assert ".symtab" not in library.sections, "stripped"


def test_host_library(host_build: Path) -> None:
    check(host_build / "libslu.so", 4096 if platform.machine() in ("x86_64", "AMD64") else 16384)
    assert (host_build / "libslu.so").stat().st_size <= 163_840


def test_android_library(arm_build: Path) -> None:
    check(arm_build / "libslu.so", 16384)
    assert (arm_build / "libslu.so").stat().st_size <= 150_000


def test_the_reader_of_this_test_sees_what_is_needed(host_build: Path) -> None:
    hooks = read_elf(host_build / "tests/libslu_hooks.so")
    assert any(name.startswith("libc.so") for name in hooks.needed)
    assert hooks.undefined


@pytest.mark.parametrize("name", ["slu.h"])
def test_the_api_is_small(name: str) -> None:
    header = (ROOT / "cpp_runtime/include/slu" / name).read_text()
    assert len(re.findall(r"^SLU_API ", header, re.MULTILINE)) <= 24
