"""What the tests of the alerts share."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_bot_api import FakeBotApi, make_message  # it lies in this folder

from copilot_analytics.alerts.channels import _http  # as above


@pytest.fixture
def bot():
    fake = FakeBotApi()
    yield fake
    fake.close()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    """No proxy between the tests and the loopback, and log settings as they were."""
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    yield
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    for name in ("", "urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests"):
        logging.getLogger(name).removeFilter(_http.REDACTION)
    for handler in logging.getLogger().handlers:
        handler.removeFilter(_http.REDACTION)


@pytest.fixture
def message():
    return make_message
