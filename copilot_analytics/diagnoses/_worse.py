"""The one order of troubles: what is worse than what, and what takes the place of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.diagnoses._base import Trouble

# A stall is no finding: the life of the run tells it.
_ORDER = (
    "pace", "spike", "plateau", "dead", "overfitting", "divergence", "nan", "stall", "crash",
)  # fmt: skip
_LOSES_ALL = ("divergence", "nan")
_NO_MERE_PLATEAU = ("dead", "overfitting")


def rank(trouble: str | None) -> int:
    """Return the place of a trouble in the order, the worse the higher; 0 for none.

    Examples
    --------
    >>> rank("crash") > rank("nan") > rank("overfitting") > rank("plateau") > rank(None)
    True
    """
    return 0 if trouble is None else _ORDER.index(trouble) + 1


def gives_way(lesser: Trouble | None, worse: Trouble | None) -> bool:
    """Tell whether a worse trouble takes the place of a lesser one, whose end is no good news then.

    Weights that NaN reached no longer overfit, and a loss that stays up was no spike. A spike that
    is over has nothing to do with a model that overfits.

    Examples
    --------
    >>> gives_way("overfitting", "divergence"), gives_way("spike", "overfitting")
    (True, False)
    >>> gives_way("overfitting", "overfitting"), gives_way(None, None)
    (True, False)
    """
    if lesser is None or worse is None or lesser == "pace":
        return False
    if lesser == worse:
        return True
    of_its_matter = worse in _LOSES_ALL or (lesser == "plateau" and worse in _NO_MERE_PLATEAU)
    return of_its_matter and rank(worse) > rank(lesser)
