"""What the ids in the audit log are called by people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from bot.store.database import Reader

Kind = Literal["operator", "token", "contact", "conversation", "call", "article", "canned", "view", "gap"]

_OPERATORS = "SELECT id, name FROM operators WHERE id {in ids}"
_TOKENS = "SELECT id, name FROM api_tokens WHERE id {in ids}"
_CONTACTS = "SELECT id, name FROM contacts WHERE id {in ids}"
_CONVERSATIONS = """
    SELECT c.id, k.name, k.id AS contact_id, c.id AS conversation_id, c.subject FROM conversations c
    JOIN contacts k ON k.id = c.contact_id WHERE c.id {in ids}
"""
_CALLS = """
    SELECT x.id, k.name, k.id AS contact_id, c.id AS conversation_id, x.tool AS subject FROM calls x
    JOIN conversations c ON c.id = x.conversation_id JOIN contacts k ON k.id = c.contact_id
    WHERE x.id {in ids}
"""
_ARTICLES = "SELECT id, title AS name FROM articles WHERE id {in ids}"
_CANNED = "SELECT id, name FROM canned_answers WHERE id {in ids}"
_VIEWS = "SELECT id, name FROM saved_views WHERE id {in ids}"
_GAPS = "SELECT id, question AS name FROM knowledge_gaps WHERE id {in ids}"
# By what their ids begin with. Those of the second group are of a conversation.
_NAMED: Mapping[str, tuple[Kind, str]] = {
    "op": ("operator", _OPERATORS),
    "tok": ("token", _TOKENS),
    "con": ("contact", _CONTACTS),
    "art": ("article", _ARTICLES),
    "can": ("canned", _CANNED),
    "view": ("view", _VIEWS),
    "gap": ("gap", _GAPS),
}
_HELD: Mapping[str, tuple[Kind, str]] = {
    "cnv": ("conversation", _CONVERSATIONS),
    "call": ("call", _CALLS),
}


@dataclass(frozen=True, kw_only=True)
class Named:
    """What an id is of, and its name. That of a conversation, or of a call in one, is its contact's, who may
    have none; `subject` is what the conversation is about, or the tool that was to be called."""

    kind: Kind
    name: str
    contact_id: str = ""
    conversation_id: str = ""
    subject: str = ""


async def named(reader: Reader, ids: Collection[str]) -> Mapping[str, Named]:
    """Those of the ids that are of something there is."""
    found: dict[str, Named] = {}
    for prefix, (kind, sql) in _NAMED.items():
        if wanted := _of(prefix, ids):
            for row in await reader.all(sql, ids=wanted):
                contact_id = row["id"] if kind == "contact" else ""
                found[row["id"]] = Named(kind=kind, name=row["name"], contact_id=contact_id)
    for prefix, (kind, sql) in _HELD.items():
        if wanted := _of(prefix, ids):
            for row in await reader.all(sql, ids=wanted):
                found[row["id"]] = Named(
                    kind=kind,
                    name=row["name"],
                    contact_id=row["contact_id"],
                    conversation_id=row["conversation_id"],
                    subject=row["subject"],
                )
    return found


def _of(prefix: str, ids: Collection[str]) -> list[str]:
    return sorted(each for each in ids if each.startswith(f"{prefix}_"))
