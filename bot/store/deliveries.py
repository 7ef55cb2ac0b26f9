"""The outbox: what is to leave, who is sending it, how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from bot.store import events, messages, pace, receipts, sendings, telling
from bot.store.database import Database, Row, Transaction, microseconds, moment
from bot.store.elsewhere import Elsewhere, move
from bot.store.outgoing import NoSuchConversation, number
from bot.store.receipts import Word
from bot.store.records import ClaimedDelivery, Noted, Pause
from channels.base import (
    Attachment,
    ChannelLimits,
    DeliveryStatus,
    OutboundMessage,
    Quoted,
    Source,
    Trouble,
)

_OVERRUN = 5.0  # seconds beyond a channel's patience after which whoever had a part must be gone
_KNOWN = 1_000  # newest ids of other messages to a recipient that are told apart
_ANOTHERS = "what the provider has of these words is another message"
_READ_AT_ONCE = 200  # messages one look at the thread can mark as read

# Parts of a conversation leave by a channel one after the other: the one in hand, else the earliest. What
# is held for a person is at rest, and in nobody's way.
_FIRST = """
    NOT EXISTS (
        SELECT 1 FROM sendings e
        WHERE e.conversation_id = s.conversation_id AND e.channel = s.channel AND e.due_at IS NOT NULL
            AND NOT (e.seq = s.seq AND e.part = s.part)
            AND (e.lease_until IS NOT NULL
                OR (s.lease_until IS NULL AND (e.seq < s.seq OR (e.seq = s.seq AND e.part < s.part)))))
"""
# What waits behind another part has been due for long; it must not keep the firsts of others from the sweep.
_DUE = f"""
    SELECT DISTINCT conversation_id FROM (
        SELECT s.conversation_id FROM sendings s WHERE s.due_at <= {{now}} - :waiting AND {_FIRST}
        ORDER BY s.due_at LIMIT :limit
    ) AS waiting_longest
"""  # noqa: S608
_NEXT = f"""
    SELECT s.delivery_id, s.part, s.channel, s.text, s.status, s.error, s.looks, s.slotted, s.due_at,
        s.lease_until, s.tried_at, s.created_at, {{now}} AS now, d.message_id, d.recipient, m.html,
        m.subject, m.attachments, m.citations, m.author_kind, m.author_name, m.turn_id, m.template,
        m.in_reply_to, a.external_id AS answers,
        a.reference, a.thread, a.via,
        a.direction AS quoted_direction, a.author_name AS quoted_name, a.address AS quoted_address,
        a.text AS quoted_text, a.created_at AS quoted_at, p.name AS recipient_name, i.window_until,
        i.opted_out_at,
        (SELECT COUNT(*) FROM sendings o WHERE o.delivery_id = s.delivery_id) AS parts
    FROM sendings s JOIN deliveries d ON d.id = s.delivery_id JOIN messages m ON m.id = d.message_id
    JOIN conversations c ON c.id = s.conversation_id JOIN contacts p ON p.id = c.contact_id
    LEFT JOIN messages a ON a.id = m.in_reply_to
    LEFT JOIN identities i ON i.channel = s.channel AND i.address = d.recipient
    WHERE s.conversation_id = :conversation_id AND s.due_at IS NOT NULL AND {_FIRST}
    ORDER BY s.due_at LIMIT 1
"""  # noqa: S608
_CLAIM = """
    UPDATE sendings SET fence = fence + 1, lease_until = {now} + :lease, due_at = {now} + :lease,
        status = 'sending', error = NULL, attempts = attempts + 1, looks = 0, tried_at = {now},
        window_closed = :window_closed, slotted = FALSE
    WHERE delivery_id = :delivery_id AND part = :part
    RETURNING fence, attempts, looks, doubts, window_closed, tried_at, {now} AS now
"""
_CLAIM_UNSURE = """
    UPDATE sendings SET fence = fence + 1, lease_until = {now} + :lease, due_at = {now} + :lease,
        status = 'uncertain', error = COALESCE(error, 'it is not known yet whether this was sent')
    WHERE delivery_id = :delivery_id AND part = :part
    RETURNING fence, attempts, looks, doubts, window_closed, tried_at, {now} AS now
"""
_KNOWN_IDS = """
    SELECT provider_id FROM provider_ids WHERE channel = :channel AND recipient = :recipient
    ORDER BY created_at DESC LIMIT :limit
"""

_HELD = """
    SELECT status, fence, lease_until, by_hand, created_at, {now} AS now FROM sendings
    WHERE delivery_id = :delivery_id AND part = :part
"""
_SETTLE = """
    UPDATE sendings SET status = :status, error = :error, looks = :looks, doubts = doubts + :doubts,
        fence = fence + 1, lease_until = NULL, due_at = CASE WHEN :again THEN {now} + :delay END
    WHERE delivery_id = :delivery_id AND part = :part
"""
_WHOSE = """
    SELECT delivery_id, part FROM provider_ids WHERE channel = :channel AND provider_id = :provider_id
"""
# A mail that is sent again has the id it had before, and what is told of it counts again.
_NAME = """
    INSERT INTO provider_ids (channel, provider_id, delivery_id, part, recipient, created_at)
    VALUES (:channel, :provider_id, :delivery_id, :part, :recipient, {now})
    ON CONFLICT (channel, provider_id) DO UPDATE SET superseded = FALSE
    WHERE provider_ids.delivery_id = excluded.delivery_id AND provider_ids.part = excluded.part
"""

_SEEN = """
    UPDATE conversations SET contact_read_seq = CASE WHEN last_seq < :seq THEN last_seq ELSE :seq END
    WHERE id = :conversation_id AND contact_read_seq < :seq AND contact_read_seq < last_seq
    RETURNING contact_read_seq
"""
_UNREAD = """
    SELECT d.id, d.message_id FROM messages m JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq > :after AND m.seq <= :seq AND d.status {in lower}
    ORDER BY m.seq DESC LIMIT :limit
"""
_READ_SO_FAR = "SELECT contact_read_seq, last_seq FROM conversations WHERE id = :conversation_id"
_MARK = """
    UPDATE deliveries SET status = 'read', error = NULL, updated_at = {now}
    WHERE id {in ids} AND status {in lower} RETURNING message_id, updated_at
"""


class Deliveries:
    """At most one sender in each conversation and channel; no status goes back, unless it is sent again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int = 100, *, waiting: float = 0.0) -> Sequence[str]:
        """Conversations of which something should have left `waiting` seconds ago or more."""
        async with self._database.read() as reader:
            rows = await reader.all(_DUE, limit=limit, waiting=_microseconds(waiting))
        return [row["conversation_id"] for row in rows]

    async def claim(
        self, conversation_id: str, limits: Mapping[str, ChannelLimits]
    ) -> ClaimedDelivery | Pause | None:
        """Take the part that leaves a conversation next, as `sending` before anything reaches the provider.

        None: nothing is to leave, or somebody else is at it. `limits` are those of the channels by name.
        """

        async def take(tx: Transaction) -> ClaimedDelivery | Pause | None:
            contact = await number(tx, conversation_id, 0)
            head = await tx.one(_NEXT, conversation_id=conversation_id)
            while head is not None and _came_too_late(head):
                await _give_up(tx, head)
                head = await tx.one(_NEXT, conversation_id=conversation_id)
            if head is None:
                return None
            early = head["due_at"] - head["now"]
            if early > 0:
                return None if head["lease_until"] is not None else Pause(seconds=early / 1_000_000)
            of_channel = limits.get(head["channel"], ChannelLimits())
            unsure = head["status"] in {"sending", "uncertain"}
            if not unsure and (wait := await pace.wait(tx, head, of_channel.per_second)):
                return Pause(seconds=wait / 1_000_000)
            return await _take(tx, head, contact, of_channel, conversation_id, unsure=unsure)

        try:
            return await self._database.write(take)
        except NoSuchConversation:
            return None

    async def settle(
        self,
        claimed: ClaimedDelivery,
        *,
        status: DeliveryStatus,
        provider_id: str | None = None,
        error: str | None = None,
        again_in: float | None = None,
        looks: int = 0,
        trouble: Trouble | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> bool:
        """What became of an attempt, or of asking for it. False: no longer ours to say.

        QUEUED is sent, and UNCERTAIN asked for, once more `again_in` seconds from now; UNCERTAIN without
        it is held for a person. What was found and is known by now to be another message is asked for once
        more. Nobody is sent what is a day old, or what an operator has taken over from. What the bot said too
        late for its channel leaves `elsewhere` if it can.
        """
        message = claimed.message
        key = {"delivery_id": claimed.delivery_id, "part": message.part}

        async def settle(tx: Transaction) -> bool:
            became, why = status, error
            await number(tx, claimed.conversation_id, 0)
            held = await tx.one(_HELD, **key)
            if held is None or not _may_say(claimed, held, provider_id):
                return False
            if claimed.unsure and provider_id is not None and await _is_anothers(tx, claimed, provider_id):
                again_at = {"again": True, "delay": _microseconds(1.0)}
                tx.later(_SETTLE, **key, status="uncertain", error=_ANOTHERS, looks=0, doubts=0, **again_at)
                await sendings.show(tx, claimed.delivery_id)
                return True
            whose = await sendings.owner(tx, claimed.delivery_id)
            withdrawn = became is DeliveryStatus.QUEUED and sendings.silenced(whose, held)
            if withdrawn:
                became, why = DeliveryStatus.FAILED, sendings.WITHDRAWN
            elif became is DeliveryStatus.QUEUED and sendings.too_old(held):
                became, why = DeliveryStatus.FAILED, f"given up after a day: {error}"
            late = became is DeliveryStatus.FAILED and trouble is Trouble.WINDOW_CLOSED
            to = elsewhere if late and not sendings.silenced(whose, held) else None
            if to is not None and await move(tx, claimed, whose, to):
                _learn(tx, claimed, trouble)
                return True
            again = again_in is not None and became in {DeliveryStatus.QUEUED, DeliveryStatus.UNCERTAIN}
            tx.later(
                _SETTLE,
                **key,
                status=became.value,
                error=why,
                looks=looks,
                doubts=int(claimed.unsure and became is DeliveryStatus.QUEUED),
                again=again,
                delay=_microseconds(again_in or 0.0),
            )
            _learn(tx, claimed, trouble, pause=again_in or 0.0)
            if became is DeliveryStatus.FAILED and not withdrawn:
                await sendings.give_up(tx, claimed.delivery_id, whose, error=why)
            elif became is DeliveryStatus.UNCERTAIN and not again:
                await sendings.hold(tx, claimed.delivery_id, whose, error=why)
            if provider_id is not None:
                tx.later(
                    _NAME,
                    **key,
                    channel=message.channel,
                    provider_id=provider_id,
                    recipient=message.recipient,
                )
            await sendings.show(tx, claimed.delivery_id)
            if provider_id is not None:
                await receipts.catch_up(tx, message.channel, provider_id)
            return True

        return await self._database.write(settle)

    async def receipt(
        self,
        channel: str,
        provider_id: str,
        status: DeliveryStatus,
        detail: str | None = None,
        trouble: Trouble | None = None,
    ) -> Noted | None:
        """A provider's word on a part; never backwards. None when it told nothing new.

        One that comes before we have written the provider's id waits for it. Failures that another attempt
        can mend have the part queued again, once however often they are reported.
        """
        return await self._database.write(
            lambda tx: receipts.note(
                tx,
                Word(channel=channel, provider_id=provider_id, status=status, detail=detail, trouble=trouble),
            )
        )

    async def mark_read(self, conversation_id: str, seq: int) -> bool:
        """The contact has seen the thread up to `seq`. False when that was known."""
        async with self._database.read() as reader:
            so_far = await reader.one(_READ_SO_FAR, conversation_id=conversation_id)
        if so_far is None or so_far["contact_read_seq"] >= min(seq, so_far["last_seq"]):
            return False
        before: int = so_far["contact_read_seq"]

        async def mark(tx: Transaction) -> bool:
            await number(tx, conversation_id, 0)
            row = await tx.one(_SEEN, conversation_id=conversation_id, seq=seq)
            if row is None:
                return False
            lower = [DeliveryStatus.SENT.value, DeliveryStatus.DELIVERED.value]
            unread = await tx.all(
                _UNREAD,
                conversation_id=conversation_id,
                after=before,
                seq=row["contact_read_seq"],
                lower=lower,
                limit=_READ_AT_ONCE,
            )
            marked = await tx.all(_MARK, ids=[each["id"] for each in unread], lower=lower) if unread else []
            if marked:
                numbered = await number(tx, conversation_id, 1)
                events.append(
                    tx,
                    contact_id=numbered["id"],
                    seq=numbered["last_event"],
                    conversation_id=conversation_id,
                    kind="delivery",
                    tells=telling.UPDATED,
                    created_at=marked[0]["updated_at"],
                    data={
                        "message_ids": [each["message_id"] for each in marked],
                        "status": "read",
                        "error": None,
                    },
                )
            return True

        return await self._database.write(mark)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _came_too_late(head: Row) -> bool:
    due = head["due_at"] <= head["now"]
    return due and head["status"] == DeliveryStatus.QUEUED.value and sendings.too_old(head)


async def _give_up(tx: Transaction, head: Row) -> None:
    """What nobody came to send for a day does not leave any more."""
    error = f"given up after a day: {head['error'] or 'nobody was there to send it'}"
    tx.later(
        _SETTLE,
        delivery_id=head["delivery_id"],
        part=head["part"],
        status=DeliveryStatus.FAILED.value,
        error=error,
        looks=0,
        doubts=0,
        again=False,
        delay=0,
    )
    whose = await sendings.owner(tx, head["delivery_id"])
    await sendings.give_up(tx, head["delivery_id"], whose, error=error)
    await sendings.show(tx, head["delivery_id"])


async def _take(
    tx: Transaction,
    head: Row,
    contact: Row,
    limits: ChannelLimits,
    conversation_id: str,
    *,
    unsure: bool,
) -> ClaimedDelivery:
    key = {"delivery_id": head["delivery_id"], "part": head["part"]}
    lease = _microseconds(limits.patience + _OVERRUN)
    known: Sequence[Row] = ()
    if unsure:
        row = await tx.one(_CLAIM_UNSURE, **key, lease=lease)
        known = await tx.all(_KNOWN_IDS, channel=head["channel"], recipient=head["recipient"], limit=_KNOWN)
    else:
        open_until = head["window_until"] or 0
        closed = limits.window is not None and open_until <= head["now"]
        row = await tx.one(_CLAIM, **key, lease=lease, window_closed=closed)
    assert row is not None
    await sendings.show(tx, head["delivery_id"])
    last = head["part"] == head["parts"]
    return ClaimedDelivery(
        delivery_id=head["delivery_id"],
        conversation_id=conversation_id,
        contact_id=contact["id"],
        fence=row["fence"],
        unsure=unsure,
        looks=row["looks"],
        tried_at=moment(row["tried_at"]),
        unsure_for=(row["now"] - row["tried_at"]) / 1_000_000,
        known=frozenset(each["provider_id"] for each in known),
        opted_out=head["opted_out_at"] is not None,
        answers=head["in_reply_to"],
        turn_id=head["turn_id"],
        message=OutboundMessage(
            id=head["message_id"],
            channel=head["channel"],
            recipient=head["recipient"],
            text=head["text"],
            html=head["html"] if head["parts"] == 1 else "",
            subject=head["subject"],
            follows=(head["answers"],) if head["answers"] else (),
            attachments=tuple(Attachment(**each) for each in orjson.loads(head["attachments"]))
            if last
            else (),
            attempt=row["attempts"],
            doubts=row["doubts"],
            part=head["part"],
            last=last,
            recipient_name=head["recipient_name"],
            window_closed=bool(row["window_closed"]),
            template=messages.template(head["template"], head["text"]),
            author_kind=head["author_kind"],
            author_name=head["author_name"],
            citations=tuple(
                Source(title=each["title"], url=each["url"]) for each in orjson.loads(head["citations"])
            ),
            reference=head["reference"] or "",
            thread=tuple(orjson.loads(head["thread"] or "[]")),
            via=head["via"] or "",
            quoted=_quoted(head),
        ),
    )


def _quoted(head: Row) -> Quoted | None:
    if head["quoted_direction"] != "in" or not head["quoted_text"]:
        return None
    return Quoted(
        who=head["quoted_name"] or head["quoted_address"],
        when=moment(head["quoted_at"]),
        text=head["quoted_text"],
    )


def _learn(tx: Transaction, claimed: ClaimedDelivery, trouble: Trouble | None, *, pause: float = 0.0) -> None:
    """Keep what an attempt's refusal says beyond its own message."""
    message, tried_at = claimed.message, microseconds(claimed.tried_at)
    receipts.learn(tx, message.channel, message.recipient, trouble, tried_at=tried_at, pause=pause)


async def _is_anothers(tx: Transaction, claimed: ClaimedDelivery, provider_id: str) -> bool:
    """Whether the provider's message is known by now to be another part than the one asked for."""
    row = await tx.one(_WHOSE, channel=claimed.message.channel, provider_id=provider_id)
    return row is not None and (row["delivery_id"], row["part"]) != (
        claimed.delivery_id,
        claimed.message.part,
    )


def _may_say(claimed: ClaimedDelivery, held: Row, provider_id: str | None) -> bool:
    """Whether the attempt is still ours, or at least brings the provider's id of what nobody has."""
    if held["fence"] == claimed.fence and held["lease_until"] is not None:
        return True
    return provider_id is not None and held["status"] in {"queued", "uncertain"}
