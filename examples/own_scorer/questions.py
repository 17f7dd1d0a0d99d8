import numpy as np
import pyarrow as pa

from curate import Rising, ScoreField, Scorer, Scores


class Questions(Scorer):
    """Number of question marks in the prompt: more questions, harder to answer."""

    name, version, about, source = "questions", "1", "how many questions the prompt asks", "an example"
    needs = ("prompt_view",)
    gives = (
        ScoreField(name="marks", rising=Rising.HARDER, unit="marks", about="question marks", headline=True),
    )  # fmt: skip

    def score(self, batch: pa.Table) -> Scores:
        prompts = batch.column("prompt_view").to_pylist()
        return Scores({"marks": np.array([(text or "").count("?") for text in prompts], np.float32)})
