"""A log that is read again is decided on at the same line, with less work."""

from __future__ import annotations

import pytest

from copilot_analytics.reading.detect import Detector, known_formats


def lines_of(folder):
    (path,) = folder.glob("2*/*.log")
    return path.read_text().splitlines()


@pytest.mark.parametrize("cut", [0, 1, 3, 40])
def test_a_log_is_decided_on_at_the_same_line_whatever_was_read_before(cut, sample_logs):
    """Also one that begins as another and goes on in another way."""
    lines = lines_of(sample_logs / "digits_step")
    for log in (lines, lines, [*lines[:cut], *lines[cut + 5 :]], [*lines[:cut], "a", *lines[cut:]]):
        told = []
        for formats in (known_formats(), dict(reversed(known_formats().items()))):
            # Those that ask in another order remember nothing of each other.
            detector = Detector(formats)
            at = next(number for number, line in enumerate(log) if detector.see(line))
            detection = detector.conclude()
            told.append((at, detection.format, detection.confidence, detection.why))
        assert told[0] == told[1] and told[0][1] == "mmengine_text"


def test_what_was_decided_on_is_not_looked_at_again(monkeypatch, sample_logs):
    looks, look = [], Detector._look
    monkeypatch.setattr(Detector, "_look", lambda self: (looks.append(self), look(self)))
    lines = [f"{line} 9.25" for line in lines_of(sample_logs / "digits_nan")]
    detectors = [Detector(known_formats()) for _ in range(2)]
    for detector in detectors:
        assert any(detector.see(line) for line in lines)
        detector.conclude()
    assert looks.count(detectors[0]) > 5 and looks.count(detectors[1]) == 0
    assert detectors[0].detection == detectors[1].detection
