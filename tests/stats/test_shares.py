"""Shares of so many examples: how well they are known, and whether numbers are such shares."""

from __future__ import annotations

import numpy as np
import pytest

from copilot_analytics.stats.shares import least_rounded, may_count, share_error


def test_the_error_is_the_spread_of_shares_of_other_sets() -> None:
    shares = np.random.default_rng(0).binomial(400, 0.85, size=20_000) / 400
    assert share_error(0.85, 400) == pytest.approx(float(shares.std()), rel=0.03)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_error_is_never_below_one_example(share: float) -> None:
    assert share_error(share, 50) == pytest.approx(1 / 50)


@pytest.mark.parametrize(("share", "examples"), [(-0.1, 10), (1.1, 10), (float("nan"), 10), (1, 0)])
def test_impossible_shares_are_refused(share: float, examples: int) -> None:
    with pytest.raises(ValueError, match="give"):
        share_error(share, examples)


@pytest.mark.parametrize("digits", [3, 4, 7, 16])
@pytest.mark.parametrize("whole", [1.0, 100.0])
def test_counts_are_known_in_whatever_digits_they_are_printed(digits: int, whole: float) -> None:
    counts = np.random.default_rng(1).integers(100, 277, size=30)
    assert may_count(np.round(counts / 277 * whole, digits), 277, whole=whole)


def test_counts_in_single_precision_are_known() -> None:
    counts = np.random.default_rng(1).integers(100, 3000, size=30)
    assert may_count((counts / np.float64(3000)).astype(np.float32).astype(np.float64), 3000)


def test_means_of_something_else_are_no_counts() -> None:
    pixels = np.random.default_rng(2).uniform(0.5, 0.9, size=30)
    assert not may_count(np.round(pixels, 4), 277)
    assert not may_count(pixels, 5000)


def test_too_few_digits_speak_against_nothing_and_other_numbers_do() -> None:
    assert may_count([0.91, 0.92], 5000)
    assert not may_count([91.0, 92.0], 5000)
    assert not may_count([-0.5], 10)
    assert not may_count([float("nan")], 10)


def test_a_rounded_gain_is_as_likely_as_that_of_what_is_rounded() -> None:
    smooth = np.random.default_rng(3).normal(0.0, 0.05, size=20_000)
    for gain in (0.0, 0.005, 0.02, 0.03):
        gained = np.round(smooth / 0.02) * 0.02 >= max(gain, 1e-9) - 1e-12
        assert np.array_equal(gained, smooth >= least_rounded(gain, 0.02))
