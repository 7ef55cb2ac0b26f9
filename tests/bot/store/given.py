"""What tests of the store begin with."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.orchestrator.outcome import Citation, HandOff, Outcome, Reply
from bot.store import Store
from bot.store.records import Claim, ClaimedDelivery, Concluded, Event, Recorded
from bot.trace import Step
from channels.base import ChannelLimits, InboundMessage


def message(
    external_id: str = "1", *, sender: str = "ada", channel: str = "web", **more: Any
) -> InboundMessage:
    """Something a contact wrote."""
    more.setdefault("text", f"message {external_id}")
    return InboundMessage(channel=channel, external_id=f"{sender}:{external_id}", sender=sender, **more)


async def said(store: Store, external_id: str = "1", *, sender: str = "ada", **more: Any) -> Recorded:
    """The same, recorded."""
    return await store.conversations.record(message(external_id, sender=sender, **more), html="<p>hi</p>")


async def claimed(store: Store, conversation_id: str) -> Claim:
    """A turn that must be there to take."""
    claim = await store.turns.claim(conversation_id, 30)
    assert claim is not None
    return claim


REPLY = Reply(text="Yes.", citations=(Citation(title="Returns", url="/returns", quote="Within 30 days."),))
HAND_OFF = HandOff(reason="unsupported", text="A colleague will answer.")


async def concluded(
    store: Store, claim: Claim, outcome: Outcome = REPLY, *, parts: Sequence[str] | None = None, **more: Any
) -> Concluded | None:
    """A turn brought to its end."""
    return await store.turns.conclude(
        claim,
        outcome,
        more.pop("steps", [Step(kind="model", name="small", status="ok")]),
        html="<p>Yes.</p>",
        status="waiting" if isinstance(outcome, HandOff) else "bot",
        parts=parts,
        author_name="Bot",
        **more,
    )


async def expire(store: Store, conversation_id: str) -> None:
    """The lease of the conversation's turn has run out."""
    await store.database.change(
        "UPDATE conversations SET lease_until = 1, due_at = 1 WHERE id = :id", id=conversation_id
    )


async def queued(
    store: Store, external_id: str = "1", *, parts: Sequence[str] = ("Yes.",), **more: Any
) -> str:
    """A reply of the bot's that is to leave by WhatsApp; its conversation's id."""
    first = await said(store, external_id, channel="whatsapp", **more)
    done = await concluded(store, await claimed(store, first.message.conversation_id), parts=parts)
    assert done is not None
    return first.message.conversation_id


async def due_now(store: Store) -> None:
    """Whatever is to leave is due, and whoever was sending it is gone."""
    await store.database.change(
        "UPDATE sendings SET due_at = 1, lease_until = CASE WHEN lease_until IS NOT NULL THEN 1 END "
        "WHERE due_at IS NOT NULL"
    )


async def taken(store: Store, conversation_id: str, **limits: Any) -> ClaimedDelivery:
    """A part that must be there to send."""
    claim = await store.deliveries.claim(conversation_id, {"whatsapp": ChannelLimits(**limits)})
    assert isinstance(claim, ClaimedDelivery), claim
    return claim


async def row(store: Store, sql: str, **params: Any) -> dict[str, Any]:
    """One row as it lies in the database."""
    async with store.database.read() as reader:
        found = await reader.one(sql, **params)
    assert found is not None
    return dict(found)  # type: ignore[call-overload,no-any-return]


async def count(store: Store, table: str) -> int:
    return int((await row(store, f"SELECT COUNT(*) AS n FROM {table}"))["n"])


def told(events: list[Event] | Any) -> list[tuple[str, str]]:
    """Kind and gist of each event."""
    return [
        (event.kind, event.message.text if event.message else str(event.data["status"])) for event in events
    ]


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program is writing for as long as the block lasts."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
