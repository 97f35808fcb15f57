"""What a watch costs beside a training: share of a core and resident memory.

``python benchmarks/bench_live.py [SECONDS]`` follows 1 and 200 logs that grow, and the same with
``tail -F`` for comparison. Reading the past and starting up are counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERTZ = os.sysconf("SC_CLK_TCK")
CALM_S = 6.0
LATEST_S = 900.0


def log_to_grow(lines: int) -> tuple[bytes, list[bytes]]:
    """Return the header of a log, and so many training lines."""
    (path,) = (ROOT / "sample_logs" / "digits_step").glob("*/*.log")
    whole = path.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(whole) if b"Epoch(train)" in line)
    head = b"".join(whole[:first]).replace(b"max_epochs=24", b"max_epochs=5000")
    example = whole[first].decode()
    rest = example[example.index("lr:") : example.index("loss:")]
    made = []
    for number in range(lines):
        epoch, row = 1 + number // 7, 10 * (number % 7 + 1)
        loss = 0.3 + 3.0 / (1 + number / 50) ** 0.5 + 0.02 * (number * 7919 % 13)
        place = f"Epoch(train)  [{epoch}][{row}/75]  {rest}loss: {loss:.4f}"
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(1.9e9 + 20 * number))
        made.append(f"{stamp} - mmengine - INFO - {place}\n".encode())
    return head, made


def cpu_s(pid: int) -> float:
    """Return the processor time of a process, its ended children left out."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def settled(pid: int) -> float:
    """Wait until a process has started up and is calm; return the processor time of that."""
    until, before = time.monotonic() + LATEST_S, float("-inf")
    while time.monotonic() < until:
        spent = cpu_s(pid)
        if spent - before < 0.1 * CALM_S:
            return spent
        before = spent
        time.sleep(CALM_S)
    raise SystemExit(f"not calm within {LATEST_S:.0f} s; the machine is too busy to measure")


def rss_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def measure(
    command: list[str], logs: list[Path], every_s: float, seconds: float, history: int
) -> str:
    """Run a command while the logs grow, and return what it costs."""
    home = tempfile.mkdtemp()
    # Logs do not march in step: each is a little longer than the one before it, up to a tenth.
    begun = [history + 7 * n % max(history // 10, 1) for n in range(len(logs))]
    head, rows = log_to_grow(max(begun) + int((seconds + 60) / every_s) + 2)
    for number, (log, lines) in enumerate(zip(logs, begun, strict=True)):
        log.parent.mkdir(parents=True, exist_ok=True)
        own = head.replace(b"\n", b"\nrun %d\n" % number, 1)  # no two headers are the same
        log.write_bytes(own + b"".join(rows[:lines]))
    paths = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths, "XDG_STATE_HOME": home},
    )  # fmt: skip
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(every_s / len(logs)):
            place = number % len(logs)
            with logs[place].open("ab") as file:
                file.write(rows[begun[place] + number // len(logs)])
            number += 1

    writer = threading.Thread(target=write)
    try:
        start_s = settled(process.pid)
        writer.start()
        time.sleep(20.0)  # as long as every log takes for a line
        since, spent = time.monotonic(), cpu_s(process.pid)
        time.sleep(seconds)
        share = (cpu_s(process.pid) - spent) / (time.monotonic() - since)
        return f"{100 * share:6.2f} %   {rss_mb(process.pid):6.0f} MB   {start_s:6.2f} s"
    finally:
        stop.set()
        if writer.ident is not None:
            writer.join()
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(40)
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--history", type=int, default=500, help="training lines at the start")
    asked = parser.parse_args()
    seconds, history = asked.seconds, asked.history
    watch = [sys.executable, "-m", "copilot_cli", "live", "--plain", "--no-gpu"]
    print(f"{'':40}  CPU        memory      start")
    for count, every_s in ((1, 1.0), (200, 20.0)):
        with tempfile.TemporaryDirectory() as folder:
            logs = [Path(folder, f"run{n:03}", "train.log") for n in range(count)]
            names = [str(log) for log in logs]
            rate = f"{count} log{'s' * (count > 1)}, a line each {every_s:g} s"
            commands = {"copilot live": watch, "tail -F": ["tail", "-q", "-F"]}
            for name, command in commands.items():
                if shutil.which(command[0]) is not None:
                    cost = measure([*command, *names], logs, every_s, seconds, history)
                    print(f"{name:12}  {rate:26}  {cost}", flush=True)


if __name__ == "__main__":
    main()
