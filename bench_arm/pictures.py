"""Pictures that commands draw: marked as theirs, so that the next run may replace them and nothing else."""

from __future__ import annotations

from pathlib import Path

from slu.files import check_new, open_regular

_DRAWN_BY = "slu"
_MARKS = (b"tEXtSoftware\0" + _DRAWN_BY.encode(), f"<dc:title>{_DRAWN_BY}</dc:title>".encode())
"""What is in the first bytes of such a PNG or SVG file."""
_HEAD = 4096


def metadata(form: str) -> dict[str, str | None]:
    """What ``savefig`` of Matplotlib writes into a file of the form png or svg beside the picture."""
    return {"Date": None, "Creator": _DRAWN_BY} if form == "svg" else {"Software": _DRAWN_BY}


def check_picture(path: Path) -> None:
    """Raise `OutputError` where a file is that is no such picture, or none can be."""
    if path.is_file():
        with open_regular(path) as stream:
            head = stream.read(_HEAD)
        if any(mark in head for mark in _MARKS):
            return
    check_new(path)
