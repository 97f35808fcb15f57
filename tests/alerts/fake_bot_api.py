"""A Bot API server of one's own, on the loopback, that misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from copilot_analytics.alerts.message import Message
from copilot_analytics.findings import Severity

TOKEN = "123456789:AAHsecretsecretsecretsecretsecret-_x"  # noqa: S105  # made up
CHAT = "4242"


class Reply:
    """What the server does with one request."""

    def __init__(
        self,
        status: int = 200,
        document: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        claim: int = 0,
        drip_s: float = 0.0,
        hang_s: float = 0.0,
        after: Any = None,
    ) -> None:
        self.status, self.headers = status, headers or {}
        self.raw = json.dumps(document).encode() if raw is None else raw
        self.claim, self.drip_s, self.hang_s, self.after = claim, drip_s, hang_s, after


def refusal(code: int, description: str, **parameters: Any) -> Reply:
    document: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        document["parameters"] = parameters
    return Reply(code, document)


class FakeBotApi:
    """Takes messages as Telegram would, unless the script says otherwise."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.script: deque[Reply] = deque()
        self.updates: list[dict[str, Any]] = []
        self.raw_bodies: list[bytes] = []
        self.other_headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.answer(self, body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def sent(self) -> list[str]:
        """Texts of the messages taken."""
        return [p["text"] for method, _, p in self.calls if method == "sendMessage"]

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        method = handler.path.rsplit("/", 1)[-1]
        kind = handler.headers.get("Content-Type", "")
        payload = json.loads(body) if kind == "application/json" else {}
        with self._lock:
            reply = self.script.popleft() if self.script else None
            self.raw_bodies.append(body)
            self.other_headers.append(dict(handler.headers))
            if reply is None:
                self.calls.append((method, handler.path, payload))
                reply = Reply(200, {"ok": True, "result": self.result(method, payload)})
            elif reply.after is not None:
                reply.after()
        with contextlib.suppress(OSError):  # the client has gone, as some scenes want
            self.deliver(handler, reply)

    def deliver(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        time.sleep(reply.hang_s)
        handler.send_response(reply.status)
        handler.send_header("Content-Length", str(reply.claim or len(reply.raw)))
        handler.send_header("Connection", "close")
        for name, text in reply.headers.items():
            handler.send_header(name, text)
        handler.end_headers()
        if not reply.drip_s:
            handler.wfile.write(reply.raw)
            return
        for byte in reply.raw:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(reply.drip_s)

    def result(self, method: str, payload: dict[str, Any]) -> Any:
        if method == "getMe":
            return {"id": 1, "username": "copilot_bot"}
        if method == "getChat":
            return {"id": int(CHAT), "type": "private", "first_name": "Ada", "last_name": "L."}
        if method == "getUpdates":
            offset = payload.get("offset", 0)
            self.updates = [u for u in self.updates if u["update_id"] >= offset]
            return self.updates[: payload.get("limit", 100)]
        return {"message_id": len(self.calls), "text": payload.get("text", "")}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def dice(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311  # no secret hangs on it


def make_message(name: str = "abcdef01", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": name,
        "run_key": "run",
        "run_name": "my_run",
        "kind": "news",
        "severity": Severity.WARNING,
        "title": "🟠 PLATEAU DETECTED   my_run",
        "body": ("STABLE → PLATEAU: a < b & c",),
        "event_ids": (f"event-of-{name}",),
    }
    return Message(**fields | changes)
