"""`curate score`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from curate.cli import estimate, output, summary
from curate.cli.options import common, engines, setting
from curate.cli.session import writing
from curate.embed.step import Settings as EmbedSettings
from curate.errors import SettingsError
from curate.ingest.step import Report as IngestReport
from curate.ingest.step import Settings as IngestSettings
from curate.ingest.step import keep_stdin
from curate.pipeline import settle
from curate.recipe import changed
from curate.score.step import Report as ScoreReport
from curate.score.step import Settings as ScoreSettings
from curate.session import begun
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from curate.engines.choice import Choice


@click.command(
    "score",
    epilog="Example: curate score lessons.jsonl more/*.parquet -o runs/first --scorers length,perplexity",
)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("-o", "--output", "run", required=True, metavar="RUN", help="Run folder; made where there is none.")
@click.option("--recipe", "recipe_path", type=click.Path(path_type=str), help="Recipe to start from (TOML).")
@click.option(
    "--map",
    "mapping",
    metavar="OURS=THEIRS,..",
    help="Which of your columns is what: prompt=q,completion=answers.0.text; or context, system, messages, text.",
)
@setting(ScoreSettings, "scorers")
@setting(ScoreSettings, "lm")
@setting(EmbedSettings, "encoder")
@setting(ScoreSettings, "tokenizer")
@setting(ScoreSettings, "precision")
@setting(ScoreSettings, "device")
@click.option("--target", multiple=True, metavar="SOURCE", help="Rows to be good at; how near is each example?")
@setting(ScoreSettings, "labels")
@setting(ScoreSettings, "max_failures")
@setting(IngestSettings, "limit")
@click.option("--report", is_flag=True, help="Say how far the scores agree with each other, with length and labels.")
@click.option("--seed", type=int, help="Decides everything that is left to chance. [default: 0]")
@engines
@click.option("--dry-run", is_flag=True, help="Estimate tokens and time; write nothing.")
@common
def command(
    sources: tuple[str, ...],
    run: str,
    recipe_path: str | None,
    mapping: str | None,
    encoder: str | None,
    target: tuple[str, ...],
    limit: int | None,
    report: bool,
    seed: int | None,
    engine: Choice,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **scoring: object,
) -> None:
    """Read examples from SOURCE (files, folders, globs, - for stdin) and score how hard each one is.

    Parts that are scored already are kept, so an interrupted or repeated command goes on from there.
    """
    recipe = begun(run, recipe_path)
    listed = [{"path": path, "map": _map(mapping)} for path in sources] or None
    shared = {key: scoring[key] for key in ("precision", "device")}
    recipe = changed(
        recipe,
        {
            "": {"sources": listed, "seed": seed, "target": [{"path": path} for path in target] or None},
            "ingest": {"limit": limit},
            "embed": {"encoder": encoder, **shared},
            "score": scoring,
        },
    )
    if not recipe.sources:
        raise SettingsError("no source is named", fix="curate score FILE... -o RUN")
    if any(source.path == "-" for source in recipe.sources) and not sys.stdin.isatty():
        keep_stdin(Workspace(run), sys.stdin.buffer)
    if dry_run:
        estimate.show(recipe, as_json=as_json)
        return
    settled = settle(recipe)
    with writing(run, settled, engine=engine, quiet=quiet, verbose=verbose) as pipeline:
        scored = pipeline.build("score")
        taken = pipeline.report("ingest")
        agreement = pipeline.agreement() if report else None
    if not isinstance(scored, ScoreReport) or not isinstance(taken, IngestReport):
        raise TypeError("the steps gave other reports")
    if as_json:
        found = {"ingest": taken, "score": scored} | ({} if agreement is None else {"agreement": agreement})
        output.as_json({name: each.model_dump(mode="json") for name, each in found.items()})
        return
    summary.taken(taken)
    summary.scored(scored)
    if agreement is not None:
        summary.agreed(agreement)
    output.note(f"next: curate tier {output.quoted(run)}")


def _map(text: str | None) -> dict[str, str]:
    pairs = [each.split("=", 1) for each in (text or "").split(",") if each.strip()]
    odd = [pair for pair in pairs if len(pair) != 2]
    if odd:
        raise SettingsError(
            f"--map has {odd[0][0]!r}, which names no column", fix="write --map prompt=question,completion=answer"
        )
    return {pair[0].strip(): pair[1].strip() for pair in pairs}
