"""Every page of the demo app, drawn by layoutlib in both languages, by day and by night."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from android_app.screens import draw
from android_app.tools.toolchain import ROOT

EVERY = [(scene, language, time) for scene in draw.SCENES for language in draw.LANGUAGES for time in draw.TIMES]


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], np.ndarray]:
    # draw() fails when layoutlib reports an error, and when a view that is touched is too small, nameless or cut off.
    files = draw.draw(EVERY, tmp_path_factory.mktemp("screens"))
    return {name: np.asarray(Image.open(file).convert("RGB"), dtype=np.int16) for name, file in zip(EVERY, files)}


def has(image: np.ndarray, color: str) -> int:
    """How many pixels have about this colour."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return int((abs(image - wanted).max(axis=2) <= 2).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("time", "page", "tints"),
    [("day", "#F3F5F9", ("#FFE5C9", "#EADDFF")), ("night", "#0E1116", ("#4D2C0C", "#3A2668"))],
)
def test_slots_are_coloured_in_their_place(screens: dict, time: str, page: str, tints: tuple[str, str]) -> None:
    for language in draw.LANGUAGES:
        image = screens["understand", language, time]
        assert image.shape == (1480, 720, 3)
        assert has(image, page) > 100_000
        field, card = image[130:480], image[480:]  # the sentence, and the answer below it
        for tint in tints:
            assert has(field, tint) > 3_000 and has(card, tint) > 2_000
        for scene in ("not_understood", "other", "empty"):
            assert sum(has(screens[scene, language, time], tint) for tint in tints) == 0


@pytest.mark.slow
def test_languages_and_themes_differ(screens: dict) -> None:
    for scene in draw.SCENES:
        for time in draw.TIMES:
            assert (abs(screens[scene, "en", time] - screens[scene, "zh", time]) > 30).any(axis=2).sum() > 2_000
        for language in draw.LANGUAGES:
            assert screens[scene, language, "day"].mean() > screens[scene, language, "night"].mean() + 100


@pytest.mark.slow
@pytest.mark.parametrize("language", draw.LANGUAGES)
@pytest.mark.parametrize("time", draw.TIMES)
def test_the_pictures_of_the_docs_are_of_this_app(
    screens: dict, tmp_path_factory: pytest.TempPathFactory, language: str, time: str
) -> None:
    directory = tmp_path_factory.mktemp("strip")
    for (scene, *rest), image in screens.items():
        Image.fromarray(image.astype(np.uint8)).save(directory / f"{'-'.join([scene, *rest])}.png")
    drawn = np.asarray(
        Image.open(draw.strip(directory, language, time, directory / "strip.png")).convert("RGB"), dtype=np.int16
    )
    file = ROOT / f"docs/pictures/android-{language}-{time}.png"
    committed = np.asarray(Image.open(file).convert("RGB"), dtype=np.int16)
    assert file.stat().st_size < 100_000
    assert drawn.shape == committed.shape
    # The measured times are other ones each time: a few digits.
    assert (abs(drawn - committed).max(axis=2) > 40).mean() < 0.005
