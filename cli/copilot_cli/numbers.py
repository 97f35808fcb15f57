"""Numbers among the options: what is expected is told in the same words by every Typer."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer


def read_count(text: str) -> int:
    """Read a whole number of at least 1.

    Examples
    --------
    >>> read_count("8")
    8
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        msg = f"{text!r} is not a whole number of at least 1, such as 8"
        raise typer.BadParameter(msg)
    return number


def read_amount(text: str) -> float:
    """Read a number of at least 0.

    Examples
    --------
    >>> read_amount("1.5")
    1.5
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number >= 0.0:  # NaN is not
        msg = f"{text!r} is not a number of at least 0, such as 2.5"
        raise typer.BadParameter(msg)
    return number


Gpus: TypeAlias = Annotated[
    int | None, typer.Option(parser=read_count, metavar="N", help="GPUs in use, for GPU-hours.")
]
"""An option of several commands."""
