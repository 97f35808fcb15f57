"""The report as one JSON document, for programs. Its schema stands in ``report/schema.json``."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from copilot_analytics.report.gpu import gpu_use
from copilot_analytics.report.looking_back import compared
from copilot_analytics.report.markdown import name_of
from copilot_analytics.report.which_checkpoint import DISK, recommendation, to_use

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis

SCHEMA_VERSION = "1.5"


def document(analysis: Analysis) -> dict[str, Any]:
    """Return the document: plain values only, numbers that are not finite as strings.

    The keys and their meaning are those of :func:`json_schema`; keys may be added within a major
    version, none is removed or changes its meaning.
    """
    run = analysis.run
    found = {
        "schema_version": SCHEMA_VERSION,
        "verdict": _verdict(analysis),
        "run": {
            "name": name_of(analysis),
            "path": run.path,
            "log_format": run.meta.log_format,
            "framework": run.meta.framework,
            "status": analysis.life.status,
            "status_reason": analysis.life.reason,
            "steps": run.last_step,
            "epochs": run.last_epoch,
            "planned_steps": run.planned_steps,
            "planned_epochs": run.meta.planned_epochs,
            "step_unit": "epoch" if run.counts_epochs else run.meta.step_unit,
            "train_points": len(run.train_log),
            "eval_points": len(run.eval_log),
            "segments": analysis.life.segments,
            "earlier_runs": analysis.earlier_runs,
            "active_s": analysis.life.active_s,
        },
        "phase": {
            "current": analysis.phases.current.value,
            "awaiting_decay": analysis.phases.awaiting_decay,
            "history": [
                {
                    "phase": span.phase.value,
                    "from_step": span.from_step,
                    "to_step": span.to_step,
                    "line": span.line,
                    "reason": span.reason,
                }
                for span in analysis.phases.history
            ],
        },
        "metric": _metric(analysis),
        "eta": _eta(analysis),
        "forecast": _forecast(analysis),
        "looking_back": [asdict(one) for one in compared(analysis)],
        "stop": _stop(analysis),
        "gpu": _gpu(analysis),
        "findings": [
            {
                "id": finding.id,
                "severity": str(finding.severity),
                "step": finding.step,
                "title": finding.title,
                "explanation": finding.explanation,
                "evidence": [asdict(evidence) for evidence in finding.evidence],
                "recommendation": recommendation(analysis, finding, DISK),
            }
            for finding in analysis.findings
        ],
        "events": [
            {
                "kind": event.kind,
                "key": event.key,
                "severity": str(event.severity),
                "step": event.step,
                "line": event.line,
                "time": _iso(event.time),
                "text": event.text,
            }
            for event in analysis.events
        ],
        "not_judged": [{"what": gap.what, "why": gap.why} for gap in analysis.not_judged],
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def to_json(analysis: Analysis) -> str:
    """Return the document as strict JSON text."""
    return json.dumps(document(analysis), indent=2, ensure_ascii=False, allow_nan=False)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the document.

    Examples
    --------
    >>> json_schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    True
    """
    text = files("copilot_analytics.report").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _verdict(analysis: Analysis) -> str:
    from copilot_analytics.report.verdict import verdict

    return verdict(analysis)


def _metric(analysis: Analysis) -> dict[str, Any] | None:
    metric = analysis.metric
    if metric.name is None:
        return None
    return {
        "name": metric.name,
        "direction": metric.direction,
        "reason": metric.reason,
        "best": metric.best,
        "best_step": metric.best_step,
        "best_epoch": metric.best_epoch,
        "last": metric.last,
        "noise": metric.noise,
        "examples": metric.examples,
        "standard_error": metric.error,
        "ties": [{"step": tie.step, "value": tie.value} for tie in analysis.ties],
    }


def _eta(analysis: Analysis) -> dict[str, Any] | None:
    eta = analysis.eta
    if eta.remaining_s is None or analysis.life.status == "finished":
        return None
    return {
        "remaining_s": eta.remaining_s,
        "low_s": eta.low_s,
        "high_s": eta.high_s,
        "level": eta.level,
        "source": eta.source,
        "log_eta_s": eta.log_eta_s,
    }


def _forecast(analysis: Analysis) -> dict[str, Any] | None:
    forecast = analysis.forecast
    if forecast.final is None or forecast.best is None or forecast.horizon is None:
        return None
    return {
        "metric": forecast.metric,
        "horizon_step": forecast.horizon,
        "end_known": forecast.end_known,
        "final": asdict(forecast.final),
        "best": asdict(forecast.best),
        "p_gain": None
        if forecast.p_gain is None
        else {
            "probability": forecast.p_gain,
            "delta": forecast.delta,
            "horizon_steps": max(0, forecast.horizon - (forecast.made_at_step or 0)),
        },
        "expected_gain": forecast.expected_gain,
        "notes": list(forecast.notes),
    }


def _stop(analysis: Analysis) -> dict[str, Any]:
    stop, usable = analysis.stop, to_use(analysis, DISK)
    return {
        "advice": stop.advice,
        "reason": stop.reason,
        "until_step": stop.until_step,
        "saves_s": stop.saves_s,
        "saves_gpu_h": stop.saves_gpu_h,
        "saves_money": stop.saves_money,
        "may_lose": stop.may_lose,
        "gain_per_gpu_h": stop.gain_per_gpu_h,
        "gain_per_money": stop.gain_per_money,
        "chance_of_loss": stop.chance,
        "record": None if stop.record is None else asdict(stop.record),
        "checkpoints": [
            {
                "step": choice.step,
                "epoch": choice.epoch,
                "value": choice.value,
                "path": choice.path,
                "best": choice.best,
                "on_disk": usable.on_disk(choice),
            }
            for choice in usable.folder.named(stop.checkpoints)
        ],
    }


def _gpu(analysis: Analysis) -> dict[str, Any] | None:
    uses = gpu_use(analysis)
    if not uses:
        return None
    devices = []
    for use in uses:
        told = {name: value for name, value in asdict(use).items() if name != "device"}
        device = use.device
        told |= {"index": device.index, "used": device.used, "split": device.split}
        devices.append(told | {"lost": device.lost, "telemetry_lost": device.telemetry_lost})
    return {"devices": devices}


def _iso(time: float | None) -> str | None:
    """Write a time stamp as the log gives it, without a zone that it does not state."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, tz=UTC).replace(tzinfo=None).isoformat()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else str(number)
