"""Telegram: messages, figures, one status card edited in place, and commands.

Telegram offers no key against repetition. When an answer is lost on the way, the message may
have arrived, and it is sent again: at least once. The short id in its last line tells repetition
apart from news.
"""

from __future__ import annotations

import html
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self

from copilot_analytics.alerts.channels import _commands, _http, _telegram_api
from copilot_analytics.alerts.channels._base import (
    Channel,
    ChannelError,
    Fatal,
    Receipt,
    Rejected,
    Transient,
    setting,
)
from copilot_analytics.alerts.channels._telegram_api import BotApi, Token
from copilot_analytics.alerts.channels._text import split_text
from copilot_analytics.errors import UsageError
from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.alerts.channels._commands import Command
    from copilot_analytics.alerts.message import Message

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
_LEAST_POLL_S = 3.5
_DEAF_S = (600.0, 3600.0)  # another program that reads the bot's commands may end


class TelegramChannel(Channel):
    """Writes to one chat, and listens to it.

    Parameters
    ----------
    token
        The bot's token.
    chat
        Id of the chat, or ``@name`` of a channel.
    base
        Address of the Bot API server.
    users
        Ids of the users whose commands count; empty means everyone in the chat.
    since
        Seconds since 1970; commands from before are ignored.

    Attributes
    ----------
    listens : bool
        Whether commands are read now: another supervisor with the same bot may do so meanwhile.
    """

    name: ClassVar[str] = "telegram"
    takes_figures: ClassVar[bool] = True
    can_be_silent: bool = True

    def __init__(
        self,
        token: str,
        chat: str,
        *,
        base: str = _telegram_api.OFFICIAL,
        users: frozenset[int] = frozenset(),
        since: float = 0.0,
    ) -> None:
        self.chat: str | int = int(chat) if chat.lstrip("-").isdigit() else chat
        self.address = f"{base} {chat}"
        self.listens = True
        self.since = since
        self._users = users
        self._api = BotApi(Token(token), base)
        self._offset: int | None = None
        self._poll_at = self._deaf_s = 0.0
        self._poll_failures = 0

    def __repr__(self) -> str:
        return f"TelegramChannel(***, {self.chat!r})"

    @classmethod
    def configure(cls, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Self | None:
        """Return the channel for a token and a chat.

        Settings are ``token``, ``token_file``, ``chat``, ``api_base``, ``users`` and ``since``;
        the environment may hold ``TELEGRAM_TOKEN``, ``TELEGRAM_TOKEN_FILE``, ``TELEGRAM_CHAT``
        and ``TELEGRAM_API_BASE``.

        Raises
        ------
        UsageError
            If one of token and chat is missing or cannot be right.
        """
        token = setting({}, arguments, "token", "")
        chat = setting(environment, arguments, "chat", "TELEGRAM_CHAT")
        file = setting(environment, arguments, "token_file", "TELEGRAM_TOKEN_FILE")
        if token is None and file is not None:
            found = _telegram_api.read_token_file(file)
            token = found["TELEGRAM_TOKEN"]
            chat = chat or found.get("TELEGRAM_CHAT")
        token = token or setting(environment, {}, "", "TELEGRAM_TOKEN")
        if token is None and chat is None:
            return None
        if token is None:
            msg = "a Telegram chat without a bot token; set TELEGRAM_TOKEN or --token-file"
            raise UsageError(msg)
        if chat is None:
            msg = "a Telegram token without a chat; set TELEGRAM_CHAT or --chat to its id"
            raise UsageError(msg)
        if not (chat.lstrip("-").isdigit() or chat.startswith("@")):
            msg = "the Telegram chat is a number, or the @name of a channel"
            raise UsageError(msg)
        base = setting(environment, arguments, "api_base", "TELEGRAM_API_BASE")
        if base is not None:
            _http.checked_url(base, "the Bot API server (--api-base)")
        return cls(
            token,
            chat,
            base=base or _telegram_api.OFFICIAL,
            users=frozenset(int(user) for user in arguments.get("users") or ()),
            since=float(arguments.get("since") or 0.0),
        )

    def send(self, message: Message, figures: Mapping[str, bytes] | None = None) -> Receipt:
        """Send the message, in parts if it is long, and then its figures."""
        before = self.chat
        minor = message.severity < Severity.WARNING and message.kind not in {"summary", "farewell"}
        silent = message.silent or minor
        text = "\n".join((*(_clean(line) for line in message.text.split("\n")),))
        reference = ""
        for part in split_text(f"{text}\n· {message.short_id}", LONGEST_TEXT):
            if part.strip():
                bold = message.title if not reference else ""
                reference = self._send_text(part, _clean(bold), silent=silent) or "sent"
        for name, png in (figures or {}).items():
            try:
                self._send_figure(name, png, message.title)
            except Rejected:
                continue  # the words arrived; a figure is not worth a failure
            except (Transient, Fatal):
                break
        moved = "" if self.chat == before else f"the Telegram group has a new id: {self.chat}"
        return Receipt(reference, moved)

    def prove(self) -> str:
        """Send a test message; name the bot and the chat."""
        bot = self._call("getMe")
        bot_name = bot.get("username") if isinstance(bot, dict) else None
        try:
            chat = self._call("getChat", {"chat_id": self.chat})
        except Transient:
            chat = None  # some servers do not know this method
        super().prove()
        named = str(self.chat)
        if isinstance(chat, dict):
            names = [str(chat[key]) for key in ("first_name", "last_name") if chat.get(key)]
            title = chat.get("title") or " ".join(names) or chat.get("username") or "without a name"
            named = f"“{_clean(str(title))}” ({chat.get('type', 'chat')} {self.chat})"
        return f"telegram: @{bot_name} wrote to {named}"

    def card(self, text: str, card: str | None = None) -> str:
        """Show a status card: edit the one given, or send a new one where that is gone.

        Parameters
        ----------
        text
            Plain text; what exceeds one message is left out.
        card
            What the last call returned.

        Returns
        -------
        str
            Name of the card, to be kept.
        """
        shown = split_text("\n".join(_clean(line) for line in text.split("\n")), LONGEST_TEXT)[0]
        content = {"text": html.escape(shown, quote=False), "parse_mode": "HTML"}
        if card is not None and card.isdigit():
            try:
                self._to_chat("editMessageText", {"message_id": int(card), **content})
            except _telegram_api.NotModified:
                return card
            except _telegram_api.CannotEdit:
                pass
            else:
                return card
        sent = self._to_chat("sendMessage", {"disable_notification": True, **content})
        return _reference(sent)

    def send_figure(self, png: bytes, caption: str = "") -> None:
        """Send one figure, e.g. as the answer to ``/plot``."""
        self._send_figure("figure", png, caption)

    def reply(self, text: str) -> None:
        """Answer a command with plain text."""
        for part in split_text("\n".join(_clean(line) for line in text.split("\n")), LONGEST_TEXT):
            if part.strip():
                self._send_text(part, "", silent=False)

    def poll(self, now: float) -> list[Command]:
        """Return the commands that came since the last call; never waits and never raises.

        Parameters
        ----------
        now
            Seconds since 1970. Between two questions to the server lie some seconds, after
            failures up to five minutes.
        """
        if now < self._poll_at:
            return []
        asked: dict[str, Any] = {"timeout": 0, "limit": 50, "allowed_updates": ["message"]}
        if self._offset is not None:
            asked["offset"] = self._offset
        try:
            updates = self._call("getUpdates", asked)
        except (_telegram_api.Conflict, Fatal):
            least, most = _DEAF_S
            self._deaf_s = min(2.0 * self._deaf_s, most) if self._deaf_s else least
            self.listens, self._poll_at = False, now + self._deaf_s
            return []
        except ChannelError as error:
            self._poll_failures += 1
            pause_s = min(300.0, _LEAST_POLL_S * 2.0 ** min(self._poll_failures, 10))
            wait_s = getattr(error, "retry_after_s", None) or 0.0
            self._poll_at = now + max(pause_s, wait_s)
            return []
        self.listens, self._deaf_s, self._poll_failures = True, 0.0, 0
        self._poll_at = now + _LEAST_POLL_S
        found, missed = [], 0
        for update in updates if isinstance(updates, list) else []:
            number = update.get("update_id") if isinstance(update, dict) else None
            if not isinstance(number, int) or (self._offset is not None and number < self._offset):
                continue
            self._offset = number + 1
            command = _commands.read(update, chat=self.chat, users=self._users, since=self.since)
            if command is not None:
                found.append(command)
                continue
            late = _commands.read(update, chat=self.chat, users=self._users, since=0.0)
            missed += late is not None and late.name != "help"  # as `/start` is taken
        if missed:
            came = "1 command" if missed == 1 else f"{missed} commands"
            with suppress(ChannelError):  # whoever asked asks again
                self.reply(f"{came} came before this watch began and went unheard: send again.")
        return found

    def _send_text(self, part: str, bold: str, *, silent: bool) -> str:
        """Send one part; its beginning is bold if it is the title."""
        shown = html.escape(part, quote=False)
        if bold and part.startswith(bold):
            head = html.escape(bold, quote=False)
            shown = f"<b>{head}</b>{shown[len(head) :]}"
        options = {"disable_notification": silent, "link_preview_options": {"is_disabled": True}}
        try:
            sent = self._to_chat("sendMessage", {"text": shown, "parse_mode": "HTML", **options})
        except _telegram_api.CannotParse:
            sent = self._to_chat("sendMessage", {"text": part, **options})
        return _reference(sent)

    def _send_figure(self, name: str, png: bytes, caption: str) -> None:
        text = split_text(_clean(caption), LONGEST_CAPTION)
        facts = {"caption": text[0] if text else "", "disable_notification": True}
        self._to_chat("sendPhoto", facts, {"photo": (f"{name}.png", png, "image/png")})

    def _to_chat(
        self,
        method: str,
        parameters: Mapping[str, Any],
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:
        """Call a method for the chat; follow the chat if it has moved."""
        for _ in range(2):
            try:
                return self._call(method, {"chat_id": self.chat, **parameters}, files)
            except _telegram_api.ChatMoved as moved:
                self.chat = moved.chat
        msg = "the Telegram group says that it moved, again and again; check the chat id"
        raise Fatal(msg)

    def _call(
        self,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:
        try:
            answer = self._api.call(method, parameters, files)
        except _telegram_api.Conflict:
            if method == "getUpdates":
                raise
            conflict = Transient("Telegram says that another supervisor is at work")
        else:
            self.answers += 1
            return answer
        raise conflict from None


def _reference(sent: Any) -> str:
    number = sent.get("message_id") if isinstance(sent, dict) else None
    return str(number) if isinstance(number, int) else ""


def _clean(line: str) -> str:
    """Leave out what Telegram, or a reader, should not get: control characters, broken ones."""
    line = line.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c in "\u200d\t" else " " for c in line)


CHANNEL = TelegramChannel
