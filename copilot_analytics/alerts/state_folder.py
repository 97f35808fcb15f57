"""Where copilot keeps what must outlive a watch: the ledger, and the journals of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return ``$XDG_STATE_HOME/copilot`` or ``~/.local/state/copilot``, whether or not it is there.

    Parameters
    ----------
    environment
        Where ``XDG_STATE_HOME``, if it is absolute, and ``HOME`` are looked up.

    Examples
    --------
    >>> str(state_folder({"XDG_STATE_HOME": "/state"})), str(state_folder({"HOME": "/home/me"}))
    ('/state/copilot', '/home/me/.local/state/copilot')
    """
    base = environment.get("XDG_STATE_HOME", "")
    home = environment.get("HOME")
    if base.startswith("/"):
        return Path(base) / "copilot"
    return (Path(home) if home else Path.home()) / ".local" / "state" / "copilot"
