"""What every diagnosis is: a rule that reads results and says what it found, if anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Analyzer, Results
    from copilot_analytics.findings import Finding
    from copilot_analytics.run import Run

Trouble: TypeAlias = Literal[
    "crash", "nan", "divergence", "overfitting", "dead", "plateau", "spike", "pace"
]  # fmt: skip

Reason: TypeAlias = Literal["title", "explanation"]


class Diagnosis(ABC):
    """One pathology.

    A subclass sets the class variables and writes `check`, which must depend on nothing but its
    arguments and keep no state: how long a rule must hold before anyone hears of it is
    declared, not coded.

    Attributes
    ----------
    name : str
        Id of its findings.
    needs : tuple of type
        Analyzers whose results it reads.
    holds_for : int
        Looks in a row at which it must hold before the finding counts, and fail before it is
        taken back.
    counted_in : {"look", "eval"}
        Whether only looks at an evaluation count.
    lasting : bool
        Whether the finding, once it counts, stays for the rest of the run.
    trouble : str or None
        The sort of trouble, by which messages are ranked: of two of one sort only the more urgent
        is told, and a worse sort silences a lesser one (see `copilot_analytics.diagnoses._worse`).
        None for what stands beside all others.
    headline : str
        Title of a message about it, short and in capitals: what may be told has one. Without one,
        the title of the finding serves.
    reason : {"title", "explanation"}
        What such a message says below its headline: the title of the finding, or the first
        sentence of its explanation.
    superseded_by : str
        Diagnosis that says more, whose finding takes the place of this one without a word; empty if
        none.
    explains : str
        Phase that it is the reason of, so that a message about the phase says what to do by it;
        empty if none.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[type[Analyzer[Any]], ...]] = ()
    holds_for: ClassVar[int] = 1
    counted_in: ClassVar[Literal["look", "eval"]] = "look"
    lasting: ClassVar[bool] = False
    trouble: ClassVar[Trouble | None] = None
    headline: ClassVar[str] = ""
    reason: ClassVar[Reason] = "title"
    superseded_by: ClassVar[str] = ""
    explains: ClassVar[str] = ""

    @abstractmethod
    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding if the pathology is there now."""

    def still(self, run: Run, results: Results, told: Finding) -> Finding | None:
        """Return the finding as of now if what was told still holds, though `check` is silent.

        To begin, a finding needs evidence that may be lost again while what it says stays true. It
        is over only when it is no longer so.

        Parameters
        ----------
        run, results
            As for `check`.
        told
            The finding that counts.
        """
        return None
