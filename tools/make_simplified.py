"""Write ``slu/inputs/simplified.txt``: traditional characters and the simplified ones that they are read as.

    pip install opencc==1.4.2 && python tools/make_simplified.py

OpenCC (https://github.com/BYVoid/OpenCC, Apache License 2.0) converts a character at a time; what is one code point of
the Basic Multilingual Plane before and after is kept. Compatibility ideographs are read as what they decompose to.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

OUTPUT = Path(__file__).parents[1] / "slu/inputs/simplified.txt"


def main() -> None:
    import opencc

    convert = opencc.OpenCC("t2s").convert
    lines = []
    for code in range(0x80, 0x10000):
        char = chr(code)
        decomposed = unicodedata.normalize("NFD", char)
        if 0xD800 <= code < 0xE000 or len(decomposed) > 1:
            continue
        simplified = convert(decomposed)
        if simplified != decomposed and len(simplified) == 1 and ord(simplified) < 0x10000:
            lines.append(char + simplified + "\n")
    OUTPUT.write_text("".join(lines), encoding="utf-8")
    print(f"{OUTPUT}: {len(lines)} characters, by OpenCC {opencc.__version__}")


if __name__ == "__main__":
    main()
