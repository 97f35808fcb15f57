"""Any address that takes JSON; topics of an ntfy server are written to in its own way.

The document has the keys ``id`` (stable: the same message has the same id, however often it
comes), ``run``, ``run_key``, ``kind``, ``severity``, ``title``, ``message`` and ``events``. The id
is sent as the header ``Idempotency-Key`` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from copilot_analytics.alerts.channels import _http
from copilot_analytics.alerts.channels._base import (
    Channel,
    Fatal,
    Receipt,
    Rejected,
    Transient,
    setting,
)
from copilot_analytics.errors import UsageError
from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.alerts.message import Message

_PRIORITIES = {Severity.CRITICAL: 5, Severity.WARNING: 4, Severity.INFO: 3}


class WebhookChannel(Channel):
    """Posts messages as JSON.

    Parameters
    ----------
    url
        Where to.
    topic
        Topic of an ntfy server; `url` is then its root. Empty for any other address.
    """

    name: ClassVar[str] = "webhook"

    def __init__(self, url: str, topic: str = "") -> None:
        self._url = url
        self.address = f"{url} {topic}"
        self._topic = topic
        self.can_be_silent = bool(topic)
        parts = urlsplit(url)
        self._secrets = _http.Secrets(url, topic, parts.query, parts.password or "")
        _http.guard_logs(url)

    def __repr__(self) -> str:
        return "WebhookChannel(***)"

    @classmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel for ``webhook`` or the variable ``COPILOT_WEBHOOK_URL``.

        A host that is called ntfy is taken for an ntfy server; for one with another name write
        ``ntfy+https://host/topic``.
        """
        url = setting(environment, arguments, "webhook", "COPILOT_WEBHOOK_URL")
        if url is None:
            return None
        named = url.startswith("ntfy+")
        url = _http.checked_url(url.removeprefix("ntfy+"), "the webhook")
        parts = urlsplit(url)
        if not (named or (parts.hostname or "").split(".")[0] == "ntfy"):
            return cls(url)
        topic = unquote(parts.path.strip("/"))
        if not topic or "/" in topic:
            msg = "an ntfy address names one topic, like https://ntfy.sh/my-topic"
            raise UsageError(msg)
        return cls(urlunsplit((parts.scheme, parts.netloc, "/", parts.query, "")), topic)

    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Post the message; figures are left out."""
        document: dict[str, Any] = {
            "id": message.id,
            "run": message.run_name,
            "run_key": message.run_key,
            "kind": message.kind,
            "severity": str(message.severity),
            "title": message.title,
            "message": "\n".join(message.body) or message.title,
            "events": list(message.event_ids),
        }
        if self._topic:
            document = {
                "topic": self._topic,
                "title": message.title,
                "message": f"{document['message']}\n· {message.short_id}",
                "priority": 2 if message.silent else _PRIORITIES[message.severity],
            }
        headers = {"Idempotency-Key": message.id}
        answer = _http.post(
            self._url, self._secrets, document=document, headers=headers, who="the webhook"
        )
        if 200 <= answer.status < 300:
            return Receipt()
        if answer.status in {400, 413, 422}:
            msg = f"the webhook does not take this message ({answer.status})"
            raise Rejected(msg)
        if answer.status == 429:
            raise _http.slow_down("the webhook", answer.retry_after_s)
        if 400 <= answer.status < 500 and answer.status not in {408, 409, 425}:
            msg = f"the webhook refuses ({answer.status}); check its address"
            raise Fatal(msg)
        if 300 <= answer.status < 400:
            msg = (
                "the webhook answers with a redirect, which is not followed; give the last address"
            )
            raise Transient(msg)
        msg = f"the webhook gave no proper answer (HTTP {answer.status})"
        raise Transient(msg, answer.retry_after_s)


CHANNEL = WebhookChannel
