"""One HTTP request, in a way that never shows its address: the address is often the secret."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from copilot_analytics.alerts.channels._base import Fatal, Transient
from copilot_analytics.errors import UsageError
from copilot_analytics.wording import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_S = 5.0
READ_S = 20.0
DEADLINE_S = 30.0
_LONGEST_ANSWER = 256 * 1024
_TOKEN = re.compile(r"(?<![0-9A-Za-z])(bot)?\d{3,}:[\w-]{20,}")


class Secrets:
    """Blots secrets out of text.

    Examples
    --------
    >>> print(Secrets("hush").blotted("https://x/hush: bot123456:AAAAAAAAAAAAAAAAAAAAAAAA"))
    https://x/***: ***
    """

    def __init__(self, *secrets: str) -> None:
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __repr__(self) -> str:
        return "Secrets(***)"

    def blotted(self, text: str) -> str:
        """Return the text without the secrets and without anything like a bot token."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _TOKEN.sub("***", text)


class RedactingFilter(logging.Filter):
    """Blots secrets out of log records, their arguments and their exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets = Secrets()
        self._words: set[str] = set()

    def add(self, *secrets: str) -> None:
        """Blot these out as well."""
        self._words.update(secrets)
        self._secrets = Secrets(*self._words)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; it is always let through."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        clean = self._secrets.blotted(text)
        if clean != text:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[1] is not None:
            told = logging.Formatter().formatException(record.exc_info)
            blotted = self._secrets.blotted(told)
            if blotted != told:
                record.exc_info, record.exc_text = None, blotted
        return True


REDACTION = RedactingFilter()


def guard_logs(*secrets: str) -> None:
    """Keep secrets out of log records: those of urllib3, and those of the root's handlers.

    Call it again after handlers were added; doing so twice does no harm.
    """
    REDACTION.add(*secrets)
    library = logging.getLogger("urllib3")
    if library.level < logging.WARNING:
        library.setLevel(logging.WARNING)
    root = logging.getLogger()
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry", "requests"):
        logging.getLogger(name).addFilter(REDACTION)
    root.addFilter(REDACTION)
    for handler in root.handlers:
        handler.addFilter(REDACTION)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What the other side said.

    Parameters
    ----------
    status
        HTTP status.
    body
        The text, without byte-order marks.
    retry_after_s
        From the header, None if it is missing or makes no sense.
    """

    status: int
    body: str
    retry_after_s: float | None

    def json(self) -> Any:
        """Return the body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def checked_url(url: str, what: str) -> str:
    """Return an address that can be posted to.

    Raises
    ------
    UsageError
        If it is none; the text does not show it.

    Examples
    --------
    >>> checked_url("https://example.org/x", "the webhook")
    'https://example.org/x'
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        msg = f"the address of {what} is not one; it begins with http(s):// and a host"
        raise UsageError(msg)
    return url


def wait_of(said: object) -> float | None:
    """Read how long the other side asks to wait; None if it says nothing sensible.

    Examples
    --------
    >>> (
    ...     wait_of(1),
    ...     wait_of("2.5"),
    ...     wait_of(-3),
    ...     wait_of(None),
    ...     wait_of("Wed, 21 Oct"),
    ...     wait_of(True),
    ... )
    (1.0, 2.5, None, None, None, None)
    """
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        wait_s = float(said)
    except ValueError:
        return None
    return wait_s if 0 < wait_s <= 86400 else None


def slow_down(who: str, wait_s: float | None) -> Transient:
    """Return the error for a channel that was sent too much, which says how long it is to rest.

    Examples
    --------
    >>> str(slow_down("Slack", 30.0)), str(slow_down("Slack", None))
    ('Slack asks to wait 30 s (HTTP 429)', 'Slack asks to send less (HTTP 429)')
    """
    asked = "send less" if wait_s is None else f"wait {duration(wait_s)}"
    return Transient(f"{who} asks to {asked} (HTTP 429)", wait_s)


def refused(who: str, answer: Answer, remark: str) -> Fatal | Transient:
    """Return the error for a webhook that takes nothing: for good, or only now.

    Examples
    --------
    >>> refused("Slack", Answer(404, "no_team", None), "404: no_team")
    Fatal('Slack does not take this webhook (404: no_team); make a new one')
    >>> refused("Slack", Answer(502, "", None), "502: ")
    Transient('Slack gave no proper answer (HTTP 502)')
    """
    if 400 <= answer.status < 500 and answer.status not in {408, 425}:
        return Fatal(f"{who} does not take this webhook ({remark}); make a new one")
    return Transient(f"{who} gave no proper answer (HTTP {answer.status})", answer.retry_after_s)


def post(
    url: str,
    secrets: Secrets,
    *,
    document: object = None,
    form: Mapping[str, Any] | None = None,
    files: Mapping[str, tuple[str, bytes, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    who: str,
) -> Answer:
    """Send one POST request and return the answer, whatever its status.

    Redirects are not followed, ``.netrc`` is not read, proxies of the environment are used.
    An answer that trickles in ends after `DEADLINE_S`.

    Parameters
    ----------
    url
        The address; no error names it.
    secrets
        What must not be shown.
    document
        Sent as JSON.
    form, files
        Sent as a form instead.
    headers
        Further headers.
    who
        The other side, for people.

    Raises
    ------
    Transient
        If there is no whole answer.
    Fatal
        If the address cannot be one.
    """
    import requests

    guard_logs()
    data: Any = form
    sent = {"User-Agent": "copilot", **(headers or {})}
    if document is not None:
        data = json.dumps(document, ensure_ascii=True).encode()
        sent["Content-Type"] = "application/json"
    problem: Transient | Fatal
    try:
        with requests.Session() as session:
            response = session.post(
                url,
                data=data,
                files=files,
                headers=sent,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
                auth=_unchanged,
            )
            with response:
                body = _body(response, who)
                header = response.headers.get("Retry-After")
                return Answer(response.status_code, body, wait_of(header))
    except Transient:
        raise
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidHeader,
    ):
        problem = Fatal(f"the address of {who} is not one; it begins with http(s):// and a host")
    except requests.exceptions.SSLError:
        problem = Transient(f"no secure connection to {who}: its certificate is not accepted")
    except requests.exceptions.ConnectTimeout:
        problem = Transient(f"{who} cannot be reached within {CONNECT_S:.0f} s")
    except requests.exceptions.Timeout:
        problem = Transient(f"{who} did not answer within {READ_S:.0f} s")
    except requests.exceptions.ProxyError:
        problem = Transient(f"the proxy on the way to {who} does not work")
    except requests.exceptions.ConnectionError:
        problem = Transient(f"no connection to {who}")
    except (requests.exceptions.RequestException, OSError, ValueError) as error:
        problem = Transient(f"{who} answered in part or not at all ({type(error).__name__})")
    raise problem from None


def _unchanged(request: Any) -> Any:
    """Take the place of credentials, so that no .netrc is read."""
    return request


def _body(response: Any, who: str) -> str:
    """Read the answer within the deadline; a whole one, or none."""
    started = time.monotonic()
    found = bytearray()
    # Byte by byte, since a longer read waits for all of it, and each byte restarts its timeout.
    for chunk in response.iter_content(chunk_size=1):
        found += chunk
        if time.monotonic() - started > DEADLINE_S:
            msg = f"{who} took longer than {DEADLINE_S:.0f} s to answer"
            raise Transient(msg)
        if len(found) >= _LONGEST_ANSWER:
            break
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding")
    if length.isdigit() and not encoded and len(found) < min(int(length), _LONGEST_ANSWER):
        msg = f"the answer of {who} was cut off"
        raise Transient(msg)
    return found.decode("utf-8-sig", "replace")
