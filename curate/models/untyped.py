"""Names for what comes from untyped libraries, so that signatures still say what is meant."""

from __future__ import annotations

from typing import Any

Tokenizer = Any
"""A fast tokenizer of transformers."""

Encoding = Any
"""One text as tokens, of the package tokenizers: it knows which characters each token holds."""

Network = Any
"""A model of transformers or sentence_transformers."""

Json = Any
"""What parsing JSON gave."""
