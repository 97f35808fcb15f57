"""Discord, by a webhook; its address is the secret."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from copilot_analytics.alerts.channels import _http
from copilot_analytics.alerts.channels._base import (
    Channel,
    Fatal,
    Receipt,
    Rejected,
    Transient,
    setting,
)
from copilot_analytics.alerts.channels._text import split_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.alerts.message import Message

LONGEST_TEXT = 2000
_SUPPRESS_NOTIFICATIONS = 1 << 12


class DiscordChannel(Channel):
    """Writes to the channel of a webhook.

    Parameters
    ----------
    url
        The webhook.
    """

    name: ClassVar[str] = "discord"
    takes_figures: ClassVar[bool] = True
    can_be_silent: bool = True

    def __init__(self, url: str) -> None:
        self.address = url
        self._url = url + ("&" if "?" in url else "?") + "wait=true"
        self._secrets = _http.Secrets(url, *url.rsplit("/", 1)[1:])
        _http.guard_logs(url)

    def __repr__(self) -> str:
        return "DiscordChannel(***)"

    @classmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel for ``discord`` or the variable ``DISCORD_WEBHOOK_URL``."""
        url = setting(environment, arguments, "discord", "DISCORD_WEBHOOK_URL")
        return cls(_http.checked_url(url, "the Discord webhook")) if url else None

    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Send the message, in parts if it is long, and then its figures."""
        reference = ""
        flags = {"flags": _SUPPRESS_NOTIFICATIONS} if message.silent else {}
        # Escaping may double a text, so that half the limit is always safe.
        text = f"{message.text}\n· {message.short_id}"
        for part in split_text(text, LONGEST_TEXT // 2):
            if part.strip():
                reference = self._post({"content": escaped(part), **flags}) or reference
        for name, png in (figures or {}).items():
            try:
                self._post({**flags}, {"files[0]": (f"{name}.png", png, "image/png")})
            except (Rejected, Transient, Fatal):
                break  # the words arrived; a figure is not worth a failure
        return Receipt(reference)

    def _post(
        self, content: dict[str, Any], files: Mapping[str, tuple[str, bytes, str]] | None = None
    ) -> str:
        document = {**content, "allowed_mentions": {"parse": []}}
        if files:
            form = {"payload_json": json.dumps(document)}
            answer = _http.post(self._url, self._secrets, form=form, files=files, who="Discord")
        else:
            answer = _http.post(self._url, self._secrets, document=document, who="Discord")
        told = answer.json()
        facts = told if isinstance(told, dict) else {}
        if 200 <= answer.status < 300:
            return str(facts.get("id", ""))
        if answer.status == 429:
            wait_s = _http.wait_of(facts.get("retry_after")) or answer.retry_after_s
            raise _http.slow_down("Discord", wait_s)
        said = self._secrets.blotted(str(facts.get("message", "")))[:80]
        remark = f"{answer.status}: {said}"
        if answer.status in {400, 413}:
            msg = f"Discord does not take this message ({remark})"
            raise Rejected(msg)
        raise _http.refused("Discord", answer, remark)


def escaped(text: str) -> str:
    r"""Make text harmless for Discord: no markup, at most twice as long.

    Examples
    --------
    >>> print(escaped("bbox_mAP *x* `y`"))
    bbox\_mAP \*x\* \`y\`
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"([\\*_~`|>#\[\]<])", r"\\\1", text)


CHANNEL = DiscordChannel
