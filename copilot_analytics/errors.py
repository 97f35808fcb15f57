"""The errors that copilot raises on purpose.

::

    CopilotError                    exit code 1
    ├── UsageError                  exit code 2: the call was wrong
    │   ├── UnknownFormatError      no log format of that name
    │   └── UnknownMetricError      no metric of that name in the log
    ├── LogError                    the log cannot be read
    │   ├── LogNotFoundError        nothing at that path, or it vanished
    │   ├── UnreadableLogError      a directory, device, binary or forbidden file
    │   └── NotATrainingLogError    readable, but holds no training
    ├── NotEnoughPoints             too few observations for the statistic asked for
    └── PluginError                 a format, analyzer or diagnosis breaks its contract

Every message says what was found and what to do next.

Examples
--------
>>> error = UnknownMetricError("no metric 'acc' in the log; it has: loss, mIoU")
>>> error.exit_code
2
"""

from __future__ import annotations

from typing import ClassVar


class CopilotError(Exception):
    """Base of all errors that copilot raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(CopilotError):
    """The caller asked for something that cannot be."""

    exit_code: ClassVar[int] = 2


class UnknownFormatError(UsageError):
    """No log format has that name."""


class UnknownMetricError(UsageError):
    """The log has no metric of that name."""


class LogError(CopilotError):
    """A log cannot be read."""


class LogNotFoundError(LogError):
    """Nothing is at the path, or it vanished while it was read."""


class UnreadableLogError(LogError):
    """The path is no text file that can be opened."""


class NotATrainingLogError(LogError):
    """The file can be read but holds no training that any format knows."""


class NotEnoughPoints(CopilotError, ValueError):  # noqa: N818  # it reads as what it is
    """A statistic needs more observations than there are."""


class PluginError(CopilotError):
    """A format, analyzer or diagnosis breaks its contract."""
