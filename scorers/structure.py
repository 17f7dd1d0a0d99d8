"""Structure: the steps of a worked answer, the constraints of an instruction, and what the answer is made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from curate.protocol import Rising, ScoreField, Scorer, Scores
from scorers.words import language_of

if TYPE_CHECKING:
    import pyarrow as pa

_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_NUMBERED = re.compile(r"[ \t]*(?:[*_#]+[ \t]*)?(?:\d{1,2}[.)][ \t]+|step[ \t]+\d+\b)", re.IGNORECASE)
_ITEM = re.compile(r"[ \t]*(?:[-*+•][ \t]+|\d{1,2}[.)][ \t]+)\S")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]")
_TABLE_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_TABLE_RULE = re.compile(r"[ \t|:-]+$")
_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*(?=\s|$)|[。！？]")  # noqa: RUF001 - full stops of Chinese
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONSTRAINTS = re.compile(
    r"\b(?:must|should|shall|need(?:s|ed)? to|ha(?:s|ve) to|required?|ensur\w+|make sure|be sure|remember to|strictly"
    r"|includ\w+|incorporat\w+|contain\w*|mention\w*|us(?:e|es|ing)|adopt\w*|employ\w*|integrat\w*|weav\w*|add(?:ing)?"
    r"|highlight\w*|emphasi[sz]\w*|provid\w*|identify\w*|maintain\w*|keep\w*|craft\w*|reflect\w*|follow\w*|begin\w*"
    r"|start\w*|end\w*|conclud\w*"
    r"|at least|at most|no more than|no fewer than|no less than|less than|more than|fewer than|up to|exactly|only"
    r"|within|limit\w*|maximum|minimum"
    r"|do not|don't|avoid\w*|without|never|no|not|except|exclud\w*|refrain\w*"
    r"|additionally|also|furthermore|moreover|as well as|along with|while|in addition|finally|then|both|plus|besides"
    r"|tone|style|format\w*|as if|as an?|like an?)\b",
    re.IGNORECASE,
)
"""Words that oblige, ask for content, limit, forbid, add a further wish, or set a manner."""


class Structure(Scorer):
    """Counts of what a reader sees without understanding a word.

    ``steps`` of the answer, its fenced code, tables and headings left out (so "#### 72", GSM8K's mark of the result,
    is none): its numbered lines where there are two or more; else its lines where there are two or more, or a
    heading beside one; else its sentences. On GSM8K that is the number of solution steps, exactly. ``constraints``
    of the prompt are the places where English words oblige, limit, forbid, or add a wish (after FollowBench, Jiang
    et al. 2024, whose levels are numbers of constraints); other languages have no value. ``numbers`` and
    ``equals_signs`` count those of the answer. A task without an answer stands for its own: there the numbers that it
    gives, the same in every language, weigh beside the likelihood.

    All of these grow with length. Measured: with the levels of MATH, steps reach Spearman .34, numbers .38 and length
    .48, and none adds to length (.06 at most); within the groups of FollowBench constraints reach .88 beside .93 for
    length, and .19 with length held constant.
    """

    name = "structure"
    version = "1"
    about = "steps of the answer, constraints of the prompt, lists, tables and code"
    source = "Cobbe et al. 2021, GSM8K (2110.14168); Jiang et al. 2024, FollowBench (2310.20410)"
    needs = ("prompt_view", "answer_view", "language")
    gives = (
        ScoreField(
            name="steps",
            rising=Rising.HARDER,
            unit="steps",
            low=0,
            about="numbered lines of the answer, else its lines, else its sentences",
            headline=True,
            weights={"chat": 0.25, "task": 0.0},
        ),
        ScoreField(
            name="constraints",
            rising=Rising.HARDER,
            unit="places",
            low=0,
            about="places of the prompt that oblige, limit, forbid or add (English)",
        ),
        ScoreField(
            name="numbers",
            rising=Rising.HARDER,
            unit="numbers",
            low=0,
            about="numbers in the answer",
            weights={"task": 1.25},
        ),
        ScoreField(name="equals_signs", rising=Rising.HARDER, unit="signs", low=0, about="= in the answer's prose"),
        ScoreField(name="list_items", rising=Rising.NEUTRAL, unit="items", low=0, about="items of lists in the answer"),
        ScoreField(
            name="table_rows", rising=Rising.NEUTRAL, unit="rows", low=0, about="rows of tables, heads included"
        ),
        ScoreField(name="code_lines", rising=Rising.NEUTRAL, unit="lines", low=0, about="lines of fenced code"),
    )
    default = True

    def score(self, batch: pa.Table) -> Scores:
        """Every row has a structure, if only an empty one; shapes (n,)."""
        prompts, answers = batch.column("prompt_view").to_pylist(), batch.column("answer_view").to_pylist()
        counted = [count_answer(text) for text in answers]
        values = {name: np.array([one[name] for one in counted], np.float32) for name in _ANSWER_FIELDS}
        tags = batch.column("language").to_pylist()
        values["constraints"] = np.array(
            [_constraints(text, tag) for text, tag in zip(prompts, tags, strict=True)], np.float32
        )
        return Scores(values)


_ANSWER_FIELDS = tuple(each.name for each in Structure.gives if each.name != "constraints")


def count_answer(text: str) -> dict[str, int]:
    """The counts of one answer, by field."""
    code = _FENCE.findall(text)
    lines = [line for line in (_FENCE.sub("", text) if code else text).splitlines() if line.strip()]
    table = [line for line in lines if _TABLE_ROW.match(line)]
    told = [line for line in lines if not _HEADING.match(line) and not _TABLE_ROW.match(line)]
    has_heading = len(told) + len(table) < len(lines)
    return {
        "steps": _steps(told, has_heading=has_heading),
        "numbers": sum(len(_NUMBER.findall(line)) for line in lines),
        "equals_signs": sum(line.count("=") for line in told),
        "list_items": sum(1 for line in lines if _ITEM.match(line)),
        "table_rows": sum(1 for line in table if not _TABLE_RULE.match(line)),
        "code_lines": sum(_inner_lines(block) for block in code),
    }


def count_constraints(prompt: str) -> int:
    """How many places of an English prompt oblige, ask for content, limit, forbid, add a wish or set a manner."""
    return len(_CONSTRAINTS.findall(prompt))


def _constraints(prompt: str | None, language: str | None) -> float:
    return np.nan if prompt is None or language_of(language, "en") != "en" else count_constraints(prompt)


def _steps(told: list[str], *, has_heading: bool) -> int:
    numbered = sum(1 for line in told if _NUMBERED.match(line))
    if numbered >= 2:
        return numbered
    if len(told) != 1 or has_heading:
        return len(told)
    ends = [match.end() for match in _SENTENCE_END.finditer(told[0])]
    return len(ends) + (not ends or bool(told[0][ends[-1] :].strip()))


def _inner_lines(block: str) -> int:
    """Lines of a fenced block that are neither empty nor a fence."""
    return sum(1 for line in block.splitlines() if line.strip() and not line.lstrip().startswith(("```", "~~~")))
