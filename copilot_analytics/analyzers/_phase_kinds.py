"""The eight phases, and those that are of one kind."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The eight phases."""

    INITIALIZING = "INITIALIZING"
    WARMUP = "WARMUP"
    LEARNING_FAST = "LEARNING_FAST"
    STABLE_CONVERGENCE = "STABLE_CONVERGENCE"
    PLATEAU = "PLATEAU"
    OVERFITTING_RISK = "OVERFITTING_RISK"
    DIVERGING = "DIVERGING"
    CONVERGED = "CONVERGED"


BEGINNING = frozenset({None, Phase.INITIALIZING, Phase.WARMUP})
IMPROVING = frozenset({Phase.LEARNING_FAST, Phase.STABLE_CONVERGENCE})
