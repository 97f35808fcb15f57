"""kill -9 at twenty random places: everything is told, and nothing twice but in the one window."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from fake_bot_api import dice

CHILD = """
import json, os, signal, sys, time
from random import Random

from copilot_analytics.alerts.channels._base import Channel, Receipt
from copilot_analytics.alerts.delivery import Delivery
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity

place, record, began, fuse = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
SPEED = 200.0

def spark():
    global fuse
    fuse -= 1
    if fuse == 0:
        os.kill(os.getpid(), signal.SIGKILL)

class Phone(Channel):
    name = "phone"
    @classmethod
    def configure(cls, environment, arguments):
        return cls()
    def send(self, message, figures=None):
        spark()
        line = json.dumps([message.id, message.event_ids]) + "\\n"
        out = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(out, line.encode())
        os.close(out)
        spark()
        return Receipt()

log = [
    Event("finding", f"finding_{n}", n, None, n, f"thing {n}",
          Severity.CRITICAL if n % 7 == 3 else Severity.WARNING)
    for n in range(120)
]
ledger = Ledger(place)
ledger.follow("run")
delivery = Delivery(ledger, [Phone()], Random(0))
context = Context("run", "my_run")
policy = Policy.restore(ledger.rows("run"))
while True:
    real = time.time() - began
    now = real * SPEED
    seen = log[: int(real / 0.04)]  # the log is read anew after each restart
    messages = policy.step(seen, now, context)
    spark()
    assert ledger.put(messages, policy.decisions, now, delivery.names)
    spark()
    delivery.work(now)
    spark()
    if fuse > 10**8 and len(seen) == len(log) and not ledger.undelivered() and not policy._held:
        break
    time.sleep(0.005)
ledger.close()
print("done")
"""


def told(record):
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_killed_at_random_points(tmp_path):
    rng = dice(23)
    place, record = tmp_path / "copilot" / "ledger.sqlite3", tmp_path / "phone"
    began, kills, unsure = time.time(), 0, set()
    output = ""
    for _ in range(60):
        fuse = rng.randint(1, 50) if kills < 20 else 10**9
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(place), str(record), str(began), str(fuse)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert child.stderr == ""
        output = child.stdout
        if output:
            break
        kills += 1
        if told(record):
            unsure.add(told(record)[-1][0])
    assert output == "done\n" and kills == 20
    entries = told(record)
    events = {event for _, ids in entries for event in ids}
    assert len(events) == 120
    counts: dict[str, int] = {}
    for name, _ in entries:
        counts[name] = counts.get(name, 0) + 1
    repeated = {name for name, count in counts.items() if count > 1}
    assert repeated <= unsure
    for event in events:
        homes = {name for name, ids in entries if event in ids}
        assert len(homes) == 1, "it came again under another id"
