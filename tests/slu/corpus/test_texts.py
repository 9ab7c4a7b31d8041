"""Files of texts, one a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.lessons import read_texts
from slu.corpus.texts import decoded, numbered_texts
from slu.errors import CorpusError


def test_lines_with_a_text(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("\ufeff取消\r\n\n 听歌\tx \n\u2028\n下一首".encode())
    assert numbered_texts(file) == [(1, "取消"), (3, "听歌\tx"), (5, "下一首")]
    assert [(one.text, one.session) for one in read_texts(file)][2] == ("下一首", "unlabelled 5")
    assert decoded(b" a \r", file, 1) == " a "


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"a\nb\xff", ":2: not UTF-8 at byte 2"), (b"a\nb\x00", ":2: control character U.0000"), (b"\n \n", "no texts")],
)
def test_what_is_no_file_of_texts(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "texts.txt").write_bytes(raw)
    with pytest.raises(CorpusError, match=f"texts.txt.*{words}"):
        numbered_texts(tmp_path / "texts.txt")
    with pytest.raises(CorpusError, match="cannot be read"):
        numbered_texts(tmp_path / "none")
