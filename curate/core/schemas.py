"""The Arrow schema of every table in a run folder."""

from __future__ import annotations

import pyarrow as pa

ID = pa.string()
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

LEDGER = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("id", ID),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("repairs", pa.list_(pa.string())),
    ]
)
"""One row per input row; outcome is example, copy or rejected; id is null where rejected."""

EXAMPLES = pa.schema(
    [
        ("id", ID),
        ("record", pa.string()),
        ("messages", MESSAGES),
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("text", pa.string()),
        ("tools", pa.string()),
        ("language", pa.string()),
        ("source", pa.string()),
        ("row", pa.int64()),
    ]
)
"""The fixed columns; a last column ``user`` (struct) holds the user's own and differs from part to part."""

REJECTED = pa.schema([("source", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])

TOKENS = pa.schema(
    [
        ("id", ID),
        ("tokens", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("answer_tokens", pa.int32()),
        ("kind", pa.string()),
    ]
)
"""Counted once for every row, whatever the scorers; kind is one of `views.KINDS`."""

MINHASH = pa.schema(
    [("key", pa.binary(16)), ("bands", pa.binary(100)), ("words", pa.int32()), ("characters", pa.int32())]
)
"""What mine keeps of each text for the search for duplicates: 128 bits of its words in order, the hashes of the 25
bands of its MinHash signature (32 bits each, as bytes), and its lengths."""

CASES = pa.schema([("upper", pa.string()), ("lower", pa.string())])
"""One row for each part: the words that it writes with a capital inside a sentence, and those that it writes without
one, with spaces between them; null where there are none."""

LEAKS = pa.schema([("row", pa.int64()), ("owner", pa.int64()), ("kind", pa.string()), ("share", pa.float64())])
"""Rows of a part that share words with rows of a benchmark (``owner``), both by place, and how much they share."""

MINED = pa.schema(
    [
        ("id", ID),
        ("kind", pa.string()),
        ("strength", pa.float32()),
        ("because", pa.string()),
        ("partners", pa.list_(pa.string())),
    ]
)
"""Proposals of mine; partners are ids, the one to stay first; in contamination they are SOURCE:ROW of a benchmark."""

SKILLS = pa.schema([("id", ID), ("skill", pa.string()), ("weight", pa.float32()), ("by", pa.string())])
"""``by`` is rule, similarity, classifier, cluster or none; ``weight`` is 1 for a rule, the probability that the
classifier gives (set right on seeds left out), and the cosine to the mean seed or the cluster for the others."""

TIERS = pa.schema(
    [
        ("id", ID),
        ("fate", pa.string()),
        ("partner", ID),
        ("difficulty", pa.float32()),
        ("uncertainty", pa.float32()),
        ("tier", pa.int8()),
    ]
)

REVISION = pa.schema(
    [("id", ID), ("fate", pa.string()), ("shift", pa.int8()), ("again", pa.int8()), ("because", pa.string())]
)
"""What a revision of an edition moves; a row that it leaves alone is not in it.

``fate`` is quarantined, learnt (taught by an earlier edition, so it comes as review alone), unused, or null where it
stays; ``shift`` is added to the tier; ``again`` is in how many stages the row comes once more, from its own on.
"""

ORDER = pa.schema(
    [
        ("order", pa.int64()),
        ("stage", pa.int16()),
        ("tier", pa.int8()),
        ("id", ID),
        ("role", pa.string()),
        ("because", pa.string()),
    ]
)
"""``because`` is the rule that put the row there; its words are those of `curate.pace.because`."""

PROBE = pa.schema(
    [
        ("id", ID),
        ("parent", ID),
        ("group", pa.int64()),
        ("family", pa.string()),
        ("kind", pa.string()),
        ("skill", pa.string()),
        ("tier", pa.int8()),
        ("domain", pa.string()),
        ("record", pa.string()),
        ("messages", MESSAGES),
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("text", pa.string()),
        ("tools", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("right", pa.int8()),
        ("lure", pa.string()),
    ]
)
"""One probe row, made from the held-out row ``parent`` (itself where family is plain).

``group`` is its unit of evidence. ``answers`` are the options of a multiple choice, each as a whole answer, and
``right`` numbers the right one; ``lure`` is what an adversarial prompt tries to draw out. Null where there is none.
"""


def vectors(width: int) -> pa.Schema:
    """The schema of a part of vectors of *width* numbers each."""
    return pa.schema([("id", ID), ("vector", pa.list_(pa.float32(), width))])


NEIGHBOURS = pa.schema([("id", ID), ("neighbours", pa.list_(pa.int64())), ("similarity", pa.list_(pa.float32()))])
"""``neighbours`` are positions in the order of the examples, nearest first, the row itself left out."""

SIGNALS = pa.schema(
    [
        ("curate_id", ID),
        ("seed", pa.int64()),
        ("visit", pa.int32()),
        ("step", pa.int64()),
        ("tokens", pa.int32()),
        ("loss", pa.float32()),
        ("gold_prob", pa.float32()),
        ("margin", pa.float32()),
        ("error_norm", pa.float32()),
        ("gradient_norm", pa.float32()),
    ]
)
"""What a training saw each time it came by a row; `curate.models.signals` makes the last five numbers.

``seed`` tells trainings apart, ``visit`` counts from 0 inside one of them, ``step`` is the optimiser's. Over the
``tokens`` that are trained on: ``loss`` mean negative log-likelihood in nats, ``gold_prob`` mean probability,
``margin`` mean of gold logit less largest other; ``error_norm`` and ``gradient_norm`` may be null.
"""

VISITS = pa.list_(pa.struct([field for field in SIGNALS if field.name != "curate_id"]))
"""What a scorer that needs ``signals`` sees of one row: its visits by seed, then number."""

TARGET = pa.schema([("id", ID), ("similarity", pa.list_(pa.float32()))])
"""Cosines of a row to its nearest rows of the target set, nearest first."""

REALISED = pa.schema(
    [
        ("order", pa.int64()),
        ("step", pa.int64()),
        ("stage", pa.int16()),
        ("tier", pa.int8()),
        ("curate_id", ID),
        ("role", pa.string()),
        ("place", pa.int64()),
        ("how", pa.string()),
        ("cut", pa.bool_()),
    ]
)
"""The rows that a training really took, in order.

``step`` is the optimiser's, ``place`` the row's `curate_order` in the dataset. ``how`` is null for a row of the plan,
``put in`` for one that a gate asked for, or the kind of its variation. ``cut`` rows lost their end to the longest
sequence; the role ``passed-over`` is that of a row that lost its whole answer to it, and so taught nothing.
"""

SCORE_TAIL = pa.schema([("status", pa.string()), ("reason", pa.string())])


def scores(fields: list[str]) -> pa.Schema:
    """The schema of a part of scores: id, one float per field, status, reason."""
    return pa.schema([("id", ID), *((name, pa.float32()) for name in fields), *SCORE_TAIL])
