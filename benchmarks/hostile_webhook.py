"""A webhook on the loopback that answers as it likes, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MOODS = ("well", "busy", "broken", "broken_late", "slow", "half", "reset", "reset_late")


class HostileWebhook:
    """Notes each message that arrives, and what it answered.

    It answers 200, 429 with a pause, 500 (before or after it took the message), late, in half, or
    not at all. Once `calm` was called it answers 200.
    """

    def __init__(self, folder: Path, seed: int, share_of_faults: float) -> None:
        self._receipts, self._calm = folder / "receipts", folder / "calm"
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), _handler(self, Random(seed), share_of_faults)
        )
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        self._pid = os.fork()
        if self._pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                server.serve_forever()
            finally:
                os._exit(0)
        server.socket.close()

    def calm(self) -> None:
        """Be well from now on."""
        self._calm.touch()

    @property
    def is_calm(self) -> bool:
        """Whether it is well for good."""
        return self._calm.exists()

    def note(self, **receipt: Any) -> None:
        """Note what arrived; for the process that serves."""
        line = json.dumps(receipt).encode() + b"\n"
        out = os.open(self._receipts, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(out, line)
        os.close(out)

    def told(self) -> list[dict[str, Any]]:
        """Return the requests so far, in their order."""
        if not self._receipts.exists():
            return []
        return [json.loads(line) for line in self._receipts.read_bytes().splitlines()]

    def close(self) -> None:
        """End the process."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _handler(hook: HostileWebhook, rng: Random, share: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            mood = "well"
            if not hook.is_calm and rng.random() < share:
                mood = rng.choice(MOODS[1:])
            self.close_connection = True
            if mood == "reset":
                hook.note(mood=mood, at=time.monotonic(), id=None, events=[])
                self._reset()
                return
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not content.endswith(b"}"):
                return  # whoever sent it was killed on the way
            body = json.loads(content)
            taken = mood not in {"busy", "broken"}
            hook.note(
                mood=mood,
                at=time.monotonic(),
                id=body["id"] if taken else None,
                events=body["events"] if taken else [],
            )
            with contextlib.suppress(OSError):  # whoever asked may have been killed
                self._answer(mood)

        def _answer(self, mood: str) -> None:
            if mood == "slow":
                time.sleep(rng.uniform(0.02, 0.15))
            if mood == "reset_late":
                self._reset()
            elif mood == "half":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{")
            elif mood == "busy":
                self.send_response(429)
                self.send_header("Retry-After", str(rng.randint(1, 20)))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_response(500 if mood.startswith("broken") else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _reset(self) -> None:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

    return Handler
