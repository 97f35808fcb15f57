"""The Bot API of Telegram: one call, and what its answers mean."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_analytics.alerts.channels import _http
from copilot_analytics.alerts.channels._base import ChannelError, Fatal, Rejected, Transient
from copilot_analytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFICIAL = "https://api.telegram.org"
_ABOUT_MESSAGE = re.compile(
    r"message (text|is|to|caption|can't|id)|text|caption|photo|image|entit|too long|too big|file",
    re.IGNORECASE,
)


class ChatMoved(ChannelError):  # noqa: N818  # an answer
    """The group became a supergroup and has another id now."""

    def __init__(self, chat: int) -> None:
        super().__init__("the group has a new id")
        self.chat = chat


class CannotParse(Rejected):
    """Telegram does not understand the markup."""


class NotModified(Rejected):
    """The message has that text already."""


class CannotEdit(Rejected):
    """The message to be edited is gone or too old."""


class Conflict(ChannelError):  # noqa: N818  # an answer
    """Another supervisor reads the commands of this bot."""


class Token:
    """A bot token that does not show itself.

    Raises
    ------
    UsageError
        If the text cannot be a token.

    Examples
    --------
    >>> Token("123456:ABC-def_1")
    Token(***)
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        text = text.strip()
        if re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}", text) is None:
            msg = (
                "the Telegram token is not one: it looks like 123456789:AA… and has no blanks;"
                " @BotFather shows it"
            )
            raise UsageError(msg)
        self._text = text

    def __repr__(self) -> str:
        return "Token(***)"

    def __reduce__(self) -> Any:
        msg = "a token is never stored"
        raise TypeError(msg)

    def reveal(self) -> str:
        """Return the text, for an address only."""
        return self._text


def read_token_file(path: str | Path) -> dict[str, str]:
    """Read a token, or lines like ``TELEGRAM_TOKEN=…``, from a file that only its owner can read.

    Returns
    -------
    dict
        Under ``TELEGRAM_TOKEN``, and ``TELEGRAM_CHAT`` if the file names it.

    Raises
    ------
    UsageError
        If the file cannot be read, holds nothing, or is open to others.
    """
    place = Path(path).expanduser()
    try:
        with place.open("rb") as file:
            import os

            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                msg = f"{place} is no regular file; name the file that holds the Telegram token"
                raise UsageError(msg)
            if stat.S_IMODE(facts.st_mode) & 0o077:
                msg = f"{place} holds a secret and others can read it; run: chmod 600 {place}"
                raise UsageError(msg)
            text = file.read(4096).decode("utf-8-sig", "replace")
    except OSError as error:
        msg = f"the token file {place} cannot be read ({error.strerror}); check --token-file"
        raise UsageError(msg) from None
    found = {}
    for line in text.splitlines():
        line = line.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, content = line.partition("=")
        if equals and name.strip() in {"TELEGRAM_TOKEN", "TELEGRAM_CHAT"}:
            found[name.strip()] = content.strip().strip("'\"")
        elif not equals:
            found.setdefault("TELEGRAM_TOKEN", line)
    if "TELEGRAM_TOKEN" not in found:
        msg = f"{place} holds no token; write it there alone, or as TELEGRAM_TOKEN=…"
        raise UsageError(msg)
    return found


class BotApi:
    """Calls methods of one bot.

    Parameters
    ----------
    token
        Its token.
    base
        Address of the Bot API server.
    """

    def __init__(self, token: Token, base: str = OFFICIAL) -> None:
        self._token = token
        self._base = base.rstrip("/")
        self.secrets = _http.Secrets(token.reveal())
        _http.guard_logs(token.reveal())

    def __repr__(self) -> str:
        return f"BotApi(***, {self.secrets.blotted(self._base)!r})"

    def call(
        self,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:
        """Call a method and return its ``result``.

        Raises
        ------
        Transient, Fatal, Rejected, ChatMoved, Conflict
            If there is none.
        """
        url = f"{self._base}/bot{self._token.reveal()}/{method}"
        if files:
            answer = _http.post(url, self.secrets, form=parameters, files=files, who="Telegram")
        else:
            answer = _http.post(url, self.secrets, document=parameters or {}, who="Telegram")
        return self._result(answer)

    def _result(self, answer: _http.Answer) -> Any:
        if 300 <= answer.status < 400:
            msg = "something redirects the way to Telegram (a login page?); not followed"
            raise Transient(msg)
        document = answer.json()
        if answer.status >= 500 or not isinstance(document, dict) or "ok" not in document:
            if answer.status in {401, 404}:
                raise self._refusal(answer.status, "")
            if answer.status == 429:
                raise _http.slow_down("Telegram", answer.retry_after_s)
            msg = f"Telegram gave no proper answer (HTTP {answer.status})"
            raise Transient(msg, answer.retry_after_s)
        if document["ok"] is True:
            return document.get("result")
        code = document.get("error_code")
        code = code if isinstance(code, int) else answer.status
        said = self.secrets.blotted(str(document.get("description", "")))[:200]
        facts = document.get("parameters")
        facts = facts if isinstance(facts, dict) else {}
        if code == 429:
            wait_s = _http.wait_of(facts.get("retry_after")) or answer.retry_after_s
            raise _http.slow_down("Telegram", wait_s)
        moved = facts.get("migrate_to_chat_id")
        if isinstance(moved, int) and not isinstance(moved, bool):
            raise ChatMoved(moved)
        raise self._refusal(code, said)

    @staticmethod
    def _refusal(code: int, said: str) -> ChannelError:
        lower = said.lower()
        if code in {401, 404}:
            return Fatal(
                f"Telegram does not know this bot token ({code}); copy it from @BotFather again"
            )
        if code == 403:
            return Fatal(
                f"the bot may not write to this chat (403: {said});"
                " press Start in the chat with the bot, or add it to the group"
            )
        if code == 409:
            return Conflict(said)
        if code >= 500:
            return Transient(f"Telegram has trouble of its own ({code})")
        if "message is not modified" in lower:
            return NotModified(said)
        if "can't parse" in lower:
            return CannotParse(said)
        if "message to edit not found" in lower or "message can't be edited" in lower:
            return CannotEdit(said)
        if code in {400, 413} and _ABOUT_MESSAGE.search(said) and "rights" not in lower:
            return Rejected(f"Telegram does not take this message ({code}: {said})")
        if "chat not found" in lower:
            return Fatal(
                "Telegram does not know this chat (400: chat not found); write to the bot once,"
                " then check the chat id"
            )
        return Fatal(f"Telegram refuses ({code}: {said or 'no reason given'})")
