"""Which trouble takes the place of another one, so that the end of that is no good news."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.diagnoses._base import Trouble

_TAKES_ITS_PLACE: dict[Trouble, frozenset[Trouble]] = {
    "spike": frozenset({"divergence", "nan"}),
    "plateau": frozenset({"dead", "overfitting", "divergence", "nan"}),
    "overfitting": frozenset({"divergence", "nan"}),
    "dead": frozenset({"divergence", "nan"}),
    "divergence": frozenset({"nan"}),
}


def gives_way(lesser: Trouble | None, worse: Trouble | None) -> bool:
    """Tell whether a worse trouble is of the matter of a lesser one, and not beside it.

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
    return lesser == worse or worse in _TAKES_ITS_PLACE.get(lesser, frozenset())
