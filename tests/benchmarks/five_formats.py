"""Real rows in five formats: plain text, exchange, with a system turn, with an input, and of several turns."""

from __future__ import annotations

import gzip
import json
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.real_rows import DATA
from tests.lm_fakes import chat, exchange, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from numpy.typing import NDArray

    from curate.models.chat import Rendered
    from curate.models.untyped import Network

Example = dict[str, object]


def _lines(path: str) -> list[dict[str, str]]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(DATA / path, "rt", encoding="utf-8", errors="replace") as lines:
        return [json.loads(line) for line in lines]


def _texts() -> Iterator[Example]:
    return (text(row["text"]) for row in _lines("cefr_sp_wikiauto/cefr_sp.jsonl.gz") if row["text"].strip())


def _exchanges() -> Iterator[Example]:
    return (exchange(row["instruction"], row["response"]) for row in _lines("dolly_6400/dolly_6400.jsonl.gz"))


def _systems() -> Iterator[Example]:
    for row in _lines("gsm8k/gsm8k_train.jsonl.gz"):
        yield chat(("system", "Solve step by step."), ("user", row["question"]), ("assistant", row["answer"]))


def _inputs() -> Iterator[Example]:
    for row in _lines("gpteacher_codegen/codegen.jsonl.gz"):
        yield exchange(f"{row['instruction']}\n\n{row['input']}".strip(), row["response"])


def _talks() -> Iterator[Example]:
    """Two questions in a row, the first with its answer."""
    found = _lines("mgsm/mgsm.jsonl.gz")
    for one, other in zip(found[::2], found[1::2], strict=False):
        yield chat(
            ("user", one["question"]),
            ("assistant", str(one["answer"])),
            ("user", other["question"]),
            ("assistant", f"= {other['answer']}"),
        )


FORMATS: dict[str, Callable[[], Iterator[Example]]] = {
    "text": _texts,
    "exchange": _exchanges,
    "system": _systems,
    "input": _inputs,
    "talk": _talks,
}


def examples(kind: str, count: int) -> list[Example]:
    """The first *count* rows of one format."""
    return list(islice(FORMATS[kind](), count))


def alone(network: Network, rendered: Rendered) -> NDArray[np.float64]:
    """The NLL of every scored token of one row by the network's own forward on that row, log-softmax in float64."""
    import torch

    ids = torch.from_numpy(rendered.tokens.astype(np.int64))[None]
    with torch.inference_mode():
        logits = network(input_ids=ids, use_cache=False).logits[0]
    parts = []
    for span in rendered.answers:
        before = torch.log_softmax(logits[span.start - 1 : span.end - 1].double(), dim=-1)
        parts.append(-before.gather(1, ids[0, span.start : span.end, None])[:, 0].numpy())
    return np.concatenate(parts)


def in_fp64(network: Network) -> Network:
    """The network itself, made to work in fp64; its norms, which go to fp32 whatever they get, by their formula."""
    for norm in (module for module in network.modules() if hasattr(module, "variance_epsilon")):
        norm.forward = partial(_normed, norm)
    return network.double()


def _normed(norm: Network, x: torch.Tensor) -> torch.Tensor:
    import torch

    scaled: torch.Tensor = norm.weight * x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + norm.variance_epsilon)
    return scaled
