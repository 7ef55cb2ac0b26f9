"""What tests of the store begin with."""

from __future__ import annotations

from typing import Any

from bot.orchestrator.outcome import Citation, HandOff, Outcome, Reply
from bot.store import Store
from bot.store.records import Claim, Concluded, Event, Recorded
from bot.trace import Step
from channels.base import InboundMessage


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
    store: Store, claim: Claim, outcome: Outcome = REPLY, *, delivered: bool = True, **more: Any
) -> Concluded | None:
    """A turn brought to its end."""
    return await store.turns.conclude(
        claim,
        outcome,
        more.pop("steps", [Step(kind="model", name="small", status="ok")]),
        html="<p>Yes.</p>",
        status="waiting" if isinstance(outcome, HandOff) else "bot",
        delivered=delivered,
        author_name="Bot",
        **more,
    )


async def expire(store: Store, conversation_id: str) -> None:
    """The lease of the conversation's turn has run out."""
    async with store.database.transaction() as tx:
        tx.later("UPDATE conversations SET lease_until = 1, due_at = 1 WHERE id = :id", id=conversation_id)


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
