"""What every test may use: the hypothesis profile and the folders with logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]

# No deadline, because the first example of a test pays for lazy imports; derandomized, so that a
# red run can be repeated; `too_slow` measures how busy the machine is.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def sample_logs(repository: Path) -> Path:
    """The folder of sample logs, which belongs to the repository."""
    folder = repository / "sample_logs"
    assert folder.is_dir(), f"{folder} is part of the repository and is missing"
    return folder


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """The folder `shared` beside the repository; COPILOT_SHARED names another place."""
    folder = Path(os.environ.get("COPILOT_SHARED") or repository.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set COPILOT_SHARED to where the shared logs are")
    return folder
