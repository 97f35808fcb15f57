"""Recognises how a process died or ended well, in the text log of any trainer.

Only what stands at the start of a line counts: a logger that prints the word "Error" says nothing
about the end. A crash followed by more training is for the reader of the records to weigh. What
started the process (a launcher, a queue, an editor) may say after it how it ended.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from copilot_analytics.formats._home_line_kinds import said_in
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.records import Item

_LONGEST = 2000  # characters of a line that are looked at
_FOREIGN_LINES = 40  # of other processes, within a traceback
_NOTEBOOK_LINES = 1000  # its frames show the code around, at the start of the line
_SIGNALS = {"KILL": 9, "TERM": 15, "INT": 2, "SEGV": 11, "ABRT": 6, "BUS": 7}

_RANK = re.compile(r"^(?:\[(?:rank|default)?\d{1,5}\]:\s?|\d{1,5}: )")
_HEADER = "Traceback (most recent call last):"
_TRACEBACK = re.compile(rf"^(?:.{{1,400}}\])?\s{{0,2}}(?:Original )?{re.escape(_HEADER)}\s*$")
# A bar has no line end while it is drawn: what is raised meanwhile follows on its line.
_BAR = re.compile(r"\d%\||\d(?:it|[mnu\u00b5]?s)/(?:it|s|step|epoch)\b|\d/\d{1,9} \[[=>.]{9}")
_RAISED = re.compile(
    r"^((?:[A-Za-z_]\w{0,80}\.){1,12}[A-Za-z_]\w{0,80}|[A-Z_]\w{0,80})(?:: (.*)|:?\s*)$"
)
_IN_NOTEBOOK = re.compile(
    r"^(?P<margin>\s{0,8})(?P<raised>[A-Z]\w{0,80}) {2,80}Traceback \(most recent call last\)\s*$"
)
_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|oom[-_ ]?kill|ALLOC_FAILED|can't allocate memory"
    r"|^MemoryError|\.MemoryError",
    re.IGNORECASE,
)
_SIGNAL_IN_MESSAGE = re.compile(
    r"(?:(?:got|received) signal:? (\d{1,2})\b|received (\d{1,2}) death signal)", re.IGNORECASE
)

_SHELL = r"(?:\S{1,200}: line \d{1,7}: +\d{1,9} +)?"
_LAST_WORDS: tuple[tuple[re.Pattern[str], str, int | None], ...] = (
    (re.compile(_SHELL + r"Segmentation fault\b"), "Segmentation fault", 11),
    (re.compile(_SHELL + r"Bus error\b"), "Bus error", 7),
    (re.compile(_SHELL + r"Aborted \(core dumped\)"), "Aborted", 6),
    (re.compile(_SHELL + r"Killed(?:\s*$|  +\S)"), "Killed", 9),
    (re.compile(_SHELL + r"Terminated(?:\s*$|  +\S)"), "Terminated", 15),
    (
        # Lightning ends its fit in order, so that no traceback follows.
        re.compile(
            r"(?:\S{1,300}:\d{1,7}: )?(?:\w{1,40}Warning: )?"
            r"Detected KeyboardInterrupt, attempting graceful"
        ),
        "KeyboardInterrupt",
        2,
    ),
    (
        re.compile(r".{1,60}launch\.py:\d{1,6}:sigkill_handler\] Main process received SIGINT"),
        "KeyboardInterrupt",
        2,
    ),
    (re.compile(r"Fatal Python error: (.*)"), "Fatal Python error", None),
    (re.compile(r"terminate called after throwing an instance of (.*)"), "terminate", 6),
    (re.compile(r"srun: error: (.*)"), "srun: error", None),
    (re.compile(r"(Exited with (?:signal termination: .*|exit code [1-9]\d{0,2}\.))"), "LSF", None),
    (re.compile(r"TERM_(?:OWNER|ADMIN|RUNLIMIT|PREEMPT): (.*)"), "SIGTERM", 15),
    (re.compile(r"TERM_MEMLIMIT: (.*)"), "out of memory", 9),
    (
        re.compile(r"(Process finished with exit code (?!0\s*$)-?\d{1,10}.*)"),
        "Process finished",
        None,
    ),
    (re.compile(r"slurmstepd: error: (.*(?:CANCELLED|oom[-_]kill|exceeded).*)"), "slurm", None),
    (
        re.compile(
            r"(?:ERROR:|[EW]\d{4} .{0,120}\] )torch\.?/?distributed.{0,120}"
            r"(failed \(exitcode: -?\d+\).*)"
        ),
        "torch.distributed.elastic",
        None,
    ),
    (
        re.compile(
            r"(?:WARNING:|W\d{4} .{0,120}\] )torch\.?/?distributed.{0,120}"
            r"(Received \d+ death signal.*)"
        ),
        "torch.distributed.elastic",
        None,
    ),
    (
        re.compile(
            r"(?:\S{1,80}: )?"
            r"((?:\S{1,80}\.)?(?:RuntimeError|OutOfMemoryError): .*out of memory.*)"
        ),
        "out of memory",
        None,
    ),
)
# What people let a script print when they press Ctrl-C; flair "exits from training early".
_BY_HAND = re.compile(
    r"(?i)(?:\^C)?\W{0,9}(?:"
    r"(?:the\s|model\s){0,2}training\s(?:(?:was|is|has|been|got|loop|manually)\s){0,3}"
    r"(?:interrupted\b|(?:stopped|aborted)\sby\s(?:the\s)?user\b)"
    r"|(?:interrupted|stopped|aborted|cancell?ed|terminated)\sby\s(?:the\s)?"
    r"(?:user|keyboard|hand|ctrl|sigint)\b"
    r"|interrupted(?:\s?[!.,:;]|\sat\s(?:epoch|step|iter)|\s*$)"
    r"|user\s(?:interrupt(?:ed|ion)?|abort(?:ed)?)\b|keyboard\s?interrupt(?:ed|ion)?\b"
    r"|(?:received|caught|got)\s(?:an?\s)?(?:keyboard\s?interrupt|ctrl\W{1,3}c|sigint)\b"
    r"|ctrl\W{1,3}c\s(?:was\s)?(?:pressed|caught|received|detected)\b"
    r"|exiting from training early\b)"
    r"(?!.{0,200}(?:exception|error|out of memory|early.?stop|handler|\bto (?:stop|quit)))"
)
_OF_HAND = tuple(
    "nterrupt|NTERRUPT|by user|by the user|User abort|trl|TRL|SIGINT|training early".split("|")
)
_NOT_RAISED = frozenset(error for _, error, _ in _LAST_WORDS) - {"out of memory"}
_ANY_LAST_WORD = re.compile("|".join(f"(?:{words.pattern})" for words, _, _ in _LAST_WORDS))
_ENDED_WELL = re.compile(
    r"\[20[^\]]{1,40}\] \[INFO\] \[launch\.py:\d{1,6}:main\] Process \d{1,9} exits successfully"
    r"|Successfully completed\.\s*$|Process finished with exit code 0\s*$"
)
_EXIT_CODE = re.compile(r"exitcode: -(\d{1,2})\b")
_NAMED_SIGNAL = re.compile(r"\bSIG(KILL|TERM|INT|SEGV|ABRT|BUS)\b")


def may_be_handled(item: Item) -> bool:
    """Tell whether a program may survive what the log says: an exception, but no stop by hand.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> may_be_handled(Record("crash", facts={"error": "OSError", "message": ""}))
    True
    >>> may_be_handled(Record("crash", facts={"error": "Killed", "message": "", "signal": 9}))
    False
    """
    if not isinstance(item, Record) or item.kind != "crash":
        return False
    facts = item.facts
    return (
        {"error", "message"} <= facts.keys()
        and "signal" not in facts
        and facts["error"] not in _NOT_RAISED
    )


class CrashWatcher:
    """Follows the lines of a log that are no training lines and tells how the process ended.

    Examples
    --------
    >>> watcher = CrashWatcher("train.log")
    >>> lines = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"]
    >>> [r.facts for n, line in enumerate(lines, 1) for r in watcher.see(line, n)]
    [{'error': 'ValueError', 'message': 'no'}]
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._open_at: int | None = None
        self._framed = False
        self._foreign = 0
        self._named: str | None = None  # what was raised, as a notebook says before the traceback
        self._margin = ""  # before each line of that traceback, as exports of a notebook set it
        self._told: set[tuple[str, str]] = set()

    def training(self) -> None:
        """Note that training goes on: a crash that comes now is a new one."""
        self._told.clear()

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Look at a line; yield a crash that it completes, or an end that it states."""
        line = _RANK.sub("", line[:_LONGEST], count=1)
        if _TRACEBACK.match(line) or (line.endswith(_HEADER) and _BAR.search(line)):
            self._open_at, self._framed, self._foreign = number, False, 0
            self._named, self._margin = None, ""
            return
        if (header := _IN_NOTEBOOK.match(line)) is not None:
            self._open_at, self._foreign = number, 0
            self._named, self._margin = header["raised"], header["margin"]
            return
        if self._open_at is not None:
            yield from self._within(line.removeprefix(self._margin), number)
        else:
            yield from self._last_words(_behind_a_bar(line), number)

    def close(self) -> Iterator[Record]:
        """Yield a crash if the log ends within a traceback."""
        if self._open_at is not None:
            text = "the log ends within a traceback"
            for crash in self._crash(self._named or "traceback", text, self._open_at):
                yield replace(crash, facts={**crash.facts, "torn": True})
            self._open_at = None

    def _within(self, line: str, number: int) -> Iterator[Record]:
        if line.startswith((" ", "\t")):
            self._framed = self._framed or line.lstrip().startswith("File ")
            return
        raised = _RAISED.match(line) if self._framed or self._named else None
        if raised is not None and self._named in {None, raised[1].rpartition(".")[2]}:
            self._open_at = None
            yield from self._crash(raised[1], (raised[2] or "").strip(), number)
            return
        self._foreign += 1
        if self._foreign > (_NOTEBOOK_LINES if self._named else _FOREIGN_LINES):
            opened, self._open_at = self._open_at, None
            error = self._named or "traceback"
            yield from self._crash(error, "its last line is missing", opened or number)

    def _last_words(self, line: str, number: int) -> Iterator[Record]:
        if _ANY_LAST_WORD.match(line) is None:
            if _ENDED_WELL.match(line):
                facts = {"reason": "the process ended without an error"}
                yield Record("end", facts=facts, line=number, file=self._file)
            elif any(word in line for word in _OF_HAND):
                message = said_in(line[find_stamp(line).message :]).strip()
                if _BY_HAND.match(message):
                    yield from self._crash("KeyboardInterrupt", message, number)
            return
        for pattern, error, signal in _LAST_WORDS:
            found = pattern.match(line)
            if found is not None:
                message = found[1] if pattern.groups else line
                yield from self._crash(error, message.strip(), number, signal)
                return

    def _crash(
        self, error: str, message: str, number: int, signal: int | None = None
    ) -> Iterator[Record]:
        if (error, message) in self._told:
            return
        self._told.add((error, message))
        facts: dict[str, Any] = {"error": error, "message": message[:500]}
        if _OUT_OF_MEMORY.search(f"{error}: {message}"):
            facts["out_of_memory"] = True
        if signal is None:
            signal = _signal(error, message)
        if signal is not None:
            facts["signal"] = signal
        yield Record("crash", facts=facts, line=number, file=self._file)


def _behind_a_bar(line: str) -> str:
    """Return what was printed on the line of a bar of tqdm, which ends with a bracket."""
    bar = _BAR.search(line)
    return (line[bar.end() :].rpartition("]")[2] if bar else "") or line


def _signal(error: str, message: str) -> int | None:
    if error.rpartition(".")[2] == "KeyboardInterrupt":
        return 2
    found = _SIGNAL_IN_MESSAGE.search(message) or _EXIT_CODE.search(message)
    if found is not None:
        return int(found[found.lastindex or 1])
    named = _NAMED_SIGNAL.search(message)
    if named is not None:
        return _SIGNALS[named[1]]
    return 9 if message.endswith(": Killed") else None
