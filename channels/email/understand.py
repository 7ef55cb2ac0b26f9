"""A raw message, wholly understood: what it says, which words are new, what kind of mail it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from channels.email.kinds import Kind, judge
from channels.email.mail import Mail
from channels.email.parse import parse
from channels.email.trim import Trimmed, trim


@dataclass(frozen=True, kw_only=True)
class Understood:
    """All that one look at a raw message tells."""

    mail: Mail
    trimmed: Trimmed
    kind: Kind


def understand(raw: bytes, own: Collection[str] = ()) -> Understood:
    """Parse, trim and judge; `own` are our addresses. Raises NotUnderstood and nothing else."""
    mail = parse(raw)
    return Understood(mail=mail, trimmed=trim(mail.text), kind=judge(mail, own))
