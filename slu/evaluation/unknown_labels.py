"""Labels of a file that the model lacks. Utterances with them are measured: no answer to them is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from slu.corpus.labels import Labels
from slu.corpus.utterance import Utterance


def unknown_labels(utterances: Sequence[Utterance], labels: Labels) -> dict[str, Any] | None:
    """``utterances``: how many have such a label; ``intents`` and ``slots``, or ``labels`` of models that answer these:
    how many have each. None without any."""
    if labels.sets is not None:
        names = Counter(name for u in utterances for name in u.labels if name not in labels.intents)
        with_one = sum(any(name in names for name in u.labels) for u in utterances)
        return {"utterances": with_one, "labels": dict(sorted(names.items()))} if names else None
    intents = Counter(u.intent for u in utterances if u.intent and u.intent not in labels.intents)
    slots = Counter(name for u in utterances for name in {s.name for s in u.slots} if name not in labels.slots)
    affected = sum(u.intent in intents or any(slot.name in slots for slot in u.slots) for u in utterances)
    if not affected:
        return None
    return {"utterances": affected, "intents": dict(sorted(intents.items())), "slots": dict(sorted(slots.items()))}


def unknown_lines(unknown: dict[str, Any] | None, total: int) -> list[str]:
    """One line that lists them, to be printed with the measures."""
    if not unknown:
        return []
    kinds = [
        f"{kind} {', '.join(f'{name} ({count})' for name, count in unknown[f'{kind}s'].items())}"
        for kind in ("intent", "slot", "label")
        if unknown.get(f"{kind}s")
    ]
    return [f"{unknown['utterances']} of {total} utterances have a label that the model lacks and count as wrong: "
            f"{'; '.join(kinds)}"]  # fmt: skip
