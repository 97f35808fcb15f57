"""What runs are called that are watched together."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.report.markdown import name_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.live.watched import Watched


def name_among(watched: Watched, runs: Sequence[Watched]) -> str:
    """Return the name of a run, with a part of its path where another one has the same name."""
    name, path = _name(watched), watched.following.path
    like = [
        one.following.path
        for one in runs
        if one is not watched and not one.given_up and _name(one) == name
    ]
    return f"{name} ({part_apart(path, like)})" if like else name


def part_apart(path: str, others: Sequence[str]) -> str:
    """Return the shortest part of a path that tells it from others.

    Parameters
    ----------
    path, others
        Absolute paths.

    Examples
    --------
    >>> part_apart("/runs/a/train.log", ["/runs/a/metrics.jsonl"])
    'train.log'
    >>> part_apart("/runs/a/output/train.log", ["/runs/a/version_0/train.log"])
    'output'
    >>> part_apart("/runs/a/x/1.log", ["/runs/a/x/2.log", "/runs/a/y/2.log"])
    'x/1.log'
    """
    root = os.path.commonpath([path, *others])
    parts = Path(path).relative_to(root).parts
    if not parts:
        return Path(path).name  # the others lie below it
    shared = any(Path(one).relative_to(root).parts[:1] == parts[:1] for one in others)
    return "/".join(parts) if shared else parts[0]


def known_name(watched: Watched) -> str:
    """Return what a run was called; of one that is not read yet what its place calls it."""
    return watched.name or _name(watched)


def _name(watched: Watched) -> str:
    run = watched.following.log.run
    return _name_at(run.path, run.meta.name or "")


_name_at = lru_cache(maxsize=4096)(name_at)  # each of hundreds of logs is compared with all


def near(text: str) -> str:
    """Write paths below the current folder as a user types them.

    Examples
    --------
    >>> import os
    >>> near(f"{os.getcwd()}/runs/a.log is gone"), near("/dev/null")
    ('runs/a.log is gone', '/dev/null')
    """
    try:
        here = os.getcwd().rstrip("/") + "/"  # noqa: PTH109
    except OSError:  # it was removed
        return text
    return re.sub(rf"(?<!\S){re.escape(here)}(?=\S)", "", text) if len(here) > 1 else text
