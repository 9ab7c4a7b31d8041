"""Sample questions: invented passages about people, songs and places, what they say, and what they do not say."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from slu.corpus.classified import PAIR
from slu.corpus.questions import SLOT
from slu.corpus.sample.names import contact, place, song
from slu.corpus.utterance import Slot, Utterance
from slu.errors import ConfigError

_NONE = 0.2
"""Share of the questions that their passage does not answer."""
_OF_A_PASSAGE = 4
"""Questions about one passage."""
_MONTHS = "一月、二月、三月、四月、五月、六月、七月、八月、九月、十月、十一月、十二月".split("、")
_WORKS = "老师、医生、司机、记者、厨师、工程师、画家、律师、护士、演员".split("、")
_FACTS = (
    ("{0}出生在{1}。", "{0}在哪里出生？", "place"),
    ("{0}的职业是{1}。", "{0}做什么工作？", "work"),
    ("{0}在{1}搬了家。", "{0}是什么时候搬家的？", "date"),
    ("{0}最喜欢的歌叫{1}。", "{0}最喜欢哪首歌？", "song"),
    ("{0}的邻居是{1}。", "谁是{0}的邻居？", "person"),
    ("{0}每周去{1}散步。", "{0}去哪里散步？", "place"),
)
"""What is said of a person, how one asks for it, and what the answer is."""
_FILLERS = (
    "那天下着小雨。",
    "大家都很高兴。",
    "后来的事没有人记得。",
    "这件事传得很快。",
    "街上十分热闹。",
    "路边的花开了。",
)


def generate_questions(count: int, seed: int = 0) -> list[Utterance]:
    """``count`` questions, four about each passage. The same arguments give the same questions.

    Raises `ConfigError` for a count below 1.
    """
    if count < 1:
        raise ConfigError(f"cannot make {count} questions; the count must be at least 1")
    random = Random(seed)
    found: list[Utterance] = []
    passage = 0
    while len(found) < count:
        passage += 1
        people = [contact(random) for _ in range(2)]
        said = [(person, fact, _value(random, fact[2])) for person in people for fact in _FACTS]
        random.shuffle(said)
        hidden, said = said[:2], said[2:8]
        sentences = [(fact[0].format(person, value), person, fact, value) for person, fact, value in said]
        sentences += [(_one(random, _FILLERS), "", _FACTS[0], "") for _ in range(2)]
        random.shuffle(sentences)
        text = "".join(sentence for sentence, *_ in sentences)
        asked = random.sample([one for one in sentences if one[1]], _OF_A_PASSAGE)
        for sentence, person, fact, value in asked:
            if random.random() < _NONE:
                other, unsaid, _ = hidden[int(random.random() * len(hidden))]
                found.append(Utterance(unsaid[1].format(other) + PAIR + text, "", (), str(passage)))
                continue
            question = fact[1].format(person)
            inside = sentence.index(value, len(fact[0].partition("{1}")[0].format(person)))
            start = len(question) + len(PAIR) + text.index(sentence) + inside
            slots = (Slot(SLOT, value, start, start + len(value)),)
            found.append(Utterance(question + PAIR + text, "", slots, str(passage)))
    return found[:count]


def _value(random: Random, kind: str) -> str:
    if kind == "date":
        return f"{1950 + int(random.random() * 70)}年{_one(random, _MONTHS)}"
    if kind == "work":
        return _one(random, _WORKS)
    return {"place": place, "song": song, "person": contact}[kind](random)


def _one(random: Random, choices: Sequence[str]) -> str:
    return choices[int(random.random() * len(choices))]
