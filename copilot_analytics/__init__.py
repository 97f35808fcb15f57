"""Reads training logs and says what a good colleague would say after looking at them.

>>> import copilot_analytics as copilot
>>> analysis = copilot.analyze("sample_logs/digits_step")  # doctest: +SKIP
>>> analysis.summary  # doctest: +SKIP

Names are imported when they are first used, so that importing the package costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers._base import Analyzer, Options
    from copilot_analytics.analyzers.divergence import DivergenceAnalyzer
    from copilot_analytics.analyzers.eta import EtaAnalyzer
    from copilot_analytics.analyzers.forecast import ForecastAnalyzer
    from copilot_analytics.analyzers.learning_rate import LearningRateAnalyzer
    from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
    from copilot_analytics.analyzers.looking_back import LookingBackAnalyzer
    from copilot_analytics.analyzers.memory import MemoryAnalyzer
    from copilot_analytics.analyzers.metric import MetricAnalyzer
    from copilot_analytics.analyzers.overfitting import OverfittingAnalyzer
    from copilot_analytics.analyzers.phase import Phase, PhaseAnalyzer
    from copilot_analytics.analyzers.stopping import StoppingAnalyzer
    from copilot_analytics.analyzers.throughput import ThroughputAnalyzer
    from copilot_analytics.analyzers.trend import TrendAnalyzer
    from copilot_analytics.api import analyze, iter_items, read_run
    from copilot_analytics.diagnoses._base import Diagnosis
    from copilot_analytics.engine import Session
    from copilot_analytics.errors import (
        CopilotError,
        LogError,
        LogNotFoundError,
        NotATrainingLogError,
        NotEnoughPoints,
        PluginError,
        UnknownFormatError,
        UnknownMetricError,
        UnreadableLogError,
        UsageError,
    )
    from copilot_analytics.events import Event
    from copilot_analytics.findings import Evidence, Finding, NotJudged, Severity
    from copilot_analytics.formats._base import (
        ByteParser,
        JsonParser,
        LineParser,
        LogFormat,
        Sample,
    )
    from copilot_analytics.formats._document import DocumentFormat
    from copilot_analytics.formats._json_rows import JsonRowsFormat
    from copilot_analytics.formats._pairs import BLANK_PAIRS, COLON_PAIRS
    from copilot_analytics.formats._rows import Naming
    from copilot_analytics.formats._statements import Pattern, StatementFormat
    from copilot_analytics.formats._table import TableFormat
    from copilot_analytics.records import Block, Record
    from copilot_analytics.run import Run
    from copilot_analytics.run_meta import RunMeta
    from copilot_analytics.schedule import Schedule, Stage
    from copilot_analytics.stats.forecast import Forecast, forecast

_HOMES = {
    "analysis": ("Analysis",),
    "analyzers._base": ("Analyzer", "Options"),
    "analyzers.divergence": ("DivergenceAnalyzer",),
    "analyzers.eta": ("EtaAnalyzer",),
    "analyzers.forecast": ("ForecastAnalyzer",),
    "analyzers.learning_rate": ("LearningRateAnalyzer",),
    "analyzers.lifecycle": ("LifecycleAnalyzer",),
    "analyzers.looking_back": ("LookingBackAnalyzer",),
    "analyzers.memory": ("MemoryAnalyzer",),
    "analyzers.metric": ("MetricAnalyzer",),
    "analyzers.overfitting": ("OverfittingAnalyzer",),
    "analyzers.phase": ("Phase", "PhaseAnalyzer"),
    "analyzers.stopping": ("StoppingAnalyzer",),
    "analyzers.throughput": ("ThroughputAnalyzer",),
    "analyzers.trend": ("TrendAnalyzer",),
    "api": ("analyze", "iter_items", "read_run"),
    "diagnoses._base": ("Diagnosis",),
    "engine": ("Session",),
    "errors": (
        "CopilotError",
        "LogError",
        "LogNotFoundError",
        "NotATrainingLogError",
        "NotEnoughPoints",
        "PluginError",
        "UnknownFormatError",
        "UnknownMetricError",
        "UnreadableLogError",
        "UsageError",
    ),
    "events": ("Event",),
    "findings": ("Evidence", "Finding", "NotJudged", "Severity"),
    "formats._base": ("ByteParser", "JsonParser", "LineParser", "LogFormat", "Sample"),
    "formats._document": ("DocumentFormat",),
    "formats._json_rows": ("JsonRowsFormat",),
    "formats._pairs": ("BLANK_PAIRS", "COLON_PAIRS"),
    "formats._rows": ("Naming",),
    "formats._statements": ("Pattern", "StatementFormat"),
    "formats._table": ("TableFormat",),
    "records": ("Block", "Record"),
    "run": ("Run",),
    "run_meta": ("RunMeta",),
    "schedule": ("Schedule", "Stage"),
    "stats.forecast": ("Forecast", "forecast"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BLANK_PAIRS",
    "COLON_PAIRS",
    "Analysis",
    "Analyzer",
    "Block",
    "ByteParser",
    "CopilotError",
    "Diagnosis",
    "DivergenceAnalyzer",
    "DocumentFormat",
    "EtaAnalyzer",
    "Event",
    "Evidence",
    "Finding",
    "Forecast",
    "ForecastAnalyzer",
    "JsonParser",
    "JsonRowsFormat",
    "LearningRateAnalyzer",
    "LifecycleAnalyzer",
    "LineParser",
    "LogError",
    "LogFormat",
    "LogNotFoundError",
    "LookingBackAnalyzer",
    "MemoryAnalyzer",
    "MetricAnalyzer",
    "Naming",
    "NotATrainingLogError",
    "NotEnoughPoints",
    "NotJudged",
    "Options",
    "OverfittingAnalyzer",
    "Pattern",
    "Phase",
    "PhaseAnalyzer",
    "PluginError",
    "Record",
    "Run",
    "RunMeta",
    "Sample",
    "Schedule",
    "Session",
    "Severity",
    "Stage",
    "StatementFormat",
    "StoppingAnalyzer",
    "TableFormat",
    "ThroughputAnalyzer",
    "TrendAnalyzer",
    "UnknownFormatError",
    "UnknownMetricError",
    "UnreadableLogError",
    "UsageError",
    "analyze",
    "forecast",
    "iter_items",
    "read_run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("copilot-analytics")
    if name not in _HOME_OF:
        msg = f"module 'copilot_analytics' has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"copilot_analytics.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
