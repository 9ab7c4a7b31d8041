"""The published shapes are those of PaddleNLP's models."""

from __future__ import annotations

import pytest

from slu.commands.arguments import changes_of_shape
from slu.errors import ConfigError
from slu.model.shapes import published_shape


def test_they_are_those_of_paddlenlp() -> None:
    from paddlenlp.transformers.ernie.configuration import ERNIE_PRETRAINED_INIT_CONFIGURATION, ErnieConfig

    compared = 0
    for name, values in ERNIE_PRETRAINED_INIT_CONFIGURATION.items():
        if name.startswith("ernie-3.0-") and name.endswith("-zh"):
            theirs = ErnieConfig(**values)
            for size, value in published_shape(name).items():
                assert getattr(theirs, size) == value, (name, size)
            assert published_shape(name.removesuffix("-zh")) == published_shape(name)
            compared += 1
    assert compared >= 17  # xbase to nano, and the tiny ones of both versions


@pytest.mark.parametrize("name", ["", "ernie-3.0-tiny-huge-v2", "ernie-3.0-tiny-nano-v3", "nano v2", "NANO"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there are pico, nano, micro, mini, medium, base, xbase"):
        published_shape(name)


def test_none_changes_nothing() -> None:
    assert changes_of_shape(None) == []
    assert 'model.init="scratch"' in changes_of_shape("pico")
