"""``[unclear]``: two commands in one sentence, and commands with rubbish behind them.

No answer is right for them, so they are labelled with several wrong ones by chance: the model learns to be sure of
none, and the score stays low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from slu.corpus.labels import OTHERS, Labels
from slu.corpus.speech import framed, joined, one_of, shuffled
from slu.corpus.utterance import Utterance
from slu.training.added import Added, check_shares
from slu.training.identity import ADDED_LATER

ANOTHER_ANSWER = 0.5
"""Share of unclear utterances that are labelled with some intent by chance; the others with one that is half right."""
SHORTEST_RUBBISH = 3


@dataclass(frozen=True)
class UnclearSettings:
    """How many there are of two commands, and of commands with rubbish behind, for each utterance, in every epoch.

    ``draws``: as in [speech]. A label that is wrong is learned by heart when it comes again.
    """

    two_commands: float = 0.05
    rubbish: float = 0.05
    draws: int = field(default=1, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_shares(self, "draws")


def unclear_utterances(
    train: Sequence[Utterance],
    settings: UnclearSettings,
    joiners: Sequence[str],
    labels: Labels,
    seed: int,
    turn: tuple[int, int],
) -> list[Added]:
    """Two commands of different intents, or a command and rubbish, with labels that are not to be believed."""
    random = Random(seed)
    commands = [i for i, utterance in enumerate(train) if utterance.intent != OTHERS]
    chatter = [u.text for u in train if u.intent == OTHERS and len(u.text) >= SHORTEST_RUBBISH]
    longer = [u.text for u in train if len(u.text) > SHORTEST_RUBBISH]
    found: list[Added] = []
    if len({train[i].intent for i in commands}) > 1:
        for _ in range(round(settings.two_commands * len(train))):
            first, second = one_of(random, commands), one_of(random, commands)
            if train[first].intent != train[second].intent:
                joiner = one_of(random, joiners)
                both = [joined(train[first], joiner, train[second]), _behind(train[first], joiner, train[second])]
                found.append(Added(_mislabelled(random, both, labels), first, turn=turn))
    if commands and longer:
        for _ in range(round(settings.rubbish * len(train))):
            first = one_of(random, commands)
            source = one_of(random, chatter) if chatter and random.random() < 0.5 else ""
            rubbish = source or shuffled(random, one_of(random, longer))
            command = joined(train[first], "", replace(train[first], text=rubbish))
            halves = [command, replace(command, intent=OTHERS, slots=())] if chatter else [command]
            found.append(Added(_mislabelled(random, halves, labels), first, turn=turn))
    return found


def _mislabelled(random: Random, halves: Sequence[Utterance], labels: Labels) -> Utterance:
    if random.random() < ANOTHER_ANSWER:
        return replace(halves[0], intent=one_of(random, labels.intents), slots=())
    return one_of(random, halves)


def _behind(first: Utterance, joiner: str, second: Utterance) -> Utterance:
    """Two utterances in one, with intent and slots of the second one."""
    return framed(second, (first.text + joiner, ""))
