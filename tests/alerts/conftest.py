"""What the tests of the alerts share."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_bot_api import FakeBotApi, make_message  # it lies in this folder
from made_runs import make_analysis, make_run
from policy_feeds import Feed

from copilot_analytics.alerts.channels import _http  # as above
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.policy import Policy


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


@pytest.fixture
def place(tmp_path):
    return tmp_path / "copilot" / "ledger.sqlite3"


@pytest.fixture
def opened():
    """Open ledgers that are closed after the test."""
    ledgers = []

    def make(*arguments, **options):
        ledgers.append(Ledger(*arguments, **options))
        ledgers[-1].follow("run")
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger():
    made = Ledger(":memory:")
    yield made
    made.close()


@pytest.fixture(scope="module")
def analysis():
    return make_analysis(make_run())


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def policy():
    return Policy()
