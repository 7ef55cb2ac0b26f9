"""A mailbox's account, and in plain words what keeps us out of it."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from channels.email.providers import on_refused_login

Security = Literal["ssl", "starttls", "none"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where a mailbox is and how to get in: by password, or by a token asked for at every login."""

    host: str
    port: int
    user: str
    password: str = ""
    token: Callable[[], Awaitable[str]] | None = None
    security: Security = "ssl"
    folder: str = "INBOX"


class MailboxTrouble(Exception):  # noqa: N818
    """The mailbox can't be read now; `detail` is for operators, in plain words.

    `lasting`: trying again at once would not help, somebody has to change a setting.
    """

    def __init__(self, detail: str, *, lasting: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.lasting = lasting


class Dropped(MailboxTrouble):
    """The server ended the connection."""


class Silent(MailboxTrouble):
    """The server has not answered in time; the connection may be half-open."""


class NotDone(MailboxTrouble):
    """The server answered NO or BAD to a command; the connection goes on."""


def passes(said: str) -> bool:
    """Whether a refusal is the server's own trouble and will pass (RFC 5530)."""
    codes = r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\]|too many"
    return re.search(codes, said, re.IGNORECASE) is not None


def refusal(account: Account, said: str) -> MailboxTrouble:
    """What a refused login means, and for the great providers what their users must set."""
    if passes(said):
        return MailboxTrouble(f"{account.host} lets nobody in just now: {said}")
    what = "OAuth token" if account.token else "password"
    advice = on_refused_login(account.host, token=account.token is not None, sending=False)
    return MailboxTrouble(
        f"{account.host} refuses the user {account.user} with this {what} (it says: {said})"
        f"{advice and f'. {advice}'}",
        lasting=True,
    )


@contextlib.contextmanager
def plain_words(account: Account, patience: float) -> Iterator[None]:
    """What went wrong on the way to the mailbox, as an operator can act on it."""
    host, port = account.host, account.port
    try:
        yield
    except MailboxTrouble:
        raise
    except ssl.SSLCertVerificationError as error:
        raise MailboxTrouble(
            f"the certificate of {host} is not trusted: {error.verify_message}", lasting=True
        ) from error
    except ssl.SSLError as error:
        hint = "; IMAP_TLS=ssl goes with port 993, starttls with 143" if account.security == "ssl" else ""
        raise MailboxTrouble(f"no TLS with {host}:{port}: {error.reason or error}{hint}") from error
    except ConnectionRefusedError as error:
        raise MailboxTrouble(f"nothing listens at {host}:{port}: check IMAP_HOST and IMAP_PORT") from error
    except TimeoutError as error:
        raise Silent(f"{host}:{port} does not answer within {patience:g} s: check IMAP_PORT") from error
    except OSError as error:  # gaierror too
        raise MailboxTrouble(f"{host}:{port} can't be reached: {error.strerror or error}") from error
