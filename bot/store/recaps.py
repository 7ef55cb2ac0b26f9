"""Rolling summaries: the beginning of a long conversation in short, kept with how far that reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.store import concluding, messages, turns
from bot.store.database import Database, Transaction, new_id
from bot.store.records import Claim
from bot.trace import Step

_OUTGROWN = """
    SELECT contact_id, fence, attempts, last_in_seq, 0 AS answered_seq, summary, summary_model, summary_seq,
        guidance, subject, cost, epoch, calls, last_seq - :kept AS reach
    FROM conversations
    WHERE id = :conversation_id AND last_seq - summary_seq > :bearable AND last_in_seq > 0
"""
_FOLLOWED = f"""
    SELECT {messages.COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq > :after AND m.seq <= :reach AND NOT m.private
    ORDER BY m.seq LIMIT :most
"""  # noqa: S608
_BEGIN = """
    INSERT INTO turns (id, conversation_id, fence, attempt, status, up_to_seq, started_at)
    SELECT :id, id, fence, 1, 'aside', :reach, {now} FROM conversations WHERE id = :conversation_id
    RETURNING id
"""
_END = "UPDATE turns SET outcome = 'recap', ended_at = {now} WHERE id = :id"
_KEEP = """
    UPDATE conversations SET summary = :text, summary_model = :model, summary_seq = :reach
    WHERE id = :conversation_id AND summary_seq = :after RETURNING id
"""


@dataclass(frozen=True, kw_only=True)
class Outgrown:
    """A turn aside with messages that the summary does not tell: those after `after`, up to `reach`."""

    claim: Claim
    after: int
    reach: int


class Recaps:
    """A recap is a turn that says nothing: its steps and its cost are kept like those of any other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, conversation_id: str, *, kept: int, most: int, bearable: int) -> Outgrown | None:
        """What the summary does not tell, all but the newest `kept` messages, the oldest `most` of them; None
        where no more than `bearable` are untold."""
        turn_id = new_id("trn")
        async with self._database.read(snapshot=True) as reader:
            row = await reader.one(_OUTGROWN, conversation_id=conversation_id, kept=kept, bearable=bearable)
            if row is None:
                return None
            after, reach = row["summary_seq"], row["reach"]
            claim = await turns.seen(reader, turn_id, conversation_id, row)
            followed = [
                messages.stored(each)
                for each in await reader.all(
                    _FOLLOWED, conversation_id=conversation_id, after=after, reach=reach, most=most
                )
            ]
        if len(followed) == most:
            reach = followed[-1].seq
        begun = await self._database.change(_BEGIN, id=turn_id, conversation_id=conversation_id, reach=reach)
        if begun is None:  # erased
            return None
        claim = replace(claim, messages=followed, quoted={}, answered_seq=reach, up_to_seq=reach, pending=0)
        return Outgrown(claim=claim, after=after, reach=reach)

    async def keep(self, outgrown: Outgrown, text: str, model: str, steps: Sequence[Step]) -> bool:
        """The summary and how far it reaches, in place of what it was made from. False when that is gone."""

        async def keep(tx: Transaction) -> bool:
            concluding.trace(tx, outgrown.claim.turn_id, steps)
            tx.later(_END, id=outgrown.claim.turn_id)
            row = await tx.one(
                _KEEP,
                conversation_id=outgrown.claim.conversation_id,
                text=text,
                model=model,
                after=outgrown.after,
                reach=outgrown.reach,
            )
            return row is not None

        return await self._database.write(keep)
