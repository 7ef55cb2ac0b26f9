"""How IMAP (RFC 3501) writes sets of mails, dates and the names of folders."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import cast

from aioimaplib.aioimaplib import quoted

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def uid_set(uids: Sequence[int]) -> str:
    """`1:3,7` for 1, 2, 3 and 7."""
    runs: list[tuple[int, int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], uid)
        else:
            runs.append((uid, uid))
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)


def search_date(day: date) -> str:
    """A date as IMAP's search criteria want it, whatever the locale."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def moment(said: bytes) -> datetime:
    """An INTERNALDATE; now, when it makes no sense."""
    try:
        return parsedate_to_datetime(said.decode("ascii").strip().replace("-", " ", 2)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return datetime.now(UTC)


def folder_name(name: str) -> str:
    """A folder's name in IMAP's own UTF-7 (RFC 3501, 5.1.3), quoted."""

    def encode(run: re.Match[str]) -> str:
        packed = base64.b64encode(run[0].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
        return f"&{packed.decode()}-"

    return cast(str, quoted(re.sub(r"[^\x20-\x7e]+", encode, name.replace("&", "&-"))))
