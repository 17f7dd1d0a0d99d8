"""A model's own chat template: rendered the same on every day, and asked what it leaves out."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.models.untyped import Json, Tokenizer

Message = dict[str, str]
"""``role`` and ``content``."""

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
_FIXED_DATE = "{%- macro strftime_now(form) -%}26 Jul 2024{%- endmacro -%}"
_PROBE_TOOL = {"type": "function", "function": {"name": "probe", "description": "", "parameters": {}}}


class UnscorableError(Exception):
    """Why an example cannot be shown to this model; becomes the reason of its row."""


def probes(roles: Sequence[str]) -> list[Message]:
    """A conversation of these roles with contents that cannot be mistaken for what a template writes."""
    return [{"role": role, "content": f"curateprobe{turn}x"} for turn, role in enumerate(roles)]


class ChatTemplate:
    """The chat template of one tokenizer.

    Templates that write today's date are given a fixed one, so that a text never depends on the day.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._markers = sorted({*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}, key=len, reverse=True)
        self.dropped = lru_cache(maxsize=1024)(self._find_dropped)
        self.generation_prompt = lru_cache(maxsize=2)(self._find_generation_prompt)

    def exists(self) -> bool:
        """Whether the tokenizer has a template at all."""
        return self._tokenizer.chat_template is not None

    def render(self, messages: Sequence[Message], tools: Json, *, prompt: bool = False) -> str:
        """The conversation as text, with the assistant's header at its end where *prompt*.

        Raises `UnscorableError` where the template refuses the conversation.
        """
        from jinja2 import TemplateError

        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                tools=tools,
                chat_template=self._source(tools),
                tokenize=False,
                add_generation_prompt=prompt,
            )
        except TemplateError as error:
            raise UnscorableError(f"the chat template refuses the conversation: {error}") from error
        return text

    def marks(self, tools: Json) -> bool:
        """Whether the template marks what the assistant says with ``{% generation %}``."""
        return _GENERATION.search(self._source(tools)) is not None

    def marked(self, messages: Sequence[Message], tools: Json) -> tuple[str, list[tuple[int, int]]]:
        """The conversation as text and the characters that the template marks."""
        from transformers.utils.chat_template_utils import render_jinja_template

        texts, spans = render_jinja_template(
            conversations=[list(messages)],
            tools=tools,
            chat_template=self._source(tools),
            return_assistant_tokens_mask=True,
            **self._tokenizer.special_tokens_map,
        )
        return texts[0], spans[0]

    def end_of_turn(self, text: str, answer_end: int, limit: int) -> int:
        """Where the special token ends that follows an answer, with nothing but white space between.

        The answer's own end where there is none before *limit*.
        """
        start = limit - len(text[answer_end:limit].lstrip())
        for marker in self._markers:
            if marker.strip() and text.startswith(marker, start) and start + len(marker) <= limit:
                return start + len(marker)
        return answer_end

    def _source(self, tools: Json) -> str:
        source: str = self._tokenizer.get_chat_template(tools=tools)
        return _FIXED_DATE + source if "strftime_now" in source else source

    def _find_dropped(self, roles: tuple[str, ...], *, tools: bool) -> str | None:
        """What is missing when a conversation of this shape is rendered with contents that cannot be mistaken."""
        messages = probes(roles)
        text = self.render(messages, [_PROBE_TOOL] if tools else None)
        missing = sorted({message["role"] for message in messages if message["content"] not in text})
        if missing:
            return f"the turns of the role {missing[0]!r}"
        return "the tools" if tools and text == self.render(messages, None) else None

    def _find_generation_prompt(self) -> str:
        """What the template writes before the assistant's answer; empty where it is not the same everywhere."""
        messages = [{"role": "user", "content": "curateprobe"}]
        bare, asked = self.render(messages, None), self.render(messages, None, prompt=True)
        return asked[len(bare) :] if asked.startswith(bare) else ""
