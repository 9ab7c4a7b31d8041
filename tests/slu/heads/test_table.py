"""The table of heads: its names, and the sample corpus of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from slu.errors import ConfigError
from slu.heads import TASKS
from slu.heads.table import DEFAULT, HEADS


def test_the_names_for_command_lines_are_those_of_the_table() -> None:
    assert tuple(HEADS) == TASKS and TASKS[0] == DEFAULT.name


@pytest.mark.parametrize("name", HEADS)
def test_every_head_has_a_sample_corpus_that_it_reads(name: str, tmp_path: Path) -> None:
    form, path = HEADS[name].corpus, tmp_path / "sample.txt"
    made = form.sample(30, 3)
    assert len(made) == 30 and made == form.sample(30, 3) and made != form.sample(30, 4)
    form.write(made, path)
    assert [utterance.text for utterance in form.read(path, None)] == [utterance.text for utterance in made]
    labels = form.labels(made, None)
    assert not [problem for problem in form.check(path, None, labels) if problem.severity == "error"]
    for count in (0, -1):
        with pytest.raises(ConfigError, match="the count must be at least 1"):
            form.sample(count, 0)
