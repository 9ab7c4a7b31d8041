"""Pictures: their own are replaced, others are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bench_arm.pictures import check_picture, metadata
from slu.errors import OutputError


@pytest.mark.parametrize("form", ["png", "svg"])
def test_only_pictures_of_these_commands_are_replaced(form: str, tmp_path: Path) -> None:
    ours, others, text = (tmp_path / f"{name}.{form}" for name in ("ours", "others", "text"))
    check_picture(ours)
    Figure().savefig(ours, metadata=metadata(form))
    Figure().savefig(others)
    text.write_text("slu", "utf-8")
    check_picture(ours)
    for path in (others, text, tmp_path):
        with pytest.raises(OutputError, match="choose another name"):
            check_picture(path)
