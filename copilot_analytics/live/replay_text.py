"""What a replay says, as text and as JSON lines, and at which pace."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from copilot_analytics.live.replay import Balance, Said
from copilot_analytics.live.screen import harmless
from copilot_analytics.wording import tells_year, undated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SET_BACK_S = 1800.0  # what is said late lies less far behind
PREMISE = (
    "By the log's clock, what each line made known, and the messages of a watch that saw each line"
    " as it was written"
)


def as_text(said: Said | Balance) -> str:
    """Write for a reader.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> from copilot_analytics.live.replay import Said
    >>> as_text(Said(60.0, Event("best", "mIoU", 100, 60.0, 7, "best mIoU 0.4")))
    '00:01:00             line 7      best mIoU 0.4'
    """
    if isinstance(said, Balance):
        return "\n".join(
            [f"\nBalance: {harmless(said.text)}", *(harmless(line) for line in said.trust)]
        )
    stamp = _stamp(said.time)
    if said.event is not None:
        return f"{stamp}  {f'line {said.event.line}':<10}  {harmless(said.event.text)}"
    assert said.message is not None  # noqa: S101  # it is one of the two
    lines = [harmless(line) for line in said.message.text.split("\n")]
    return "\n".join([f"{stamp}  message     {lines[0]}", *(f"{'':33}{one}" for one in lines[1:])])


def as_line(said: Said | Balance) -> str:
    """Write as one JSON object.

    Examples
    --------
    >>> from copilot_analytics.live.replay import Balance
    >>> as_line(Balance(None, "No advice."))[:46]
    '{"type": "balance", "advice": null, "text": "N'
    """
    if isinstance(said, Balance):
        told = dataclasses.asdict(said)
        del told["trust"]
        return _dumped({"type": "balance", **told})
    if said.event is not None:
        told = dataclasses.asdict(said.event)
        told["severity"] = str(said.event.severity)
        return _dumped({"type": "event", **told})
    assert said.message is not None  # noqa: S101  # it is one of the two
    message = said.message
    return _dumped(
        {
            "type": "message",
            "time": said.time,
            "id": message.id,
            "kind": message.kind,
            "severity": str(message.severity),
            "title": message.title,
            "body": list(message.body),
            "event_ids": list(message.event_ids),
        }
    )


def paced(
    said: Iterator[Said], speed: float | None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Said]:
    """Yield at the pace of the log, so many times as fast; None does not wait.

    Examples
    --------
    >>> waits = []
    >>> _ = list(paced(iter([Said(0.0), Said(60.0)]), 120.0, waits.append))
    >>> waits
    [0.5]
    """
    before: float | None = None
    for one in said:
        if speed is not None and one.time is not None:
            if before is not None and one.time > before:
                sleep((one.time - before) / speed)
            is_set_back = before is None or one.time < before - _SET_BACK_S
            before = one.time if is_set_back or before is None else max(before, one.time)
        yield one


def _dumped(told: dict[str, Any]) -> str:
    return json.dumps(_plain(told), ensure_ascii=False, allow_nan=False)


def _plain(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _plain(inner) for name, inner in part.items()}
    if isinstance(part, (list, tuple)):
        return [_plain(inner) for inner in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part


def _stamp(time: float | None) -> str:
    if time is None:
        return " " * 19
    clock = undated(time)
    if clock is not None:
        return f"{clock:<19}"
    try:
        pattern = "%Y-%m-%d %H:%M:%S" if tells_year(time) else "%m-%d %H:%M:%S"
        return f"{datetime.fromtimestamp(time, UTC).strftime(pattern):<19}"
    except (ValueError, OverflowError, OSError):
        return " " * 19
