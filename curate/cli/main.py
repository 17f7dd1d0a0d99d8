"""The command `curate`: knows the names of its commands, and loads the one that is called."""

from __future__ import annotations

import os
import shlex
import sys
from importlib import import_module

import click

from curate import __version__
from curate.errors import CurateError, did_you_mean

COMMANDS = {
    "run": "Do everything that a recipe says.",
    "score": "Read examples and score how hard each one is.",
    "mine": "Look for duplicates, leaks, edge cases and noise.",
    "tier": "Cut tiers, plan stages, write the dataset.",
    "audit": "Report on balance, coverage and progression.",
    "export": "Write configurations for other trainers.",
    "train": "Fine-tune a model in stage order.",
    "ablate": "Say whether the order pays, against random order.",
    "probe": "Measure a model on what is held out.",
    "diagnose": "Say why a stage does badly, and what to change.",
    "revise": "Make the next edition from what is known of one.",
    "diff": "Say what changed between two editions.",
    "verify": "Prove that a run is whole and in order.",
    "explain": "Tell one row's story.",
    "show": "Look at rows in training order.",
    "status": "Say what is done and what is stale.",
    "scorers": "List the scorers that are installed.",
}

_INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands whose modules are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which people use them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, or a usage error with the nearest name."""
        if cmd_name not in COMMANDS:
            raise click.UsageError(f"there is no command {cmd_name!r}; {did_you_mean(cmd_name, COMMANDS)}", ctx)
        command: click.Command = import_module(f"curate.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `curate score FILE -o RUN`, then `curate tier RUN` and `curate audit RUN`.",
)
@click.version_option(__version__, prog_name="curate")
def group() -> None:
    """Make curriculum-ordered datasets for fine-tuning language models."""


def main() -> None:
    """Run the command line; every problem ends in a sentence and an exit code."""
    if not sys.stderr.isatty() or {"-q", "--quiet"} & set(sys.argv):
        os.environ.setdefault("TQDM_DISABLE", "1")  # the bars of other libraries are as quiet as ours
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = group.main(arguments, prog_name="curate", standalone_mode=False)
    except CurateError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        again = shlex.join(["curate", *arguments])
        click.echo("interrupted; what is finished is kept, and the same command goes on from there:", err=True)
        click.echo(f"  {again}", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0
