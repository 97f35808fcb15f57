from __future__ import annotations

import sys
from pathlib import Path

import pytest

from copilot_analytics.analyzers.forecast import ForecastAnalyzer, MetricForecast

sys.path.insert(0, str(Path(__file__).parent))  # for `made_up_runs`


@pytest.fixture
def no_forecast(monkeypatch):
    """Let the phase be judged without the forecast, which has its own tests."""
    monkeypatch.setattr(ForecastAnalyzer, "look", lambda *_: ())
    monkeypatch.setattr(ForecastAnalyzer, "result", lambda _: MetricForecast())
