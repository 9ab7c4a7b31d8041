"""Write ``src/unicode_tables.inc``: what the Python tokenizer does with every Unicode code point, as C++ tables.

Everything is taken from `slu.inputs.normalisation`, so there is one definition of it. Unicode 13, which is what Python
3.10 has; another Python would give other tables, so it is refused.

    python cpp_runtime/tools/make_unicode_tables.py           writes the file
    python cpp_runtime/tools/make_unicode_tables.py --check   exits 1 when the file is not what would be written
    python cpp_runtime/tools/make_unicode_tables.py --sizes   prints the bytes of the tables in the file, as JSON
"""

from __future__ import annotations

import json
import re
import struct
import sys
import unicodedata
import zlib
from pathlib import Path

from slu.inputs.normalisation import normalise_character, radical, simplified

OUTPUT = Path(__file__).parent.parent / "src" / "unicode_tables.inc"
BLOCK, GROUP = 64, 16
"""Code points of a block, and blocks of a group."""
HANGUL = range(0xAC00, 0xD7A4)
"""Syllables are decomposed by arithmetic (Unicode 3.12), not by table."""
IDEOGRAPHS = range(0x3400, 0xA000)
"""Where traditional characters are looked up."""
RADICALS = range(0x2F00, 0x2FD6)
"""Radicals of the Kangxi dictionary, each of which is an ideograph."""
OTHER_RADICALS = {"Mother": 0x2E9F, "Turtle": 0x2EF3}
"""The only others that Unicode says the ideograph of."""
COMPATIBILITY = range(0xF900, 0xFB00)
"""Ideographs that are replaced before they are looked up among traditional characters."""
MAPPED = 8
"""Added to the class of a code point that is replaced by another text."""
IN_TEXTS = 0xD800
"""A replacement from here to 0xDFFF, which no character has, is a place in kTexts."""
LONGEST = 24
"""Bytes that src/unicode.h has room for."""
WORDS_PER_COUNT = 4
"""Words of kTraditional whose characters are counted together."""
WIDTH = 110


def table() -> str:
    """The whole file. Tables are small, and regular where the data are, as engines are sent compressed."""
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
    # Blocks with replaced code points first, in their order and none of them shared, so that they can be counted.
    mapped = sorted({code // BLOCK for code in replaced})
    blocks: dict[bytes | int, int] = {number: place for place, number in enumerate(mapped)}
    packed = [classes[i : i + BLOCK] for i in range(0, len(classes), BLOCK)]
    index = [blocks[i] if i in blocks else blocks.setdefault(bytes(b), len(blocks)) for i, b in enumerate(packed)]
    content = [packed[key] if isinstance(key, int) else key for key in blocks]
    last = max(i for i, b in enumerate(index) if b != index[-1]) // GROUP
    groups: dict[tuple[int, ...], int] = {}
    group_of = [groups.setdefault(tuple(index[i : i + GROUP]), len(groups)) for i in range(0, len(index), GROUP)]
    values, pool = _replacements(replaced)
    parts = [
        "// Made by tools/make_unicode_tables.py from slu/inputs/normalisation.py (Unicode 13.0). Do not edit.",
        f"// Class of code point c: four bits, (c % {BLOCK})-th of its block. With b = c / {BLOCK}, that is",
        f"// kBlockOf[{GROUP} kGroupOf[b / {GROUP}] + b % {GROUP}]; past the last group, kLastBlock.",
        f"constexpr uint32_t kBlockSize = {BLOCK}, kGroupSize = {GROUP};",
        f"constexpr uint32_t kGroupCount = {last + 1};",
        f"constexpr uint16_t kLastBlock = {index[-1]};",
        _array("uint8_t", "kGroupOf", group_of[: last + 1]),
        _array("uint16_t", "kBlockOf", [block for group in groups for block in group]),
        _array("uint64_t", "kClasses", [word for block in content for word in _words(block, 4)]),
        "// The first blocks have replaced code points, kReplacedBefore[i] of them before block i. The n-th of all is",
        "// replaced by the code point kReplacementHigh[n] << 8 | kReplacementLow[n], in plane 1 if it is in plane 1;",
        f"// from kInTexts to {IN_TEXTS + 0x7FF}, that is a place in kTexts, of a text that ends in NUL.",
        f"constexpr uint32_t kInTexts = {IN_TEXTS};",
        _array("uint16_t", "kReplacedBefore", [sum(code // BLOCK < number for code in replaced) for number in mapped]),
        _array("uint8_t", "kReplacementLow", [value & 255 for value in values]),
        _array("uint8_t", "kReplacementHigh", [value >> 8 for value in values]),
        _array("uint8_t", "kTexts", list(pool)),
        *_simplified(),
        *_radicals(),
        *_digits(),
    ]
    return "\n".join(parts) + "\n"


def _replacements(replaced: dict[int, str]) -> tuple[list[int], bytes]:
    """The 16 bits of each replacement, and the texts that some of them are in."""
    plain = {code: text for code, text in replaced.items() if len(text) == 1 and ord(text) >> 16 == (code >> 16) % 2}
    pool = b""
    for raw in sorted({text.encode() + b"\0" for code, text in replaced.items() if code not in plain}):
        assert len(raw) <= LONGEST
        pool += raw
    assert IN_TEXTS + len(pool) <= 0xE000
    values = []
    for code, text in replaced.items():
        values.append(ord(text) & 0xFFFF if code in plain else IN_TEXTS + pool.index(text.encode() + b"\0"))
        assert (code in plain) != (IN_TEXTS <= values[-1] < 0xE000)
    return values, pool


def _simplified() -> list[str]:
    """Which characters are traditional, and how far away their simplified ones are."""
    pairs = simplified()
    for char in map(chr, COMPATIBILITY):
        decomposed = unicodedata.normalize("NFD", char)
        assert decomposed == char or pairs.get(char) == pairs.get(decomposed), f"U+{ord(char):04X}"
    traditional = {ord(char): ord(other) for char, other in pairs.items() if ord(char) not in COMPATIBILITY}
    assert all(code in IDEOGRAPHS for code in traditional) and list(traditional) == sorted(traditional)
    words = _words(bytes(code in traditional for code in IDEOGRAPHS), 1)
    begins = range(IDEOGRAPHS.start, IDEOGRAPHS.stop, 64 * WORDS_PER_COUNT)
    away = [(other - code) & 0xFFFF for code, other in traditional.items()]
    return [
        "// Bit i of word w: kFirstIdeograph + 64 w + i is a traditional character. kTraditionalBefore[i] of them are",
        "// before word kWordsPerCount i. The simplified character of the n-th is, modulo 65536,",
        "// kSimplifiedHigh[n] << 8 | kSimplifiedLow[n] behind it.",
        f"constexpr uint32_t kFirstIdeograph = {IDEOGRAPHS.start};",
        f"constexpr uint32_t kIdeographCount = {len(IDEOGRAPHS)};",
        f"constexpr uint32_t kFirstCompatibility = {COMPATIBILITY.start};",
        f"constexpr uint32_t kCompatibilityCount = {len(COMPATIBILITY)};",
        f"constexpr uint32_t kWordsPerCount = {WORDS_PER_COUNT};",
        _array("uint64_t", "kTraditional", words),
        _array("uint16_t", "kTraditionalBefore", [sum(code < begin for code in traditional) for begin in begins]),
        _array("uint8_t", "kSimplifiedLow", [value & 255 for value in away]),
        _array("uint8_t", "kSimplifiedHigh", [value >> 8 for value in away]),
    ]


def _radicals() -> list[str]:
    """The ideographs of radicals, simplified."""

    def ideograph(code: int) -> int:
        found = radical(chr(code))
        return ord(simplified().get(found, found))

    others = [code for code in range(0x2E80, RADICALS.start) if radical(chr(code)) != chr(code)]
    assert others == list(OTHER_RADICALS.values())
    return [
        "// The ideographs of radicals: kFirstRadical + i is kRadicals[i].",
        f"constexpr uint32_t kFirstRadical = {RADICALS.start};",
        *(
            f"constexpr uint32_t k{name} = {code}, k{name}Ideograph = {ideograph(code)};"
            for name, code in OTHER_RADICALS.items()
        ),
        _array("uint16_t", "kRadicals", [ideograph(code) for code in RADICALS]),
    ]


def _digits() -> list[str]:
    """The zero of every script, other nine behind it. ASCII and its full-width forms are digits without that."""
    zeros = [code for code in range(0x80, 0x110000) if unicodedata.decimal(chr(code), None) == 0 and code != 0xFF10]
    assert all(unicodedata.decimal(chr(code + i), None) == i for code in zeros for i in range(10))
    assert not any(code % 2 for code in zeros) and max(zeros) < 1 << 17
    return [
        "// Half of the code points of the digit zero of other scripts.",
        _array("uint16_t", "kHalvesOfZeros", [code // 2 for code in zeros]),
    ]


def _words(values: bytes | bytearray, bits: int) -> list[int]:
    """Values of so many bits in words of 64, the first of each in the lowest bits."""
    step = 64 // bits
    return [sum(v << bits * i for i, v in enumerate(values[w : w + step])) for w in range(0, len(values), step)]


def _array(kind: str, name: str, values: list[int]) -> str:
    lines, line = [f"constexpr {kind} {name}[{len(values)}] = {{"], "   "
    for value in values:
        item = f" {value:#x}," if kind == "uint64_t" else f" {value},"
        if len(line) + len(item) > WIDTH:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join([*lines, line + "};"])


PARTS = {
    "traditional characters": r"kTraditional\w*|kSimplified\w+",
    "radicals and zeros": "kRadicals|kHalvesOfZeros",
    "all characters": ".*",
}
"""Tables by what they are of, the first that fits."""


def sizes(text: str) -> dict[str, dict[str, int]]:
    """Bytes of the tables by what they are of, as they are and compressed by zlib at level 9, each part by itself."""
    found = dict.fromkeys(PARTS, b"")
    for bits, name, body in re.findall(r"constexpr uint(\d+)_t (\w+)\[\d+\] = \{([^}]*)\}", text):
        part = next(part for part, names in PARTS.items() if re.fullmatch(names, name))
        values = [int(value, 0) for value in re.findall(r"\w+", body)]
        found[part] += struct.pack(f"<{len(values)}{dict(zip(('8', '16', '64'), 'BHQ'))[bits]}", *values)
    return {part: {"bytes": len(raw), "compressed": len(zlib.compress(raw, 9))} for part, raw in found.items()}


def main() -> int:
    if sys.argv[1:] == ["--sizes"]:
        print(json.dumps(sizes(OUTPUT.read_text(encoding="utf-8")), indent=1))
        return 0
    text = table()
    if sys.argv[1:] == ["--check"]:
        return int(OUTPUT.read_text(encoding="utf-8") != text)
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
