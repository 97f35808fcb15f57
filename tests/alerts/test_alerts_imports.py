"""What the alerts load."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys
from copilot_analytics.alerts import delivery, ledger, policy, wording
delivery.configured({"TELEGRAM_TOKEN": "1:a", "TELEGRAM_CHAT": "5"}, {})
heavy = {"requests", "urllib3", "pandas", "scipy", "matplotlib", "numpy"} & set(sys.modules)
print(sorted(heavy))
"""


def test_nothing_heavy_is_loaded_before_it_is_needed():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
