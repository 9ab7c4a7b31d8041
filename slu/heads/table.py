"""Every head by its name: a new one is an entry here and a module beside this one."""

from __future__ import annotations

from slu.heads.answer import ANSWER
from slu.heads.head import Head
from slu.heads.joint import JOINT
from slu.heads.labels import LABELS
from slu.heads.sequence import SEQUENCE
from slu.heads.tokens import TOKENS

HEADS: dict[str, Head] = {head.name: head for head in (JOINT, SEQUENCE, LABELS, TOKENS, ANSWER)}
SHOWN = {
    name: title
    for head in sorted(HEADS.values(), key=lambda head: -len(head.shown))  # so that each keeps its own order
    for name, title in head.shown.items()
}
"""Measures that tables of models of any head have, in their order, with the titles of their columns."""
OF_LABELS = (SEQUENCE.name, LABELS.name)
"""Those that answer labels of whole texts."""
DEFAULT = JOINT
"""That of whatever names none: recipes, published encoders, and GGUF files of today's versions."""


def head_of_architecture(name: object) -> Head:
    """The head that a ``config.json`` names; `DEFAULT` for the names of published encoders, which have none of ours."""
    return next((head for head in HEADS.values() if head.architecture == name), DEFAULT)
