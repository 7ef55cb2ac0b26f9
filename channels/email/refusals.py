"""What a mail server's answers and silences mean, in an operator's words, and whether to try again."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from aiosmtplib import SMTPConnectError, SMTPResponseException

from channels.base import NotDelivered
from channels.email.ids import one_line
from channels.email.providers import on_refused_login

_TOLD = 200  # characters of what the server says

# RFC 3463: subject and detail of an enhanced status code, whatever its class.
_BY_STATUS = {
    "1.1": "no such mailbox",
    "1.2": "no such domain",
    "1.3": "the address is not valid",
    "1.6": "the mailbox has moved",
    "1.10": "the domain takes no mail",
    "2.1": "the mailbox is switched off",
    "2.2": "the mailbox is full",
    "2.3": "the message is too large for the mailbox",
    "3.4": "the message is too large",
    "4.4": "the domain's mail server can't be found",
}
_BY_SUBJECT = {"7": "it is against the server's policy"}
_OF_RECIPIENT = {
    450: "the mailbox is busy",
    452: "the mailbox is full",
    550: "no such mailbox",
    551: "the mailbox has moved",
    552: "the mailbox is full",
    553: "the address is not valid",
    554: "it is against the server's policy",
    556: "the domain takes no mail",
}
_OF_MESSAGE = {
    452: "its storage is full",
    550: "it is against the server's policy",
    552: "the message is too large or the mailbox full",
    554: "it is against the server's policy",
}
_NO_LOGIN = {530, 534, 535, 538}  # RFC 4954: what it takes to send is missing or wrong


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where mail is handed in and how to get in: by password, by a token asked for at every login, or
    without a user."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    token: Callable[[], Awaitable[str]] | None = None
    security: Literal["ssl", "starttls", "none"] = "ssl"


class Step(StrEnum):
    """How far a mail has come on its way to the server; END: its last dot has been sent."""

    CONNECT = "the greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "the login"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the message"
    CONTENT = "the message's content"
    END = "the message's end"


def refusal(code: int, text: str, *, step: Step, server: Server, recipient: str = "") -> NotDelivered:
    """What an answer other than yes means.

    4xx is for now and 5xx for good (RFC 5321, 4.2.1), except where our own settings are to blame: mail waits
    until somebody has corrected them.
    """
    said = f"{code} {one_line(text.encode('utf-8', 'replace').decode())[:_TOLD]}".strip()
    if code // 100 not in {4, 5}:
        return NotDelivered(
            f"{server.host} gives a strange answer to {step}: {said}",
            retry=step is not Step.END,
            uncertain=step is Step.END,
        )
    if code in _NO_LOGIN or step is Step.AUTH:
        return _no_login(said, server)
    what = f"{step} {recipient}".strip()
    later = code < 500
    reason = "" if step in {Step.CONNECT, Step.EHLO, Step.STARTTLS} else _reason(code, text, step)
    return NotDelivered(
        f"{server.host} refuses {what}{' for now' * later}{reason and f': {reason}'} ({said})",
        retry=later or step is Step.STARTTLS,
    )


def _reason(code: int, text: str, step: Step) -> str:
    status = re.match(r"[45]\.(\d{1,3})\.(\d{1,3})\b", text)
    known = status and (_BY_STATUS.get(f"{status[1]}.{status[2]}") or _BY_SUBJECT.get(status[1]))
    return known or (_OF_RECIPIENT if step is Step.RCPT else _OF_MESSAGE).get(code, "")


def _no_login(said: str, server: Server) -> NotDelivered:
    if not server.user:
        return NotDelivered(
            f"{server.host} wants a login: set SMTP_USER and SMTP_PASSWORD ({said})", retry=True
        )
    what = "OAuth token" if server.token else "password"
    advice = on_refused_login(server.host, token=server.token is not None, sending=True)
    return NotDelivered(
        f"{server.host} refuses the user {server.user} with this {what} ({said}){advice and f'. {advice}'}",
        retry=True,
    )


def failure(problem: Exception, *, step: Step, server: Server, patience: float) -> NotDelivered:
    """What it means that no answer came, or that none could be asked for."""
    if isinstance(problem, SMTPResponseException):
        return refusal(problem.code, problem.message, step=step, server=server)
    if step is Step.END:
        return NotDelivered(
            f"{server.host} was lost when it had the whole message and had not yet said that it takes it",
            uncertain=True,
        )
    cause = problem.__cause__ if isinstance(problem, SMTPConnectError) and problem.__cause__ else problem
    return NotDelivered(_words(cause, step, server, patience), retry=True)


def _words(cause: BaseException, step: Step, server: Server, patience: float) -> str:
    host, port = server.host, server.port
    words = f"{host}:{port}: {cause} (at {step})"
    match cause:
        case ssl.SSLCertVerificationError():
            words = f"the certificate of {host} is not trusted: {cause.verify_message}"
        case ssl.SSLError():
            hint = "SMTP_TLS=ssl goes with port 465, starttls with 587"
            words = f"no TLS with {host}:{port}: {cause.reason or cause}; {hint}"
        case socket.gaierror():
            words = f"{host} can't be found: check SMTP_HOST"
        case ConnectionRefusedError():
            words = f"nothing listens at {host}:{port}: check SMTP_HOST and SMTP_PORT"
        case TimeoutError():
            words = f"{host}:{port} did not come to an end within {patience:g} s, at {step}"
        case ConnectionError():
            words = f"{host}:{port} ended the connection at {step}"
        case OSError():
            words = f"{host}:{port} can't be reached: {cause.strerror or cause}"
    return words
