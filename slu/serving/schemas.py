"""Bodies of requests and answers, as the OpenAPI document describes them."""

from typing import Annotated, Any, Optional, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Many = Annotated[list[Item], Field(fail_fast=True)]
"""A list of which the first wrong item is reported: a body has room for half a million of them."""

PARSE_EXAMPLES: dict[str, Any] = {
    "one text": {"value": {"text": "来一首周华健的花心"}},
    "several texts": {"value": {"texts": ["导航到人民广场", "今天天气怎么样"]}},
    "what was said before": {"value": {"text": "取消", "previous_intent": "navigation.navigation"}},
    "a dialogue": {"value": {"text": "取消", "session": "car-4711"}},
    "names of this user": {
        "value": {"text": "打电话给诸葛小明", "lexicons": {"contact_name": ["诸葛小明", "欧阳小红"]}}
    },
}
LOGITS_EXAMPLES: dict[str, Any] = {"two texts": {"value": {"texts": ["来一首花心", "取消"], "previous_intent": ""}}}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Optional[str] = Field(None, description="One text. Give either this or texts.")
    texts: Optional[Many[str]] = Field(None, min_length=1, description="Several texts.")
    model: Optional[str] = Field(None, description="Name of the model; the first one without it.")
    lexicons: Optional[dict[str, Many[str]]] = Field(
        None, description="Entries by slot, for this request only, on top of those of the model."
    )


class ParseRequest(_Request):
    """Texts to parse."""

    previous_intent: Optional[str] = Field(
        None,
        description="Intent of the utterance before; the empty string if this is the first one of a dialogue. "
        "Of several texts without a session, it is the one before each of them.",
    )
    session: Optional[str] = Field(
        None,
        min_length=1,
        max_length=200,
        description="Name of a dialogue, chosen by the client: the server remembers the intent of its last utterance. "
        "Several texts are its next utterances, in their order.",
    )


class LogitsRequest(_Request):
    """Texts whose logits are wanted."""

    previous_intent: Optional[str] = Field(None, description="Intent of the utterance before each of them.")
    previous_intents: Optional[Many[Optional[str]]] = Field(
        None, description="The same, one a text; null where it is not known."
    )
    lexicons_of_texts: Optional[Many[dict[str, Many[str]]]] = Field(
        None, description="Entries by slot for each text alone, on top of lexicons."
    )


class SlotAnswer(BaseModel):
    """A slot. The value is text[start:end], in Unicode code points."""

    name: str
    value: str
    start: int
    end: int


class TextAnswer(BaseModel):
    """The answer to one text. Members that are false may be left out: truncated, pinned."""

    model_config = ConfigDict(extra="allow")

    text: str
    intent: Optional[str] = None
    score: float
    understood: bool
    slots: Optional[list[SlotAnswer]] = None
    truncated: Optional[bool] = Field(
        None, description="The text was longer than the model reads; the rest was ignored."
    )
    pinned: Optional[bool] = Field(None, description="The answer was given by a pinned phrase, not computed.")


class ParseAnswer(BaseModel):
    """The answers, in the order of the texts, all of one version of the model."""

    model: str
    version: str
    results: list[TextAnswer]


class ModelAnswer(BaseModel):
    """A model in use. refused: why its newest files are not used, if they are not."""

    name: str
    version: str
    backend: str
    since: float
    intents: list[str]
    slots: list[str]
    threshold: float
    max_tokens: int
    takes_lexicons: bool
    uses_previous_intent: bool
    refused: Optional[str] = None


class ModelsAnswer(BaseModel):
    """All models."""

    models: list[ModelAnswer]


class Problem(BaseModel):
    """Why there is no answer. field: the part of the body that is wrong, as in texts.3."""

    error: str
    field: Optional[str] = None


class State(BaseModel):
    """ok, or why not."""

    status: str
