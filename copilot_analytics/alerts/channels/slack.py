"""Slack, by an incoming webhook; its address is the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from copilot_analytics.alerts.channels import _http
from copilot_analytics.alerts.channels._base import (
    Channel,
    Receipt,
    Rejected,
    setting,
)
from copilot_analytics.alerts.channels._text import split_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.alerts.message import Message

LONGEST_TEXT = 3000


class SlackChannel(Channel):
    """Writes to the channel of an incoming webhook.

    Parameters
    ----------
    url
        The webhook.
    """

    name: ClassVar[str] = "slack"

    def __init__(self, url: str) -> None:
        self.address = self._url = url
        self._secrets = _http.Secrets(url, *url.rsplit("/", 1)[1:])
        _http.guard_logs(url)

    def __repr__(self) -> str:
        return "SlackChannel(***)"

    @classmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel for the setting ``slack`` or the variable ``SLACK_WEBHOOK_URL``."""
        url = setting(environment, arguments, "slack", "SLACK_WEBHOOK_URL")
        return cls(_http.checked_url(url, "the Slack webhook")) if url else None

    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Send the message, in parts if it is long; figures are left out."""
        for part in split_text(f"{message.text}\n· {message.short_id}", LONGEST_TEXT):
            if part.strip():
                self._post(part)
        return Receipt()

    def _post(self, text: str) -> None:
        document = {"text": escaped(text), "unfurl_links": False}
        answer = _http.post(self._url, self._secrets, document=document, who="Slack")
        if 200 <= answer.status < 300:
            return
        said = self._secrets.blotted(answer.body)[:80]
        if answer.status == 429:
            raise _http.slow_down("Slack", answer.retry_after_s)
        if answer.status == 400 and "invalid_token" not in said and "user" not in said:
            msg = f"Slack does not take this message ({said})"
            raise Rejected(msg)
        raise _http.refused("Slack", answer, f"{answer.status}: {said}")


def escaped(text: str) -> str:
    """Make text harmless for Slack, so that a log can neither link nor call anyone.

    Examples
    --------
    >>> escaped("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CHANNEL = SlackChannel
