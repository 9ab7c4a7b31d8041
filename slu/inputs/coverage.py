"""What a model cannot learn of a corpus, and cannot answer either: tokens decide what a slot can be, and how many there
may be decides what is read of a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from slu.corpus.utterance import Utterance
from slu.inputs.tokenizer import Tokenizer

WARN_ABOVE = 1.0
"""Percent of texts, slots or characters above which a warning is worth its line."""


@dataclass(frozen=True)
class Coverage:
    """Counts over a corpus, for one tokenizer and one ``max_length``.

    ``texts_truncated``: texts of more tokens than fit. ``slots_behind``: slots of which a part lies behind the last
    token that fits. ``slots_inside_token``: slots, not behind, that begin or end inside a token. ``slots_uncovered``:
    slots, neither of both, that begin or end with a character that is in no token. ``characters``: those that are not
    white space; ``characters_unknown``: of them those that are read as [UNK], ``characters_dropped``: those in no
    token. ``letter_tokens``: tokens of one ASCII letter inside a longer word. ``longest``: tokens of the longest text,
    [CLS] and [SEP] counted. ``whole_words``: whether no token continues a word of letters, so that rare words are meant
    to be [UNK]. ``example``: the first text of each kind.
    """

    max_length: int
    texts: int
    texts_truncated: int
    slots: int
    slots_behind: int
    slots_inside_token: int
    slots_uncovered: int
    characters: int
    characters_unknown: int
    characters_dropped: int
    letter_tokens: int
    longest: int
    whole_words: bool
    example: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The counts, without the examples: a manifest shall not hold texts of a corpus."""
        return {name: value for name, value in asdict(self).items() if name != "example"}

    @property
    def unlearnable(self) -> int:
        """Slots that no training can make the model answer."""
        return self.slots_behind + self.slots_inside_token + self.slots_uncovered

    def lines(self) -> list[str]:
        """A summary, and a line with the setting to change for every share above `WARN_ABOVE`."""
        summary = (
            f"{self.texts} texts with {self.slots} slots: {self.texts_truncated} texts longer than max_length "
            f"{self.max_length}; slots that cannot be learned: {self.slots_behind} behind it, "
            f"{self.slots_inside_token} with a border inside a token, {self.slots_uncovered} with a border in no "
            f"token; of {self.characters} characters {self.characters_unknown} are [UNK] and "
            f"{self.characters_dropped} in no token"
        )
        return [summary, *self._warnings()]

    def _warnings(self) -> list[str]:
        longer = f"set model.max_length to {self.longest} or more (and [vocab] positions, if the recipe has it)"
        if 2 * self.letter_tokens > self.characters:
            longer = f'set model.vocab to "corpus": words are read letter by letter; or {longer}'
        kinds = (
            ("texts_truncated", self.texts, "of the texts are cut", longer),
            ("slots_behind", self.slots, "of the slots are behind the last token", longer),
            (
                "slots_inside_token",
                self.slots,
                "of the slots begin or end inside a token",
                'set model.vocab to "corpus", "ideographs" or a vocabulary of smaller pieces',
            ),
            (
                "slots_uncovered",
                self.slots,
                "of the slots begin or end with a character that the normalisation drops",
                'set model.normalisation to "", or leave such characters out of the slots',
            ),
            (
                "characters_unknown",
                self.characters,
                "of the characters are in words that the vocabulary lacks",
                'set model.vocab to "corpus" or to a vocabulary of this language; where it is "words", that is meant',
            ),
        )
        found = []
        for name, whole, what, advice in kinds:
            share = 100 * getattr(self, name) / whole if whole else 0.0
            if share > WARN_ABOVE and not (name == "characters_unknown" and self.whole_words):
                found.append(f"warning: {share:.1f} % {what}, such as {self.example[name][:60]!r}: {advice}")
        return found


def coverage(utterances: Iterable[Utterance], tokenizer: Tokenizer, max_length: int) -> Coverage:
    """Count for ``utterances``. Linear in their length."""
    names = ("texts_truncated", "slots_behind", "slots_inside_token", "slots_uncovered", "characters_unknown")
    counts = dict.fromkeys((*names, "characters_dropped"), 0)
    example: dict[str, str] = {}
    texts = slots = characters = letters = 0
    letter = [len(token) == 3 and token[:2] == "##" and token[2].isascii() for token in tokenizer.vocab]
    longest = 2
    # As `slu.training.vocabulary.word_vocab` makes them: digits alone go on, and there are whole words of letters.
    whole_words = any(len(token) > 1 and token.isalpha() and token.isascii() for token in tokenizer.vocab) and all(
        token[:2] != "##" or token[2:].isdigit() for token in tokenizer.vocab
    )

    def count(name: str, text: str, number: int = 1) -> None:
        counts[name] += number
        if number:
            example.setdefault(name, text)

    for utterance in utterances:
        text = utterance.text
        encoding = tokenizer.encode(text, len(text) + 2)
        tokens = len(encoding.ids)
        starts, ends = encoding.starts[1:-1].tolist(), encoding.ends[1:-1].tolist()
        fits = min(tokens, max_length) - 2
        texts += 1
        longest = max(longest, tokens)
        count("texts_truncated", text, int(tokens > max_length))
        inside = [False] * (len(text) + 1)  # whether a border at this place would cut a token
        covered = [False] * len(text)
        unknown = 0
        for token, start, end in zip(encoding.ids[1:-1].tolist(), starts, ends):
            covered[start:end] = [True] * (end - start)
            inside[start + 1 : end] = [True] * (end - start - 1)
            letters += letter[token]
            if token == tokenizer.unk_id:
                unknown += sum(not char.isspace() for char in text[start:end])
        count("characters_unknown", text, unknown)
        spoken = [i for i, char in enumerate(text) if not char.isspace()]
        characters += len(spoken)
        count("characters_dropped", text, sum(not covered[i] for i in spoken))
        first_behind = starts[fits] if fits < len(starts) else len(text) + 1
        slots += len(utterance.slots)
        for slot in utterance.slots:
            if slot.end > first_behind:
                count("slots_behind", text)
            elif inside[slot.start] or inside[slot.end]:
                count("slots_inside_token", text)
            elif not covered[slot.start] or not covered[slot.end - 1]:
                count("slots_uncovered", text)
    return Coverage(
        max_length=max_length,
        texts=texts,
        slots=slots,
        characters=characters,
        letter_tokens=letters,
        longest=longest,
        whole_words=whole_words,
        example=example,
        **counts,
    )
