"""How mails hang together: our Message-IDs, the References of a reply, signed addresses, reply subjects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from channels.email.charsets import words_decoded

_LONGEST = 500  # octets of one id that is repeated; a header line stays under 998 (RFC 5322, 2.1.1)
_CHAIN = 16_000  # octets of a References header, some 200 ids; mail servers refuse heads of 32 KB
_SUBJECT = 1_000  # characters; nobody types more

_ID = re.compile(r"[!-;=?-~]+")  # wider than RFC 5322: what a client gave out, its thread hangs on
_OURS = re.compile(r"([a-z]+_[0-9a-z]+)\.([1-9][0-9]{0,3})(\.auto)?@(.+)")
_TOKEN = 42  # characters: 16 octets of id and 10 of signature in base 32
_STORED = re.compile(r"msg_[0-9a-f]{31}")

# "Re" as clients write it in their languages; "Fw" and its kin say something else and stay.
_REPLY = (
    *("re", "aw", "antw", "antwort", "sv", "vs", "vá", "odp", "rif", "r", "res", "ynt", "atb"),
    *("απ", "σχετ", "отв", "ответ", "הב", "رد", "回复", "回覆", "答复", "答覆", "返信", "회신", "답장"),
)
_PILE = re.compile(
    rf"^(?:\s*(?:{'|'.join(_REPLY)})\s?(?:\[\d{{1,4}}\]|\(\d{{1,4}}\)|\*\d{{1,4}})?\s?[:：]\s*)+",
    re.IGNORECASE,
)

_JOINERS = "\u200c\u200d\u200e\u200f"  # unprintable to Python, needed by Persian, Hindi, emoji and Hebrew


@dataclass(frozen=True, kw_only=True)
class OurPart:
    """What a Message-ID of ours names: a stored message and which of its parts, counted from 1.

    `automatic`: nobody read it before it left.
    """

    message: str
    part: int
    automatic: bool = False


def message_id(part: OurPart, domain: str) -> str:
    """The Message-ID under which a part of a stored message leaves, the same at every attempt.

    Here as everywhere in the channel an id stands without its angle brackets.
    """
    return f"{part.message}.{part.part}{'.auto' * part.automatic}@{domain.lower()}"


def ours(reference: str, domains: Collection[str]) -> OurPart | None:
    """What a Message-ID names, when it is one we gave out under one of `domains`.

    Whatever case it comes back in: ours have no capitals.
    """
    found = _OURS.fullmatch(reference.strip(" <>").lower())
    if found is None or found[4] not in {domain.lower() for domain in domains}:
        return None
    return OurPart(message=found[1], part=int(found[2]), automatic=found[3] is not None)


def automatic(reference: str) -> bool:
    """Whether a Switchboard, whosever, gave this id to a mail that nobody read before it left.

    An id stays where a relay takes away all headers that it does not know.
    """
    found = _OURS.fullmatch(reference.strip(" <>").lower())
    return found is not None and _STORED.fullmatch(found[1]) is not None and found[3] is not None


def chain(*, message: str, references: Sequence[str] = (), in_reply_to: str = "") -> tuple[str, ...]:
    """The References of a reply to `message`, itself the last (RFC 5322, 3.6.4).

    A message without References of its own passes on its In-Reply-To. A chain too long for a header keeps its
    first id, which names the thread, and the latest. What cannot stand in a header is left out.
    """
    before = references or (in_reply_to,)
    ids = [each for each in dict.fromkeys((*before, message)) if each != message and repeatable(each)]
    ids += [message] * repeatable(message)
    left, at = _CHAIN - sum(len(each) + len("<>") for each in ids[:1]), len(ids)
    while at > 1 and (left := left - len(ids[at - 1]) - len(" <>")) >= 0:
        at -= 1
    return tuple(ids[:1] + ids[max(at, 1) :])


def repeatable(reference: str) -> bool:
    """Whether somebody else's id can stand in a header of ours."""
    return len(reference) <= _LONGEST and _ID.fullmatch(reference) is not None


def reply_subject(subject: str) -> str:
    """`Re: ` and the subject, once, whatever AW:, SV: or RE[2]: stood before it; one line, decoded."""
    own = _PILE.sub("", one_line(words_decoded(subject)), count=1)
    return f"Re: {own}".strip()[:_SUBJECT]


def one_line(text: str) -> str:
    """Text that can be a header: no control characters, nor anything else that breaks a line."""
    return " ".join("".join(char if char.isprintable() or char in _JOINERS else " " for char in text).split())


class PlusAddresses:
    """Addresses to answer to that name the message answered: `support+TOKEN@example.com`.

    They find a thread again when a client drops References. A token cannot be made up: it is signed with
    `key`. It is no proof of who writes, since a mail with it may be passed on. Mail servers fold case, so a
    token has none.
    """

    def __init__(self, address: str, *, key: bytes) -> None:
        """ValueError when `address` leaves no room for a token: RFC 5321 allows 64 octets before the @."""
        self._local, _, self._domain = address.lower().rpartition("@")
        self._key = key
        if len(self._local) + 1 + _TOKEN > 64:
            raise ValueError(
                f"plus addressing allows {63 - _TOKEN} characters before the @, {address} has more"
            )

    def sign(self, message: str) -> str:
        """The address that names a stored message."""
        if not _STORED.fullmatch(message):
            raise ValueError(f"not the id of a stored message: {message}")
        return f"{self._local}+{self._token(message)}@{self._domain}"

    def names(self, recipients: Iterable[str]) -> str | None:
        """The stored message that one of the recipients names, or None: no token, or one that is not ours."""
        for recipient in recipients:
            local, _, domain = recipient.strip().lower().rpartition("@")
            base, _, token = local.rpartition("+")
            if base == self._local and domain == self._domain and (message := self._read(token)):
                return message
        return None

    def _read(self, token: str) -> str | None:
        if len(token) != _TOKEN or not token.isascii():
            return None
        try:
            packed = base64.b32decode(token.upper() + "=" * (-_TOKEN % 8))
        except ValueError:
            return None
        message = f"msg_{packed[:16].hex()[1:]}"
        return message if hmac.compare_digest(self._token(message), token) else None

    def _token(self, message: str) -> str:
        signed = f"reply to {message} at {self._local}@{self._domain}".encode()
        mark = hmac.digest(self._key, signed, hashlib.sha256)[:10]
        packed = bytes.fromhex("0" + message.removeprefix("msg_")) + mark
        return base64.b32encode(packed).decode().rstrip("=").lower()
