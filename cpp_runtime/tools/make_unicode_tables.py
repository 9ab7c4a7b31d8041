"""Write ``src/unicode_tables.inc``: what the Python tokenizer does with every Unicode code point, as C++ tables.

Everything is taken from `slu.inputs.normalisation`, so there is one definition of it. Unicode 13, which is what Python
3.10 has; another Python would give other tables, so it is refused.

    python cpp_runtime/tools/make_unicode_tables.py           writes the file
    python cpp_runtime/tools/make_unicode_tables.py --check   exits 1 when the file is not what would be written
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

from slu.inputs.normalisation import normalise_character, simplified

OUTPUT = Path(__file__).parent.parent / "src" / "unicode_tables.inc"
BLOCK = 64
HANGUL = range(0xAC00, 0xD7A4)
"""Syllables are decomposed by arithmetic (Unicode 3.12), not by table."""
MAPPED = 8
"""Added to the class of a code point that is replaced by another text."""
LONGEST = 24
"""Bytes that src/unicode.h has room for."""
PAGE = 64
"""Code points among which a traditional character is searched."""
WIDTH = 110


def table() -> str:
    """The whole file."""
    if unicodedata.unidata_version != "13.0.0":
        raise SystemExit(f"Unicode {unicodedata.unidata_version}; run this with Python 3.10, which has 13.0.0")
    classes = bytearray(0x110000)
    replaced: dict[int, str] = {}
    for code in range(0x110000):
        kind, text = normalise_character(chr(code))
        classes[code] = kind
        if text and text != chr(code) and code not in HANGUL:
            classes[code] |= MAPPED
            replaced[code] = text
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(_packed(classes[i : i + BLOCK]), len(blocks)) for i in range(0, len(classes), BLOCK)]
    last = max(i for i, b in enumerate(index) if b != index[-1])
    pool, offsets = _pool(list(replaced.values()))
    parts = [
        "// Made by tools/make_unicode_tables.py from slu/inputs/normalisation.py (Unicode 13.0). Do not edit.",
        f"// Class of code point c: nibble c % {BLOCK} of block kBlockOf[c / {BLOCK}]; past the table, kLastBlock.",
        f"constexpr uint32_t kBlockSize = {BLOCK};",
        f"constexpr uint32_t kBlockCount = {last + 1};",
        f"constexpr uint16_t kLastBlock = {index[-1]};",
        _array("uint16_t", "kBlockOf", index[: last + 1]),
        _array("uint8_t", "kClasses", [byte for block in blocks for byte in block]),
        "// Replaced code points, ascending, and where their UTF-8 begins and ends in kTexts.",
        "// Those of plane p (65536 code points) are kPlane[p] to kPlane[p + 1] - 1; the low 16 bits are kept.",
        _array("uint16_t", "kPlane", [sum(code >> 16 < plane for code in replaced) for plane in range(18)]),
        _array("uint16_t", "kReplaced", [code & 0xFFFF for code in replaced]),
        _array("uint16_t", "kTextBegin", [begin for begin, _ in offsets]),
        _array("uint8_t", "kTextLength", [length for _, length in offsets]),
        _array("uint8_t", "kTexts", list(pool)),
        *_simplified(),
    ]
    return "\n".join(parts) + "\n"


def _simplified() -> list[str]:
    """Traditional characters, ascending, and their simplified ones; where those of each page begin."""
    pairs = sorted((ord(char), ord(other)) for char, other in simplified().items())
    first = pairs[0][0] // PAGE * PAGE
    pages = [sum(code < begin for code, _ in pairs) for begin in range(first, 0xFF01 + PAGE, PAGE)]
    assert first > 0x2212 and pairs[-1][0] < 0xFF01
    return [
        "// Traditional characters, ascending, with their simplified ones; those of page p, kPageSize code points from",
        "// kFirstTraditional + p * kPageSize on, are kTraditionalPage[p] to kTraditionalPage[p + 1] - 1.",
        f"constexpr uint32_t kPageSize = {PAGE};",
        f"constexpr uint32_t kFirstTraditional = {first};",
        f"constexpr uint32_t kTraditionalCount = {len(pairs)};",
        _array("uint16_t", "kTraditionalPage", pages),
        _array("uint16_t", "kTraditional", [code for code, _ in pairs]),
        _array("uint16_t", "kSimplified", [code for _, code in pairs]),
    ]


def _packed(block: bytes | bytearray) -> bytes:
    return bytes(low | high << 4 for low, high in zip(block[::2], block[1::2]))


def _pool(texts: list[str]) -> tuple[bytes, list[tuple[int, int]]]:
    """One byte string that holds every text, and (offset, length) of each."""
    pool = b""
    place: dict[bytes, int] = {}
    for raw in sorted({text.encode() for text in texts}, key=lambda raw: (-len(raw), raw)):
        found = pool.find(raw)
        if found < 0:
            found, pool = len(pool), pool + raw
        place[raw] = found
    assert len(pool) < 1 << 16 and max(map(len, place)) <= LONGEST
    return pool, [(place[text.encode()], len(text.encode())) for text in texts]


def _array(kind: str, name: str, values: list[int]) -> str:
    lines, line = [f"constexpr {kind} {name}[{len(values)}] = {{"], "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > WIDTH:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join([*lines, line + "};"])


def main() -> int:
    text = table()
    if sys.argv[1:] == ["--check"]:
        return int(OUTPUT.read_text(encoding="utf-8") != text)
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
