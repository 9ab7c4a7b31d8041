"""The structs of slu.h as ctypes declares them, against what a C compiler makes of the header."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

from engine_build import ROOT

from slu.runtime.backends import native_api as api

STRUCTS: dict[str, type[ctypes.Structure]] = {
    "slu_error": api.Error,
    "slu_slot_set": api.SlotSet,
    "slu_info": api.Info,
    "slu_slot": api.SlotSpan,
    "slu_label": api.Label,
    "slu_result": api.Result,
    "slu_tokens": api.Tokens,
    "slu_input": api.Input,
    "slu_logits": api.Logits,
}


def test_sizes_and_offsets_are_those_of_c(tmp_path: Path) -> None:
    lines, expected = [], []
    for name, struct in STRUCTS.items():
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        expected.append(ctypes.sizeof(struct))
        for field, *_ in struct._fields_:
            member = getattr(struct, field)
            lines.append(f'printf("%zu\\n%zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));')
            expected += [member.offset, member.size]
    source, program = tmp_path / "structs.c", tmp_path / "structs"
    body = "\n".join(lines)
    source.write_text(f"#include <slu/slu.h>\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0;\n}}\n")
    subprocess.run(["cc", "-I", ROOT / "cpp_runtime/include", source, "-o", program], check=True)
    found = [int(line) for line in subprocess.check_output([program], text=True).split()]
    assert found == expected


def test_every_struct_of_the_header_is_compared() -> None:
    header = (ROOT / "cpp_runtime/include/slu/slu.h").read_text()
    assert set(re.findall(r"^typedef struct (\w+) {", header, re.MULTILINE)) == set(STRUCTS)
