"""Texts to unit vectors, in length-sorted batches of a fixed token budget, without sentence_transformers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import numpy as np

from curate.core import pulse
from curate.errors import ScorerError
from curate.models.batches import packed, padded
from curate.models.memory import halving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.models.bodies import Body
    from curate.models.pooling import Layers
    from curate.models.untyped import Network, Tokenizer

_log = logging.getLogger(__name__)

TOKEN_BUDGETS = {"cpu": 2048}
"""Tokens in a batch by kind of device; elsewhere `WIDE_BUDGET`."""

WIDE_BUDGET = 65_536


class Encoder(Protocol):
    """Turns texts into vectors of ``width`` numbers."""

    width: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (n, width), in the order of the texts; an empty text has one too."""


class TransformerEncoder:
    """A transformer whose token states are pooled."""

    def __init__(self, body: Body, tokenizer: Tokenizer, layers: Layers, width: int, longest: int) -> None:
        self._body = body
        self._tokenizer = tokenizer
        self._lower_case = layers.lower_case
        self._longest = min(layers.longest or longest, tokenizer.model_max_length)
        self.width = width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts longer than the encoder's limit are cut there, as the encoder was trained."""
        import torch

        ids = self._tokenise(texts)
        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        vectors = np.empty((len(ids), self.width), np.float32)
        cut = padded if self._body.padded else packed
        budget = TOKEN_BUDGETS.get(self._body.device.type, WIDE_BUDGET)
        done = 0
        with torch.inference_mode():
            for batch in cut(lengths, budget):
                for rows, made in halving(batch.tolist(), lambda rows: self._body.vectors([ids[row] for row in rows])):
                    if made is None:
                        raise ScorerError(
                            f"out of memory on a single text of {lengths[rows[0]]} tokens",
                            fix="use a smaller encoder, or --device cpu",
                        )
                    vectors[rows] = made.cpu().numpy()
                done += len(batch)
                pulse.beat(int(lengths[batch].sum()), done, len(ids))
        return vectors

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self._tokenizer(
            [text.strip().lower() if self._lower_case else text.strip() for text in texts],
            truncation=True,
            max_length=self._longest,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return ids


class LibraryEncoder:
    """An encoder of another build, run by sentence_transformers itself."""

    def __init__(self, model: Network, name: str) -> None:
        _log.info("%s is more than a transformer with mean or CLS pooling; sentence_transformers runs it", name)
        self._model = model
        self.width = int(model.encode([""], show_progress_bar=False).shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, whatever the model's own modules do about it."""
        if not texts:
            return np.empty((0, self.width), np.float32)
        made = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(made, dtype=np.float32)
