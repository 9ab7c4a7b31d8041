"""Make ``speech.gguf`` and ``normalisation.json``, which hold the implementations of normalisation together.

    python tests/golden/make_normalisation.py

``speech.gguf`` is the model of ``tiny.gguf`` (`make_golden`) that normalises text as ``speech-1`` and takes lists.

``texts``    a text, the ``rule`` that it is for, the ``kinds`` of its code points (numbers of
             `slu.inputs.normalisation`), the ``characters`` that are left, its tokens by that model, and the
             ``matches`` [first token, end, slot] with the names of ``lists``
``lists``    names of slots, which are said for the model
Everything comes from fixed seeds: running this again changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from make_golden import MAX_TOKENS, checkpoint, labels, vocabulary

from export_lite.gguf import write_gguf
from slu.inputs.flags import LEXICON, FlagColumns
from slu.inputs.lexicon import compile_lexicon, find_matches
from slu.inputs.normalisation import SPEECH, normalise_text
from slu.inputs.tokenizer import Tokenizer
from slu.model.checkpoint import FLAG_EMBEDDINGS, Checkpoint
from slu.model.quantization import quantise

HERE = Path(__file__).parent
LISTS = {
    "name": ["周·华健！", "「健」", "ＡＢＣ"],
    "singer": ["G.E.M.", "Mr. Big", "C++", "f(x)", "P!nk", "AC/DC"],
    "song": ["《花心》", "長髮", "ラピュタ", "사랑", "Калинка", "139 0000-1111", "don’t"],
}
RULES: dict[str, tuple[str, ...]] = {
    "full width": ("１３９abc", "ＡＢＣ　１００％", "～～Ａ～Ｂ～", "￥１", "ａ（ｂ）＋１", "ｶﾗ｢花｣｡"),
    "radicals": ("⽼街", "⾞⼀的", "⺟⻳", "⺀", "㈱花", "㎡", "Ⓐ㊗"),
    "digits": ("①③⑨⓪", "⑩", "٣٤9", "९ 𝟗", "1\ufe0f\u20e33\ufe0f\u20e3的", "花\u20dd\u0488", "一1²"),
    "traditional": ("長髮", "周華健的花心", "乾 \uf902 \uf900 龘", "㑳\U00020000"),
    "groups of a number": (
        "139 0000 1111",
        "139-0000-1111",
        "１３９－００００",
        "1 - 2 – 3",
        "1\u00a0\u30002",
        "1    2",
        "1----2",
        "1 a",
        "a 1-",
        "1- -a",
        "1\u0301 \u200b-\u03012",
        "1,000",
        "1.5 2",
        "139‐0000‑1111‒2",
        "1−2",
        "139.0000.1111",
        "139—0000，1111",
        "139，000",
        "139,0000",
        "1390，000·1111—000",
        "1390000111 1 1 1",
        "13900001111，13800002222",
        "139 0000 1111 138 0000 2222",
        "+86 139 0000 1111 12 3",
        "0086 139 0000 1111",
        "0 0 139 0000 1111",
        "12345678901(010)1",
        "13.000",
        "139.00",
        "139..000",
        "139. 000",
        "1390.\u2011000",
        "+86 139",
        "打+1的",
        "＋8",
        "++1",
        "+ 1",
        "1+1",
        "C++1",
        "的+(1)2",
        "(010)1234",
        "a(010)1",
        "1(2)3",
        "1 (2) - 3",
        "1 - (2)-3",
        "1 -- (2)3",
        "(1)",
        "()1",
        "(1 2)3",
        "(1)(2)3",
        "（1）－2",
        "(\u200b1\u0301)\u030121",
        "+\u200b1",
        "+\u03011",
    ),
    "punctuation": (
        "《花心》。",
        "来一首“花心”，周华健！",
        "花心…—·、；：？！",
        "【花】〈心〉",
        "花🎵心👍🏽👩\u200d👧\ufe0f",
        "©花™心°",
        "!?,.;:'\"",
        "[花]{心}<的>`^|\\",
        "'花心'",
        "‘花心’",
        "花-心 - 的",
        "—花",
        "↔的◻◼◽◾⤴→≧∼♯￥",
        "≧▽≦的",
        "的×2€",
        "\u200f的\u200e花\u00ad心\u202e",
        "@的",
        "#花心#",
        "#ab#",
        "**的**",
        "傻*",
        "1**\u03012*＊",
        "&的&",
        "$1",
        "100%的%",
        "*a* =b=",
    ),
    "inside names": (
        "G.E.M.",
        "Mr. Big.",
        "C++",
        "P!nk!",
        "AC/DC",
        "don’t",
        "o‘a",
        "a‐b‑c‒d–e−f",
        "a;b?c",
        "C#",
        "A#1",
        "a&b",
        "花&心",
        "A & B",
        "花 & 心",
        "a & ",
        "。&的",
        "A$AP a@b a=b a*b a%b",
        "b+",
        "b#的+",
        "98.5",
        "10:30",
        "a_b~c",
        "f(x)",
        "f(x)(a)",
        "(a)b",
        "f(x",
        "f (x)",
        "f  (x)",
        "f(x)b",
        "f(x1)。",
        "f(x)\u0301",
        "f(\u0301x\u200b)",
        "ab(x)1",
        "f(x.)",
        "f()",
        "f(x b)",
        "f(花)",
        "a)b(c)",
        "ab. 的",
        "ab. \u0301 c",
        "a.",
        "ab.",
        "1.",
        "é.",
        "a..b",
        "#$%&*+=@",
        "a -b",
    ),
    "unknown characters": ("ラピュタ", "사랑", "aЖb", "xyz", "ラ" * 100, "ラ" * 101, "花Калинка"),
    "combining marks": (
        "e\u0301",
        "cafe\u0301。",
        "ヒ\u309a的",
        "ラ" * 101 + "\u0301",
        "\u0301a",
        "a\u200b\u0301",
        "花\u0301\u20dd",
    ),
    "ends": ("", "1 ", "1-", "a.", "a'", "(", "f(", "1 -", ".a", "\u0301", "的" * 11 + "1 2"),
}


def speech_checkpoint() -> Checkpoint:
    model = checkpoint()
    model.config = model.config.replace(normalisation=SPEECH, flags=(LEXICON,))
    shape = (FlagColumns.of((LEXICON,), model.labels).count, model.config.hidden_size)
    table = (np.random.default_rng(9).standard_normal(shape) * 0.3).astype(np.float32)
    model.tensors[FLAG_EMBEDDINGS], model.tensors[f"{FLAG_EMBEDDINGS}_scale"] = quantise(table, 0)
    return model


def cases() -> list[dict[str, Any]]:
    tokenizer = Tokenizer(vocabulary(), normalisation=SPEECH)
    lexicon = compile_lexicon(LISTS, labels().slots, SPEECH)
    found = []
    for rule, texts in RULES.items():
        for text in texts:
            encoding, characters = tokenizer.encode(text, MAX_TOKENS), normalise_text(text, SPEECH)
            found.append(
                {
                    "rule": rule,
                    "text": text,
                    "kinds": "".join(str(kind) for kind, _ in characters),
                    "characters": "".join(replacement for _, replacement in characters),
                    **{key: getattr(encoding, key).tolist() for key in ("ids", "starts", "ends")},
                    "truncated": encoding.truncated,
                    "matches": sorted([m.first, m.end, m.slot] for m in find_matches(lexicon, text, encoding)),
                }
            )
    return found


def main() -> None:
    write_gguf(speech_checkpoint(), HERE / "speech.gguf", "speech")
    lines = ",\n".join(json.dumps(case) for case in cases())
    content = f'{{"lists": {json.dumps(LISTS)},\n"texts": [\n{lines}\n]}}\n'
    (HERE / "normalisation.json").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
