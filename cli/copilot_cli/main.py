"""The application: finds the commands and turns errors into words and exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import pkgutil
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from copilot_analytics.errors import CopilotError
from copilot_cli import commands

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_OF_A_VALIDATOR = "Value error, "  # what Typer's newer versions let through before the reason


class _Commands(TyperGroup):
    """The commands; misuse is told in plain words."""

    def invoke(self, ctx: Any) -> Any:  # of Typer's own click, or of click
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_OF_A_VALIDATOR)
            raise


app = typer.Typer(
    name="copilot",
    cls=_Commands,
    help="Reads a training log and says what happened, what will come, and what to do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"copilot {version('copilot-analytics')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before any command."""


for _module in pkgutil.iter_modules(commands.__path__):
    _command = importlib.import_module(f"{commands.__name__}.{_module.name}").COMMAND
    app.command(_module.name)(_command)


def main() -> None:
    """Run the command line; no traceback reaches the user."""
    try:
        app(prog_name="copilot")
    except CopilotError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output has gone; keep the interpreter from complaining at its exit.
        _leave_output()
        sys.exit(141)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            _leave_output()
            where = error.filename or "standard output"
            _fail(f"{where} cannot be written: {error.strerror}", 1)
        if os.environ.get("COPILOT_DEBUG"):
            raise
        _fail(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a bug in copilot. Set COPILOT_DEBUG=1 to see where, and please report it "
            "with the first lines of the log.",
            1,
        )


def _leave_output() -> None:
    """Send what is left for standard output to nowhere, so that the end does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    typer.echo(f"copilot: {message}", err=True)
    sys.exit(code)
