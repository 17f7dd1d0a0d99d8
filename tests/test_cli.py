"""The command line: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli.main import COMMANDS, call
from tests.pipeline_runs import recipe, tree, write_source

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source") / "lessons.jsonl")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    assert call(["score", str(source), "-o", str(folder), "--scorers", "length", "-q"]) == 0
    assert call(["tier", str(folder), "--stages", "3", "--skills", "column:skill", "--keep", "skill", "-q"]) == 0
    assert call(["audit", str(folder), "--by", "author", "-q"]) == 0
    return folder


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from curate.cli.main import call; call(['--help']); "
        "heavy = {'torch', 'transformers', 'pyarrow', 'polars', 'numpy', 'pydantic'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Make curriculum-ordered datasets" in done.stdout


def test_a_pipeline_starts_without_what_few_commands_need() -> None:
    code = (
        "import sys, curate.pipeline; heavy = {'torch', 'polars', 'curate.train.step'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["mine", "tier", "audit", "verify", "show", "status", "explain"])
def test_commands_that_need_no_model_import_no_torch(run: Path, command: str) -> None:
    more = {"explain": ["lessons"], "show": ["-n", "1"]}.get(command, [])
    code = (
        f"import sys; from curate.cli.main import call; call([{command!r}, {str(run)!r}, *{more!r}]); "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'datasets', 'ray'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([command, "--help"]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: curate {command}" in shown
    assert "--json" in shown


def test_score_says_what_came_in_and_what_to_do_next(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["score", str(source), "-o", str(tmp_path / "r"), "--scorers", "length"]) == 0

    told = capsys.readouterr()
    assert "rows in" in told.out
    assert "invalid-json" in told.out
    assert told.err.endswith(f"next: curate tier {tmp_path / 'r'}\n")


def test_columns_of_lists_can_be_skills_domains_groups_and_licences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, folder = tmp_path / "rows.jsonl", str(tmp_path / "run")
    rows = [
        {
            "prompt": f"What is {row} and {row}?",
            "completion": f"It is {row * 2}, as {row} and {row} make {row * 2}.",
            "path": ["sums", "easy" if row < 20 else "hard"],
            "licence": ["cc-by-4.0", "mit", "mit"],
        }
        for row in range(40)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    assert call(["score", str(source), "-o", folder, "--scorers", "length", "-q"]) == 0
    assert call(["tier", folder, "--stages", "2", "--skills", "column:path", "--domain", "path", "-q"]) == 0
    assert call(["audit", folder, "--by", "path,licence", "--fail-on", "none", "-q"]) == 0
    assert call(["explain", folder, "rows.jsonl:1", "-q"]) == 0

    assert "sums / easy" in capsys.readouterr().out
    report = json.loads((tmp_path / "run/audit/report.json").read_text(encoding="utf-8"))
    assert [(use["licence"], use["rows"]) for use in report["quality"]["licences"]] == [("cc-by-4.0-and-mit", 40)]


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["status"], "ingest"),
        (["verify"], "checks"),
        (["show", "-n", "2"], None),
        (["mine"], "kinds"),
        (["tier", "--dry-run"], "stages"),
        (["audit"], "findings"),
    ],
)
def test_json_is_all_that_stdout_holds(
    run: Path, arguments: list[str], key: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([arguments[0], str(run), *arguments[1:], "--json", "-q"]) == 0

    value = json.loads(capsys.readouterr().out)
    assert len(value) == 2 if key is None else key in value


def test_a_dry_run_of_tier_shows_the_plan_and_writes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(run)

    assert call(["tier", str(run), "--stages", "5", "--dry-run"]) == 0

    told = capsys.readouterr()
    assert "stage-04 (mixed)" in told.out
    assert "nothing was written" in told.err
    assert tree(run) == before


def test_a_dry_run_of_score_estimates_and_writes_nothing(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "r"

    assert call(["score", str(source), "-o", str(folder), "--scorers", "length", "--dry-run", "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 62
    assert figures["tokens"] > 62 * 20
    assert not folder.exists()


def test_verify_finds_a_flipped_byte_and_exits_with_5(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shard = next((copy / "dataset" / "data").rglob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(bytes(data))

    assert call(["verify", str(copy)]) == 5

    assert "error" in capsys.readouterr().err


def test_explain_tells_an_example_a_copy_and_a_reject(
    run: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in (1, 61, 62):
        assert call(["explain", str(run), f"{source}:{row}", "--json"]) == 0
    text = capsys.readouterr().out
    stories = [json.loads(piece) for piece in text.replace("}\n{", "}\0{").split("\0")]

    assert stories[0]["id"] == stories[1]["id"]
    assert [origin["outcome"] for origin in stories[0]["origins"]] == ["example", "copy"]
    assert stories[0]["places"] or stories[0]["fate"] == "holdout"
    assert stories[0]["scores"]["length.log_tokens"] > 0
    assert stories[2]["id"] is None
    assert stories[2]["origins"][0]["reason"].startswith("invalid-json")


def test_explain_takes_the_end_of_a_sources_path_and_names_the_nearest(
    run: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["explain", str(run), f"{source.name}:2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["origins"][0]["source"] == str(source)
    assert call(["explain", str(run), "lesson.jsonl:2"]) == 2
    assert f"'lesson.jsonl': no source ends with it\n  fix: choose from {source}" in capsys.readouterr().err
    assert call(["explain", str(run), f"{source.name}:99"]) == 2
    assert "rows of a source are counted from 1" in capsys.readouterr().err


def test_explain_prints_a_story_for_people(run: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["explain", str(run), f"{source}:2"]) == 0
    assert call(["explain", str(run), f"{source}:62"]) == 0

    out = capsys.readouterr().out
    assert "is example" in out
    assert "length.log_tokens" in out
    assert "is rejected: invalid-json" in out


def test_show_lists_rows_in_order(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(run), "--stage", "1", "--tier", "0", "-n", "3", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [row["stage"] for row in rows] == [1] * len(rows)
    assert [row["order"] for row in rows] == sorted(row["order"] for row in rows)


def test_status_says_what_is_done_and_what_is_not(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["status", str(run)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("done")] == [
        "ingest", "score", "mine", "tag", "tier", "pace", "write", "audit",
    ]  # fmt: skip


def test_run_does_everything_and_ends_with_the_next_command(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from curate.recipe import dump

    path = tmp_path / "small.toml"
    path.write_bytes(dump(recipe(source)))

    assert call(["run", str(path), "-o", str(tmp_path / "r")]) == 0

    told = capsys.readouterr()
    for title in ("Input", "Stages", "Fates", "Findings"):
        assert title in told.out
    assert told.err.endswith(f"next: curate verify {tmp_path / 'r'}\n")
    assert (tmp_path / "r" / "audit" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tierr"], 2, "did you mean 'tier'"),
        (["score"], 2, "Missing option '-o'"),
        (["score", "-o", "{tmp}/r"], 2, "no source is named"),
        (["score", "{tmp}/none.jsonl", "-o", "{tmp}/r", "--scorers", "length"], 2, "none.jsonl"),
        (["score", "{source}", "-o", "{tmp}/r", "--scorers", "lenght"], 2, "did you mean 'length'"),
        (["score", "{source}", "-o", "{tmp}/r", "--map", "prompt"], 2, "--map"),
        (["score", "{source}", "-o", "{tmp}/r", "--map", "promt=x"], 2, "did you mean 'prompt'"),
        (["score", "{source}", "-o", "{tmp}/r", "--precision", "fp8"], 2, "fp8"),
        (["score", "{source}", "-o", "{tmp}/r", "--lm", "nobody"], 2, "no model is called"),
        (["score", "{source}", "-o", "{tmp}/r", "--recipe", "{tmp}/none.toml"], 2, "there is no recipe"),
        (["tier", "{tmp}"], 2, "is no run folder"),
        (["tier", "{run}", "--stages", "0"], 2, "stages"),
        (["tier", "{run}", "--dry-run", "--skills", "column:skil"], 2, "did you mean 'skill'"),
        (["tier", "{run}", "--stages", "three"], 2, "three"),
        (["audit", "{tmp}"], 2, "is no run folder"),
        (["audit", "{run}", "--by", "autor"], 2, "did you mean 'author'"),
        (["verify", "{tmp}"], 5, "manifest.json is missing"),
        (["explain", "{run}", "zzzz"], 2, "no row has the id"),
        (["explain", "{run}", "nofile:3"], 2, "no input row is"),
        (["explain", "{run}", "nofile:x"], 2, "names no row"),
        (["show", "{run}", "--stage", "99"], 2, "there is no stage 99"),
        (["run", "{tmp}/none.toml"], 2, "there is no recipe"),
    ],
)
def test_a_bad_call_says_what_is_wrong_and_how_to_mend_it(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    run: Path,
    source: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [each.format(tmp=tmp_path, run=run, source=source) for each in arguments]

    assert call(filled) == code

    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("curate.cli.main.group.main", interrupted)

    assert call(["status", "a run"]) == 130
    assert capsys.readouterr().err.endswith("goes on from there:\n  curate status 'a run'\n")


def test_a_gate_that_does_not_hold_exits_with_6(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "r"
    call(["score", str(source), "-o", str(folder), "--scorers", "length", "-q"])
    call(["tier", str(folder), "-q"])

    code = call(["audit", str(folder), "--fail-on", "warning", "-q"])

    findings = json.loads((folder / "audit" / "report.json").read_bytes())["findings"]
    graver = [each for each in findings if each["severity"] != "note"]
    assert code == (6 if graver else 0)
    assert graver, "length alone makes an order by length, which is a warning"


def test_a_gate_stays_until_it_is_lifted_and_makes_no_report_anew(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "r"
    call(["score", str(source), "-o", str(folder), "--scorers", "length", "-q"])
    call(["tier", str(folder), "-q"])
    call(["audit", str(folder), "-q"])
    made = (folder / "audit" / "report.html").stat().st_mtime_ns

    codes = [
        call(["audit", str(folder), "-q", *more]) for more in (["--fail-on", "warning"], [], ["--fail-on", "none"], [])
    ]

    assert codes == [6, 6, 0, 0]
    assert (folder / "audit" / "report.html").stat().st_mtime_ns == made


def test_scorers_lists_what_each_needs_gives_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["scorers"]) == 0
    assert call(["scorers", "--json"]) == 0

    text = capsys.readouterr().out
    shown, listed = text.split("{", 1)
    assert "total_nll *: harder" in shown
    value = json.loads("{" + listed)
    assert {"length", "readability", "perplexity", "density"} <= value.keys()
    assert all(each["source"] and each["gives"] for each in value.values())


def test_show_prints_a_table_for_people(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(run), "-n", "2"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["order", "stage", "tier", "role", "skill", "difficulty", "id", "text"]
    assert lines[2].split()[0] == "0"


def test_a_dry_run_of_a_recipe_estimates_for_people(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from curate.recipe import dump

    path = tmp_path / "small.toml"
    path.write_bytes(dump(recipe(source)))

    assert call(["run", str(path), "-o", str(tmp_path / "r"), "--dry-run"]) == 0

    told = capsys.readouterr()
    assert "seconds at most" in told.out
    assert "nothing was written" in told.err
    assert not (tmp_path / "r").exists()


def test_run_as_json_gives_every_report(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from curate.recipe import dump

    path = tmp_path / "small.toml"
    path.write_bytes(dump(recipe(source)))

    assert call(["run", str(path), "-o", str(tmp_path / "r"), "--json", "-q"]) == 0

    assert list(json.loads(capsys.readouterr().out)) == [
        "ingest", "score", "mine", "tag", "tier", "pace", "write", "audit",
    ]  # fmt: skip


def test_a_source_can_come_from_standard_input(tmp_path: Path, source: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "curate", "score", "-", "-o", str(tmp_path / "r"), "--scorers", "length", "--json"],
        input=source.read_bytes(),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ingest"]["examples"] == 60
    assert call(["tier", str(tmp_path / "r"), "-q"]) == 0


def test_columns_are_mapped_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"frage": "was?", "antwort": "das"}\n')

    code = call(
        ["score", str(path), "-o", str(tmp_path / "r"), "--map", "prompt=frage,completion=antwort",
         "--scorers", "length", "--json", "-q"]
    )  # fmt: skip

    assert code == 0
    assert json.loads(capsys.readouterr().out)["ingest"]["examples"] == 1


def test_progress_is_shown_at_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from curate.cli import output

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with output.watched(quiet=False, verbose=False) as shown:
        shown("score", 0, 10, "rows")
        shown("score", 5, None, "rows")
    with output.watched(quiet=True, verbose=False) as unseen:
        unseen("score", 0, 10, "rows")

    assert shown is not unseen


def test_what_is_generated_is_up_to_date() -> None:
    from curate.cli.reference import files

    root = Path(__file__).parents[1]

    assert [path.name for path, data in files(root).items() if path.read_bytes() != data] == []


def test_every_json_that_leaves_the_house_fits_its_schema(run: Path) -> None:
    import jsonschema

    root = Path(__file__).parents[1] / "schemas"
    for path, name in (
        ("dataset/manifest.json", "manifest"),
        ("dataset/schedule.json", "schedule"),
        ("audit/report.json", "audit"),
        ("plan.json", "plan"),
        ("steps/ingest.json", "ingest"),
        ("steps/score.json", "score"),
    ):
        value = json.loads((run / path).read_bytes())
        jsonschema.validate(value, json.loads((root / f"{name}.json").read_bytes()))
