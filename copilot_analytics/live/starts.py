"""Which logs in the directory of an experiment are one run that was resumed.

Some trainers write a new log at each start, also when they resume. A log that begins in the middle
of the training goes on from the one before it.
"""

from __future__ import annotations

from pathlib import Path

from copilot_analytics.errors import CopilotError
from copilot_analytics.live.follow_directory import RunDirectory, is_stamped
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import Block, Record

_MOST_STARTS = 100


def starts_of(log: Path) -> list[Path]:
    """Return the logs of the run that a log ends, in the order of their starts, itself last.

    Parameters
    ----------
    log
        A log; only those that are named by the time of their start can have others before them.
    """
    if not is_stamped(log.name):
        return [log]
    parent = log.parent
    directory = RunDirectory(parent.parent if log.name.startswith(parent.name) else parent)
    logs = [Path(one) for one in directory.logs() if Path(one).name <= log.name]
    starts = [log]
    for before in reversed([one for one in logs if one.name < log.name][-_MOST_STARTS:]):
        if not begins_in_the_middle(starts[0]):
            break
        starts.insert(0, before)
    return starts


def begins_in_the_middle(log: Path) -> bool:
    """Tell whether a log says that it resumes, or its first training line is not at the start.

    Examples
    --------
    >>> begins_in_the_middle(Path("nowhere.log"))
    False
    """
    reader = LogReader(str(log))
    steps: list[int] = []
    try:
        for chunk in read_chunks(log, 1 << 18):
            for item in reader.feed(chunk):
                if isinstance(item, Record) and item.kind == "resume":
                    return True
                if isinstance(item, Block):
                    if not steps and item.epoch[0] > 1.0:
                        return True
                    steps += item.step[:2].tolist()
                if len(steps) > 1:
                    return steps[0] > 2 * max(steps[1] - steps[0], 1)
    except CopilotError:
        return False
    return False
