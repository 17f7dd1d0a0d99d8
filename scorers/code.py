"""Code complexity: Halstead's measures of any language, and the syntax tree of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.protocol import Reason, Rising, ScoreField, Scorer, Scores, Status
from scorers import halstead, python_tree, snippets

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from scorers.snippets import Snippet

_NO_CODE = Reason(Status.NOT_APPLICABLE, "the answer holds no code")


class Code(Scorer):
    """How much code the answer holds and how much there is to understand in it.

    With n1 and n2 different operators and operands, N1 and N2 of them in all (Halstead 1977, "Elements of Software
    Science"): volume V = (N1 + N2) log2(n1 + n2), difficulty D = n1/2 x N2/n2, effort E = D V; ``log_effort`` =
    ln(1 + E). Operators are keywords, signs and pairs of brackets, operands are names, numbers and strings, in any
    language, so that languages can be compared. ``branches`` are decisions + 1 (McCabe 1976): from the syntax tree
    of Python, from the words and signs that branch in other languages. ``nodes`` and ``depth`` of the syntax tree are
    known for Python only.

    The code is that in fences, else the whole answer where it is code. Effort is the headline because it orders the
    Exercism exercises best (Spearman .70 with their difficulty and .33 with length held constant; nodes .69 and .26,
    branches .55 and .03, depth .48 and .15).
    """

    name = "code"
    version = "1"
    about = "complexity of the answer's code: Halstead's effort, branches, syntax tree"
    source = "Halstead 1977; McCabe 1976, A Complexity Measure"
    needs = ("answer_view", "kind")
    gives = (
        ScoreField(
            name="log_effort",
            rising=Rising.HARDER,
            unit="ln(1 + Halstead effort)",
            low=0,
            about="effort to understand the code",
            headline=True,
            weights={"code": 2.0},
        ),
        ScoreField(name="halstead_volume", rising=Rising.HARDER, unit="bits", low=0, about="size of the code"),
        ScoreField(
            name="halstead_difficulty", rising=Rising.HARDER, unit="", low=0, about="how dense its operators are"
        ),
        ScoreField(name="branches", rising=Rising.HARDER, unit="paths", low=1, about="decisions + 1"),
        ScoreField(name="nodes", rising=Rising.HARDER, unit="nodes", low=1, about="nodes of the syntax tree (Python)"),
        ScoreField(
            name="depth", rising=Rising.HARDER, unit="levels", low=1, about="levels of the syntax tree (Python)"
        ),
    )
    default = True

    def score(self, batch: pa.Table) -> Scores:
        """A row without code is not applicable; shapes (n,)."""
        rows = len(batch)
        values = {field.name: np.full(rows, np.nan, np.float32) for field in self.gives}
        reasons = {}
        answers, kinds = batch.column("answer_view").to_pylist(), batch.column("kind").to_pylist()
        for row, (answer, kind) in enumerate(zip(answers, kinds, strict=True)):
            found = snippets.find(answer, is_code=kind == "code")
            if not found:
                reasons[row] = _NO_CODE
            for name, value in measure(found).items():
                values[name][row] = value
        return Scores(values, reasons)


def measure(found: Sequence[Snippet]) -> dict[str, float]:
    """The measures of some snippets of code taken together, by field; what is not known is left out."""
    counts = halstead.count(found)
    if not counts.operators and not counts.operands:
        return {}
    trees = [each.tree for each in found if each.tree is not None]
    volume, difficulty = halstead.volume(counts), halstead.difficulty(counts)
    decisions = sum(
        halstead.decisions(each) if each.tree is None else python_tree.decisions(each.tree) for each in found
    )
    values = {"halstead_volume": volume, "branches": float(decisions + 1)}
    if difficulty is not None:
        values |= {"halstead_difficulty": difficulty, "log_effort": float(np.log1p(difficulty * volume))}
    if len(trees) == len(found):
        values["nodes"] = sum(python_tree.nodes(tree) for tree in trees)
        values["depth"] = max(python_tree.depth(tree) for tree in trees)
    return values
