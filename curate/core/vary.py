"""Declared variations of an example: the same task and the same answer in another form.

A variation is decided by (seed, id, kind) alone. It is None where it would change the meaning, or where the example
has nothing to vary; so a caller never gets a copy of the original. Kinds and what they build on: surface noise
(Belinkov and Bisk 2018), distractors (Shi et al. 2023, GSM-IC), shuffled options (Pezeshkpour and Hruschka 2023),
clarifying answers (Kuhn et al. 2022), and retrieval without hints (the testing effect, Roediger and Karpicke 2006).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, get_args

from curate.core import options, surface
from curate.core.chance import chance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

Turns = tuple[tuple[str, str], ...]
Kind = Literal[
    "case", "spacing", "typos", "punctuation", "template", "options", "clarify", "distractor", "without-hints"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_TEMPLATES = (
    "Please help me with this.\n\n{}",
    "Here is a task for you:\n\n{}",
    "I have the following request.\n\n{}",
    "{}\n\nThank you.",
    "Task:\n{}",
)
_ASIDES = (
    "It has been raining all morning here.",
    "My neighbour's cat is asleep on the window sill.",
    "I am writing this on the train.",
    "The coffee at work tastes better today.",
    "A friend of mine likes questions like this one.",
)
_WHICH = (
    "Could you give me the text or the details that this refers to?",
    "I can do that. What should I work on?",
    "Something is missing: which input do you mean?",
)
_CROSS = re.compile(
    r"\b(?:above|below|both|neither|preceding|previous|former|latter|options?|choices?|[A-H] (?:and|or) [A-H])\b",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r":\s*\Z|\b(?:following|this (?:text|passage|article|code|sentence|paragraph|list))\b", re.IGNORECASE
)
_LOOKS_BACK = re.compile(r"\b(?:above|preceding|this message|this prompt|this text)\b", re.IGNORECASE)
_HINT = re.compile(
    r"\A(?:hints?|tips?|context|background|passage|worked (?:example|steps?)|steps?|example)\b[^\n:]{0,20}:",
    re.IGNORECASE,
)


def vary(kind: Kind, turns: Sequence[tuple[str, str]], seed: int, example_id: str) -> Turns | None:
    """The (role, content) pairs of one variation; None where it does not apply. Plain text has no variations."""
    asked = next((place for place, (role, _) in enumerate(turns) if role == "user"), None)
    if asked is None or len(turns) < asked + 2 or turns[asked + 1][0] != "assistant":
        return None
    varied = _HOW[kind](turns[asked][1], turns[asked + 1][1], chance(seed, "vary", f"{kind}\x00{example_id}"))
    if varied is None or varied == (("user", turns[asked][1]), ("assistant", turns[asked + 1][1])):
        return None
    return (*turns[:asked], *varied, *turns[asked + 2 :])


def _noisy(
    change: Callable[[str, np.random.Generator], str],
) -> Callable[[str, str, np.random.Generator], Turns | None]:
    def noisy(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
        if not surface.may_be_noisy(prompt):
            return None
        return ("user", change(prompt, luck)), ("assistant", answer)

    return noisy


def _template(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
    """The instruction inside a polite frame, its own words untouched; none round code that the answer goes on with."""
    if surface.is_about_form(prompt) or surface.has_code(prompt):
        return None
    return ("user", _pick(_TEMPLATES, luck).replace("{}", prompt, 1)), ("assistant", answer)


def _distractor(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
    """A sentence that has nothing to do with the task before it: no number in it, so no sum can change."""
    if surface.is_about_form(prompt) or surface.has_code(prompt) or _LOOKS_BACK.search(prompt):
        return None
    return ("user", f"{_pick(_ASIDES, luck)}\n\n{prompt}"), ("assistant", answer)


def _clarify(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
    """The instruction without its input, a question back, the input, and the answer as it was."""
    instruction, gap, given = prompt.partition("\n\n")
    if not gap or not given.strip() or not _REFERS.search(instruction):
        return None
    if "```" in instruction or surface.has_code(instruction) or (surface.has_code(given) and "code" not in instruction):
        return None
    return (
        ("user", instruction.rstrip(" :")),
        ("assistant", _pick(_WHICH, luck)),
        ("user", given),
        ("assistant", answer),
    )


def _without_hints(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
    """The retrieval form: paragraphs that give hints, context or worked steps are withheld, the answer is the same."""
    del luck
    paragraphs = prompt.split("\n\n")
    kept = [paragraph for paragraph in paragraphs if not _HINT.match(paragraph.lstrip())]
    if surface.has_code(prompt) or len(kept) == len(paragraphs) or not "".join(kept).strip():
        return None
    return ("user", "\n\n".join(kept)), ("assistant", answer)


def _options(prompt: str, answer: str, luck: np.random.Generator) -> Turns | None:
    """The options of a multiple choice in another order, and the answer's letter with them.

    None where options or the question speak of letters or of each other, or where the answer names an option in any
    way but at its beginning.
    """
    found = options.lettered(prompt)
    letters, texts = list(found), list(found.values())
    choice = options.named(answer.strip(), found)
    if (
        choice is None
        or len(set(texts)) < len(texts)
        or options.PLACES.search(options.OPTION.sub("", prompt))
        or any(_CROSS.search(text) for text in texts)
    ):
        return None
    order = luck.permutation(len(found)).tolist()
    if order == sorted(order):
        order = order[::-1]
    given = iter([texts[place] for place in order])
    shuffled = options.OPTION.sub(lambda match: "".join((*match.group(1, 2, 3), next(given))), prompt)
    letter = letters[order.index(letters.index(choice.letter))]
    return ("user", shuffled), ("assistant", f"{choice.before}{letter}{choice.after}{choice.words}")


def _pick(choices: Sequence[str], luck: np.random.Generator) -> str:
    return choices[int(luck.integers(len(choices)))]


_HOW: dict[Kind, Callable[[str, str, np.random.Generator], Turns | None]] = {
    "case": _noisy(surface.lower),
    "spacing": _noisy(surface.spaced),
    "typos": _noisy(surface.typed),
    "punctuation": _noisy(surface.unpunctuated),
    "template": _template,
    "options": _options,
    "clarify": _clarify,
    "distractor": _distractor,
    "without-hints": _without_hints,
}
