"""Progress bars, as they look outside a terminal."""

from __future__ import annotations

import pytest

from slu.progress import Progress


def test_progress_reports_the_mean_loss_since_the_last_time(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("training", 4) as progress:
        assert progress.mean_loss() == 0.0
        for loss in (1.0, 2.0):
            progress.advance(loss)
        assert progress.mean_loss() == 1.5
        for loss in (3.0, 5.0):
            progress.advance(loss)
        progress.measure("exact", 81.25, 82.5)
        assert progress.mean_loss() == 4.0
    out, err = capfd.readouterr()
    assert out == "" and "training: 100%" in err and "4/4" in err and "exact=81.25 (best 82.50)" in err
    with Progress("training", 4, quiet=True) as progress:
        progress.advance(1.0, 4)
    assert capfd.readouterr() == ("", "")
