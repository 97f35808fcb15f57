"""A ready-made analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_runs import make_analysis, make_run

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis


@pytest.fixture
def analysis() -> Analysis:
    """Return a running detector's analysis."""
    return make_analysis(make_run())
