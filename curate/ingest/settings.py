"""What a recipe says about its input."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen

ALIASES = {
    "question": "prompt",
    "instruction": "prompt",
    "answer": "completion",
    "response": "completion",
    "output": "completion",
    "input": "context",
}
"""Other words for our names that a map may use."""
OUR_NAMES = ("prompt", "context", "completion", "messages", "text", "system", "tools", "language", "label")
"""What a map may name."""


class Source(Frozen):
    """One entry of ``sources``: a path, or a table with a path, a map and a licence. A plain string is a path."""

    path: str = Field(description="File, folder, glob, '-', URL or hf:NAME[:CONFIG][:SPLIT].")
    map: dict[str, str] = Field(
        default={}, description="Our names for their columns, as in { prompt = 'q', completion = 'answers.0.text' }."
    )
    license: str | None = Field(default=None, description="Licence of its rows, for the report.")

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:  # noqa: ANN401 - what a recipe holds
        return {"path": value} if isinstance(value, str) else value

    @field_validator("map")
    @classmethod
    def _our_names(cls, value: dict[str, str]) -> dict[str, str]:
        checked: dict[str, str] = {}
        for given, column in value.items():
            name = ALIASES.get(given, given)
            if name not in OUR_NAMES:
                raise SettingsError(
                    f"{given!r} in a map is no name of ours", fix=did_you_mean(given, [*OUR_NAMES, *ALIASES])
                )
            if name in checked:
                raise SettingsError(f"a map names {name!r} twice", fix="leave one of the two out")
            checked[name] = column
        if ("prompt" in checked) != ("completion" in checked):
            raise SettingsError("a map names only one of prompt and completion", fix="name the other column too")
        return checked


class Settings(Frozen):
    """How input is read, repaired and filtered."""

    nfc: bool = Field(default=True, description="Join letters and their accents (Unicode normal form C).")
    mojibake: bool = Field(default=False, description="Put text right that was decoded with the wrong encoding.")
    empty_answers: Literal["reject", "keep"] = Field(
        default="reject", description="What becomes of examples with an empty answer: reject or keep."
    )
    min_characters: int = Field(default=0, ge=0, description="Reject examples with fewer characters in all.")
    max_characters: int | None = Field(default=None, ge=1, description="Reject examples with more characters in all.")
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = Field(
        default=(),
        description="Keep rows in these languages (en, de, ...) and those whose language cannot be told; "
        "a row's own column language or lang says it, else it is detected.",
    )
    limit: int | None = Field(default=None, ge=1, description="Read no more rows than this.")
    max_line_bytes: int = Field(
        default=8 * 2**20, ge=64, description="Reject lines that are longer; only their beginning is kept."
    )
    max_expansion: int = Field(
        default=200, ge=1, description="Stop reading a compressed file that grows more than this many times."
    )

    def of_rows(self) -> dict[str, object]:
        """The settings that decide what becomes of one row; the others decide which rows there are."""
        return self.model_dump(mode="json", exclude={"limit", "max_line_bytes", "max_expansion"})
