"""How many examples the evaluations of a run are of, where its log tells it."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

LARGEST = 10**9
_RIGHT = re.compile(
    r"(?i)(?<![a-z])(?:acc\w{0,10}|correct)[ :=]{1,4}(?P<right>\d{1,9}) ?/ ?(?P<of>\d{1,9}) ?"
    r"\( ?(?P<percent>\d{1,3}(?:\.\d{1,9})?) ?%\)"
)


class EvalSize:
    """Narrows the number of examples down to the one that all evaluations agree on.

    Examples
    --------
    >>> size = EvalSize()
    >>> size.counted(1000), size.timed("2.5", "400.0"), size.counted(500)
    ({'eval_samples': 1000}, {'eval_samples': 1000}, {'eval_samples': 0})
    """

    def __init__(self) -> None:
        self._low, self._high = 1, LARGEST

    def counted(self, examples: int) -> dict[str, int]:
        """Take a number that the log states; return the fact, 0 if evaluations differ in size."""
        return self._between(examples, examples)

    def timed(self, seconds: str, per_second: str) -> dict[str, int]:
        """Take duration and speed of an evaluation, as printed; return the fact once it is sure.

        Each was rounded to its last digit, so their product holds the number between two bounds.

        Examples
        --------
        >>> EvalSize().timed("12.34", "70.66"), EvalSize().timed("123.4", "70.66")
        ({'eval_samples': 872}, {})
        """
        time, pace = _rounded(seconds), _rounded(per_second)
        if time is None or pace is None:
            return {}
        low, high = time[0] * pace[0], time[1] * pace[1]
        return self._between(math.ceil(low), math.floor(min(high, LARGEST)))

    def said(self, line: str) -> dict[str, int]:
        """Take a result that counts right answers, as the examples of PyTorch print it.

        Examples
        --------
        >>> EvalSize().said("Test set: Average loss: 0.1018, Accuracy: 9668/10000 (97%)")
        {'eval_samples': 10000}
        """
        found = _RIGHT.search(line)
        if found is None or not int(found["of"]):
            return {}
        percent = 100.0 * int(found["right"]) / int(found["of"])
        # Some round, some cut.
        if abs(percent - float(found["percent"])) >= 1.0 or percent > 100.0:
            return {}
        return self.counted(int(found["of"]))

    def _between(self, low: int, high: int) -> dict[str, int]:
        self._low, self._high = max(self._low, low), min(self._high, high)
        if self._low < self._high:
            return {}
        return {"eval_samples": self._low if self._low == self._high else 0}


def _rounded(text: str) -> tuple[float, float] | None:
    """Return the bounds of a number that was rounded to its last digit; None if it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number <= 0 or abs(exponent) > 20:
        return None
    half = Decimal((0, (5,), exponent - 1))
    return float(max(number - half, Decimal(0))), float(number + half)
