"""Slots with the other half of the brackets that they have one half of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slu.inputs.brackets import MOST, with_partners

OPENING, CLOSING = "(（[《“", ")）]》”"


def unmatched(text: str) -> list[str]:
    """The brackets without a partner, by leaving out pairs until there is none left."""
    kept = "".join(char for char in text if char in OPENING + CLOSING)
    pairs = [a + b for a, b in zip(OPENING, CLOSING)]
    while any(pair in kept for pair in pairs):
        for pair in pairs:
            kept = kept.replace(pair, "")
    return list(kept)


@pytest.mark.parametrize(
    ("text", "slot", "whole"),
    [
        ("导航到肯德基（西单店）", "肯德基（西单店", "肯德基（西单店）"),
        ("打给小明(公司)的", "小明(公司", "小明(公司)"),
        ("去（西单）肯德基", "西单）肯德基", "（西单）肯德基"),
        ("放《花心》和《朋友》", "花心》和《朋友", "《花心》和《朋友》"),
        ("放花心（《电影》（现场））。", "花心（《电影》（现场", "花心（《电影》（现场））"),
        ("放《花心》", "花心", "花心"),
        ("放花心（现场", "花心（现场", "花心（现场"),
        ("放花心（现场 ）", "花心（现场", "花心（现场"),
        ("放花心（现场》）", "花心（现场", "花心（现场"),
        ("放花（心》）", "花（心》", "花（心》"),
        ("）花", "花", "花"),
        ("（" * 9 + "花" + "）" * 9, "（" * 9 + "花", "（" * 9 + "花"),
        ("（" * 8 + "花" + "）" * 9, "（" * 8 + "花", "（" * 8 + "花" + "）" * 8),
    ],
)
def test_examples(text: str, slot: str, whole: str) -> None:
    start = text.index(slot)
    a, b = with_partners(text, start, start + len(slot))
    assert text[a:b] == whole


@given(
    before=st.text(f"花{OPENING}{CLOSING}"),
    slot=st.text(f"花心 {OPENING}{CLOSING}"),
    behind=st.text(f"花{CLOSING}("),
)
def test_only_partners_are_taken_in(before: str, slot: str, behind: str) -> None:
    text = before + slot + behind
    start, end = with_partners(text, len(before), len(before) + len(slot))
    assert start <= len(before) and len(before) + len(slot) <= end
    added = text[start : len(before)] + text[len(before) + len(slot) : end]
    assert len(unmatched(text[start:end])) == len(unmatched(slot)) - len(added)
    assert set(added) <= set(OPENING + CLOSING) and len(added) <= MOST
    assert with_partners(text, start, end) == (start, end)
