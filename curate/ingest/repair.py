"""What happens to a recognised record: repairs of its text, bounds that it must keep, and what is remarkable in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

from curate.errors import SettingsError
from curate.ingest import language
from curate.ingest.reasons import Reason, Remark, Repair, RowError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from curate.ingest.chats import Turn
    from curate.ingest.recognise import Record
    from curate.ingest.settings import Settings

CONTROL_TOKEN = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|eot_id|eom_id|end_of_text|begin_of_text|start_header_id|end_header_id|"
    r"system|user|assistant|end|pad|fim_\w+|python_tag|channel|message|return|endofprompt)\|>|"
    r"<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>"
)
"""The control tokens of common chat templates."""

_EMPTY = {"user": Reason.EMPTY_PROMPT, "assistant": Reason.EMPTY_ANSWER, "text": Reason.EMPTY_TEXT}
"""The roles that must say something, and what they are rejected for otherwise."""


def repair(record: Record, settings: Settings) -> Record:
    """The record with its text repaired as *settings* say, and the repairs that were made."""
    for _, content in record.turns:
        if not content.isascii():
            return _repaired(record, settings)
    return record


def _repaired(record: Record, settings: Settings) -> Record:
    turns = record.turns
    if settings.mojibake:
        turns = _changed(turns, _encoding_mender(), Repair.MOJIBAKE, record)
    if settings.nfc:
        turns = _changed(turns, _normal, Repair.NFC, record)
    return record if turns is record.turns else record._replace(turns=turns)


def check(record: Record, settings: Settings) -> None:
    """Raise `RowError` where the record does not keep the bounds that *settings* set."""
    characters, answers = 0, 0
    for role, content in record.turns:
        characters += len(content)
        if role == "assistant":
            answers += 1
        if (not content or content.isspace()) and role in _EMPTY:
            if role != "assistant" or settings.empty_answers == "reject":
                raise RowError(_EMPTY[role])
        elif "\x00" in content:
            raise RowError(Reason.NUL_BYTE, f"in the text of the {role}")
    if record.record == "messages" and not answers:
        raise RowError(Reason.NO_ANSWER, f"{len(record.turns)} messages")
    if characters < settings.min_characters:
        raise RowError(Reason.TOO_SHORT, f"{characters} characters")
    if settings.max_characters is not None and characters > settings.max_characters:
        raise RowError(Reason.TOO_MANY_CHARACTERS, f"{characters} characters")
    if settings.languages:
        _check_language(record, settings.languages)


def _check_language(record: Record, wanted: Sequence[str]) -> None:
    found = language.code_of(record.language)
    if found is None:
        found = language.detect("\n".join(content for _, content in record.turns))
    if found is not None and found not in wanted:
        raise RowError(Reason.OTHER_LANGUAGE, found)


def remarks(record: Record) -> list[str]:
    """The codes of what is worth a look in a record."""
    for _, content in record.turns:
        if ("<" in content or "[" in content) and _may_hold_token(content) and CONTROL_TOKEN.search(content):
            return [Remark.CONTROL_TOKEN]
    return []


def _may_hold_token(text: str) -> bool:
    return "<|" in text or "_of_turn>" in text or "INST]" in text or "SYS>>" in text


def _changed(turns: list[Turn], change: Callable[[str], str], code: Repair, record: Record) -> list[Turn]:
    changed = [(role, change(content)) for role, content in turns]
    if changed == turns:
        return turns
    record.repairs.add(code)
    return changed


def _normal(text: str) -> str:
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def _encoding_mender() -> Callable[[str], str]:
    """The repair of encodings that ftfy makes, alone: quotes, entities and ligatures stay, for they may be code."""
    try:
        from ftfy import fix_encoding
    except ImportError as error:
        raise SettingsError(
            "[ingest] mojibake needs the package ftfy, which is not installed", fix="pip install ftfy, or set it false"
        ) from error
    mender: Callable[[str], str] = fix_encoding
    return mender
