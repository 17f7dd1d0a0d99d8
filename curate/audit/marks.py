"""Marks that texts should not hold: control tokens, secrets and personal data.

Libraries decide, none of which asks the network: detect-secrets for keys, phonenumbers (Google's libphonenumber) for
telephone numbers, python-stdnum for cards and bank accounts, email-validator for addresses. Cheap patterns choose what
they look at.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

CONTROL_TOKENS = (
    r"<\|[a-z_]{2,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<bos>|<eos>|<pad>|\[(?:CLS|SEP|MASK)\]"
)
"""Tokens that steer chat templates: ChatML, Llama 2 and 3, Gemma, Mistral, BERT. In content they end a turn early."""

LEFT_OUT = (
    "Artifactory Credentials", "Base64 High Entropy String", "Basic Auth Credentials", "Hex High Entropy String",
    "Public IP (ipv4)", "Secret Keyword",
)  # fmt: skip
"""Detectors of detect-secrets that judge by looks and not by an issuer's form: in texts they are mostly wrong."""

OUR_FORMS = {
    "Google API Key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "Hugging Face Token": re.compile(r"\bhf_[A-Za-z0-9]{34}\b"),
    "Anthropic Key": re.compile(r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{80,}"),
}
"""Fixed forms that detect-secrets 1.5 does not know yet."""

REGIONS = {"en": "US", "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "pt": "BR", "ja": "JP", "zh": "CN"}
"""Where a number without a country code is looked for, by the language of its row."""

PLACEHOLDERS = re.compile(r"@(?:[\w-]+\.)*(?:example|test|email|domain|yourdomain)\.(?:com|org|net)$", re.IGNORECASE)
"""Addresses that stand for no one: the domains of RFC 2606 and their like."""

_SECRET = r"[A-Za-z0-9+/=_.-]{20,}|xox[abposr]-\d|:[0-9A-Za-z_-]{35}|PRIVATE KEY"
_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}"
_PHONE = r"\+[0-9][0-9 ().-]{6,18}[0-9]|\(?\b[0-9]{2,4}[).-]{1,2} ?[0-9]{3,4}[ .-][0-9]{3,4}\b"
_CARD = (
    r"\b(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2}|3[47][0-9]{2})"
    r"[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}\b"
)
_IBAN = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"


class Found(NamedTuple):
    """The rows that hold each mark, rising, and how many rows hold each type of secret."""

    rows: dict[str, NDArray[np.int64]]
    secrets: Counter[str]


def find(row: NDArray[np.int64], text: pa.Array, language: list[str | None]) -> Found:
    """Look through texts; *row* says to which row each belongs, *language* is that of each row."""
    marked = {"control tokens": row[_matching(text, CONTROL_TOKENS)]}
    keys: list[tuple[int, str]] = []
    at = _matching(text, _SECRET)
    for place, content in zip(row[at].tolist(), _taken(text, at), strict=True):
        keys += [(place, kind) for kind in secrets(content)]
    marked["keys and secrets"] = np.array([place for place, _ in keys], np.int64)
    marked["e-mail addresses"] = _decided(row, text, _EMAIL, lambda found, _: is_address(found))
    at = _matching(text, f"{_PHONE}|{_CARD}|{_IBAN}")
    row, text = row[at], text.take(at)
    marked["telephone numbers"] = _decided(
        row, text, _PHONE, lambda found, at: is_phone(found, REGIONS.get(language[at] or "en"))
    )
    cards = _decided(row, text, _CARD, lambda found, _: is_card(found))
    accounts = _decided(row, text, _IBAN, lambda found, _: is_iban(found))
    marked["cards and bank accounts"] = np.concatenate([cards, accounts])
    return Found({name: np.unique(rows) for name, rows in marked.items()}, Counter(kind for _, kind in set(keys)))


def secrets(text: str) -> set[str]:
    """The types of the secrets in a text that have an issuer's fixed form."""
    from detect_secrets.filters import heuristic

    found = {name for name, form in OUR_FORMS.items() if form.search(text)}
    for name, detector in _detectors().items():
        for value in detector(text):
            if not (heuristic.is_sequential_string(value) or heuristic.is_templated_secret(value)):
                found.add(name)
                break
    return found


def is_address(text: str) -> bool:
    """Whether this is an e-mail address that could be somebody's."""
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return PLACEHOLDERS.search(text) is None


def is_phone(text: str, region: str | None) -> bool:
    """Whether this is a valid telephone number, grouped as its country groups them."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    return PhoneNumberMatcher(text, region, leniency=Leniency.STRICT_GROUPING).has_next()


def is_card(text: str) -> bool:
    """Whether these digits keep the check digit of payment cards."""
    from stdnum import luhn

    return bool(luhn.is_valid(re.sub(r"\D", "", text)))


def is_iban(text: str) -> bool:
    """Whether this is an international bank account number, by its check digits and its country's form."""
    from stdnum import iban

    return bool(iban.is_valid(text))


@cache
def _detectors() -> dict[str, Callable[[str], Iterator[str]]]:
    """The detectors of detect-secrets by the type of secret; they look at strings and ask nobody."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return {name: classes[name]().analyze_string for name in sorted(classes) if name not in LEFT_OUT}


def _decided(
    row: NDArray[np.int64], text: pa.Array, pattern: str, decide: Callable[[str, int], bool]
) -> NDArray[np.int64]:
    """The rows in which something has the pattern and is decided to be what it looks like."""
    form = re.compile(pattern)
    at = _matching(text, pattern)
    pairs = zip(row[at].tolist(), _taken(text, at), strict=True)
    held = [place for place, content in pairs if any(decide(match.group(), place) for match in form.finditer(content))]
    return np.array(held, np.int64)


def _matching(text: pa.Array, pattern: str) -> NDArray[np.int64]:
    return np.flatnonzero(np.asarray(pc.match_substring_regex(text, pattern), np.bool_))


def _taken(text: pa.Array, at: NDArray[np.int64]) -> list[str]:
    taken: list[str] = text.take(at).to_pylist()
    return taken
