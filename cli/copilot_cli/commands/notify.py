"""``copilot notify test``: proves that messages arrive before they are needed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Action(StrEnum):
    """What to do with the channels."""

    test = "test"


def notify(
    action: Annotated[Action, typer.Argument(help="test sends a message by each channel.")],
    token: Annotated[str | None, typer.Option(help="Telegram bot token.")] = None,
    chat: Annotated[str | None, typer.Option(help="Telegram chat.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File (mode 0600) with the token.")
    ] = None,
    api_base: Annotated[str | None, typer.Option(help="A Bot API server of your own.")] = None,
    slack: Annotated[str | None, typer.Option(help="Slack webhook URL.")] = None,
    discord: Annotated[str | None, typer.Option(help="Discord webhook URL.")] = None,
    webhook: Annotated[str | None, typer.Option(help="Any URL; it gets JSON.")] = None,
) -> None:
    """Send a test message by every channel that is set up, and say where it went."""
    from copilot_analytics.live.starting import prove

    named = {"token": token, "chat": chat, "token_file": token_file, "api_base": api_base}
    named |= {"slack": slack, "discord": discord, "webhook": webhook}
    del action  # there is one so far
    if not prove(dict(named), typer.echo):
        raise typer.Exit(1)


COMMAND = notify
