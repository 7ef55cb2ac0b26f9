"""The operators' side of the desk: what people do in a conversation, and who is told of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot import markup
from bot.bell import Bell
from bot.copilot import share_changed
from bot.live import INBOX, PEOPLE, Live
from bot.mentions import mentioned
from bot.reach import Offer, Reach
from bot.sending import leaving
from bot.store import NoSuchConversation, Store, StoreUnavailable
from bot.store.records import (
    Changed,
    DeliveryRecord,
    Doing,
    InboxEntry,
    Operator,
    Suggestion,
)
from channels.base import Channel, DeliveryStatus, FilledTemplate, NotFilled

_GIST = 160  # characters of a note that are told to whom it speaks
_SHOWN = 20.0  # seconds for which a provider shows that somebody types


class OperatorDesk:
    """Taking over, answering, handing back. Whatever a person does, a turn of the bot's falls silent."""

    def __init__(self, *, store: Store, bell: Bell, live: Live, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._bell = bell
        self._live = live
        self._channels = channels
        self._reach = Reach(store=store, channels=channels)
        self._shown: dict[str, float] = {}  # when a provider was last asked to show that somebody types

    async def take(self, conversation_id: str, operator: Operator) -> Changed:
        """The operator answers from now on, and nothing of the bot is shown any more.

        This and the acts below raise NoSuchConversation.
        """
        entry = await self._entry(conversation_id)
        changed = await self._store.people.take(conversation_id, operator)
        await self._tell(entry)
        return changed

    async def release(self, conversation_id: str, operator: Operator, *, note: str = "") -> Changed:
        """Hand back to the bot, which answers what nobody has answered yet.

        It goes by the `note`, which operators read in the thread, until a person takes over again.
        """
        entry = await self._entry(conversation_id)
        if note:
            changed = await self._store.people.hand_back(
                conversation_id, operator, note=note, html=markup.from_markdown(note)
            )
        else:
            changed = await self._store.people.set_status(conversation_id, "bot", guidance="")
        await self._tell(entry)
        if changed.new:
            await self._bell.ring("answer", conversation_id)
            await self._bell.ring("recap", conversation_id)  # what people said meanwhile, if that was much
        return changed

    async def resolve(self, conversation_id: str) -> Changed:
        """The matter is settled; what the contact writes next begins a new conversation."""
        entry = await self._entry(conversation_id)
        changed = await self._store.people.set_status(conversation_id, "resolved")
        await self._tell(entry)
        return changed

    async def reopen(self, conversation_id: str, operator: Operator) -> Changed:
        """The matter is not settled after all, and the operator's; nothing changes where it is open."""
        entry = await self._entry(conversation_id)
        if entry.status != "resolved":
            return Changed(status=entry.status, new=False)
        return await self.take(conversation_id, operator)

    async def assign(self, conversation_id: str, operator: Operator | None) -> Changed:
        """Give the conversation to an operator, whose it is from now on; None: to nobody."""
        if operator is not None:
            return await self.take(conversation_id, operator)
        entry = await self._entry(conversation_id)
        changed = await self._store.people.unassign(conversation_id)
        await self._tell(entry)
        return changed

    async def deactivate(self, operator: Operator) -> int | None:
        """The operator has left, and what they had waits for others: how many conversations. None when nobody
        could let others in any more."""
        was_in = await self._store.operators.deactivate(operator.id)
        if was_in is None:
            return None
        who = {"id": operator.id, "name": operator.name}
        for each in was_in:
            data = {"conversation_id": each, "operator": who, "doing": "gone"}
            await self._live.tell(INBOX, {"kind": "presence", "data": data})
        freed = await self._store.people.let_go()
        for given in freed:
            await self._live.stir(given.contact_id, given.conversation_id)
        return len(freed)

    async def snooze(self, conversation_id: str, seconds: float) -> Changed:
        """Out of sight for so long, or until the contact writes."""
        entry = await self._entry(conversation_id)
        changed = await self._store.people.snooze(conversation_id, seconds)
        await self._tell(entry)
        return changed

    async def label(self, conversation_id: str, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Put labels on it and take others off."""
        entry = await self._entry(conversation_id)
        if await self._store.arranging.label(conversation_id, add=add, remove=remove):
            await self._live.stir(entry.contact_id, entry.id)

    async def prioritise(self, conversation_id: str, priority: int) -> None:
        """How urgent it is; 0 is usual."""
        entry = await self._entry(conversation_id)
        if await self._store.arranging.prioritise(conversation_id, priority):
            await self._live.stir(entry.contact_id, entry.id)

    async def be(self, conversation_id: str, operator: Operator, doing: Doing) -> None:
        """Let the other operators know who is in a conversation; said again every 20 s, it stays so.

        The contact sees whoever has the conversation type. Raises NoSuchConversation.
        """
        entry = await self._entry(conversation_id)
        changed = await self._store.presence.be(entry.id, operator, doing)
        if changed:
            who = {"id": operator.id, "name": operator.name}
            data = {"conversation_id": entry.id, "operator": who, "doing": doing}
            await self._live.tell(INBOX, {"kind": "presence", "data": data})
        theirs = entry.status == "human" and entry.assignee is not None and entry.assignee.id == operator.id
        if theirs and (changed or doing == "writing"):
            await self._show_typing(entry, operator, active=doing == "writing")

    async def reply(
        self,
        conversation_id: str,
        operator: Operator,
        *,
        client_id: str,
        text: str,
        files: Sequence[str] = (),
        suggestion: Suggestion | None = None,
        channel: str = "",
        template: str = "",
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Changed:
        """Answer the contact, by the channel they wrote by last or another that leads to them; whoever
        answers has taken over.

        `files` are keys from the operator's tray. The same `client_id` again is the same message.
        `suggestion` is what the text was made from: how much of it was changed is written down. Raises
        NobodyToAnswer, NoSuchFile, NoWay.

        In a `template` of the channel's leaves what is given for its places in `variables`, and the text in
        the place that has it usually. Raises NotFilled.
        """
        filled = None
        if template:
            entry = await self._entry(conversation_id)
            channel = channel or entry.channel
            filled = self._filled(channel, template, variables, recipient=entry.contact_name, text=text)
        changed = await self._write(
            conversation_id,
            operator,
            client_id=client_id,
            text=text,
            files=files,
            private=False,
            channel=channel,
            template=filled,
        )
        if suggestion is not None and changed.message is not None:
            await self._store.copilot.sent(suggestion, changed.message, share_changed(suggestion.text, text))
        return changed

    async def note(
        self,
        conversation_id: str,
        operator: Operator,
        *,
        client_id: str,
        text: str,
        files: Sequence[str] = (),
    ) -> Changed:
        """Words and files for operators alone; those named in it after an @ are told. Raises NobodyToAnswer,
        NoSuchFile."""
        known = await self._store.operators.active() if "@" in text else ()
        spoken_to = [each.id for each in mentioned(text, known) if each.id != operator.id]
        changed = await self._write(
            conversation_id,
            operator,
            client_id=client_id,
            text=text,
            files=files,
            private=True,
            mentions=spoken_to,
        )
        if changed.new and spoken_to:
            data = {"conversation_id": conversation_id, "by": operator.name, "text": text[:_GIST]}
            piece = {"kind": "mention", "data": data | {"operators": spoken_to}}
            await self._live.tell(INBOX, piece)
        return changed

    async def ways(self, conversation_id: str) -> Sequence[Offer]:
        """By what the contact can be answered, the usual way first, and what each can do now.

        Raises NoSuchConversation.
        """
        return await self._reach.of((await self._entry(conversation_id)).id)

    async def send_again(self, delivery_id: str) -> DeliveryRecord | None:
        """Queue a message that failed, or of which nobody knows, once more; None: no such delivery.

        Nothing changes while it is still on its way, or has arrived.
        """
        found = await self._store.undelivered.again(delivery_id)
        if found is None:
            return None
        delivery, queued = found
        if queued:
            await self._live.stir(delivery.contact_id, delivery.conversation_id)
            await self._bell.ring("deliver", delivery.conversation_id)
        return delivery

    async def dismiss(self, delivery_id: str) -> DeliveryRecord | None:
        """Leave a message that did not arrive at that; None: no such delivery."""
        dismissed = await self._store.undelivered.dismiss(delivery_id)
        if dismissed is not None:
            await self._live.stir(dismissed.contact_id, dismissed.conversation_id)
        return dismissed

    async def read(self, conversation_id: str, operator: Operator, seq: int) -> None:
        """The operator has seen everything up to `seq`."""
        entry = await self._entry(conversation_id)
        heard = await self._store.mentions.read(conversation_id, operator.id, seq)
        if await self._store.inbox.mark_read(conversation_id, seq) or heard:
            await self._live.stir(entry.contact_id, conversation_id)

    def _filled(
        self, name: str, template: str, variables: Mapping[str, str], *, recipient: str, text: str
    ) -> FilledTemplate:
        channel = self._channels.get(name)
        if channel is None:
            raise NotFilled("the channel %(name)s is not set up here", name=name)
        return channel.filled(template, variables, recipient=recipient, text=text)

    async def _write(
        self,
        conversation_id: str,
        operator: Operator,
        *,
        client_id: str,
        text: str,
        files: Sequence[str],
        private: bool,
        mentions: Sequence[str] = (),
        channel: str = "",
        template: FilledTemplate | None = None,
    ) -> Changed:
        entry = await self._entry(conversation_id)
        changed = await self._store.people.reply(
            conversation_id,
            operator=operator,
            client_id=client_id,
            text=template.text if template else text,
            html=markup.from_plain(template.text) if template else markup.from_markdown(text),
            files=files,
            private=private,
            mentions=mentions,
            channel=channel,
            reading=self._reach.reading,
            leaving=lambda name: (template.text,) if template else leaving(self._channels.get(name), text),
            template=template,
        )
        if changed.new:
            await self._tell(entry)
            delivery = changed.message.delivery if changed.message else None
            if changed.delivery_id and delivery and delivery.status is DeliveryStatus.QUEUED:
                await self._bell.ring("deliver", conversation_id)
        return changed

    async def _show_typing(self, entry: InboxEntry, operator: Operator, *, active: bool) -> None:
        """Let the contact see that somebody types, where their channel can show it."""
        channel = self._channels.get(entry.channel)
        if channel is None:
            return
        if channel.limits.reads_store:
            author = {"kind": "operator", "name": operator.name}
            data = {"author": author, "active": active}
            await self._live.tell(entry.contact_id, {"kind": "typing", "data": data})
            return
        now = time.monotonic()
        self._shown = {each: at for each, at in self._shown.items() if now - at < _SHOWN}
        if not active or entry.id in self._shown:
            return
        self._shown[entry.id] = now
        with contextlib.suppress(StoreUnavailable, TimeoutError):  # nobody misses it
            async with asyncio.timeout(channel.limits.patience):
                if external_id := await self._store.conversations.written_last(entry.id):
                    await channel.typing(external_id)

    async def _entry(self, conversation_id: str) -> InboxEntry:
        entry = await self._store.inbox.entry(conversation_id)
        if entry is None:
            raise NoSuchConversation(conversation_id)
        return entry

    async def _tell(self, entry: InboxEntry) -> None:
        await self._live.tell(PEOPLE, {"conversation_id": entry.id})
        await self._live.stir(entry.contact_id, entry.id)
