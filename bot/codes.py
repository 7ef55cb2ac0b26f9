"""One-time codes on their way: sent by a channel, and what they prove."""

from __future__ import annotations

from collections.abc import Mapping

from bot import markup
from bot.live import Live
from bot.sending import limits_of
from bot.store import Store
from bot.store.database import new_id
from channels.base import Channel, NotDelivered, OutboundMessage
from tools.base import ToolContext, ToolFailed
from tools.code_words import said


class SentCodes:
    """Codes to addresses of one channel, for those who write on others. Itself a `tools.identity.Codes`."""

    def __init__(
        self, *, store: Store, live: Live, channels: Mapping[str, Channel], by: str, author: str
    ) -> None:
        self._store = store
        self._live = live
        self._channels = channels
        self._by = by
        self._author = author

    async def send(self, context: ToolContext, address: str) -> None:
        channel = self._channels.get(self._by)
        if channel is None or context.channel == self._by:
            # A sender on the same channel would prove one address from another that nobody vouches for.
            raise ToolFailed("codes can't be sent for customers who write here", refused=True)
        address = address.lower()
        code = await self._store.codes.issue(context.person.id, channel=self._by, address=address)
        if code is None:
            raise ToolFailed("no more codes are sent within this hour", refused=True)
        text = said(context.language, "mail", code=code)
        letter = OutboundMessage(
            id=new_id("msg"),
            channel=self._by,
            recipient=address,
            text=text,
            html=markup.from_markdown(text),
            subject=said(context.language, "subject", code=code),
            author_kind="system",
            author_name=self._author,
        )
        try:
            await channel.send(letter)
        except NotDelivered as failure:
            raise ToolFailed(f"the code could not be sent: {failure.detail}") from failure

    async def redeem(self, context: ToolContext, code: str) -> str | None:
        session = limits_of(self._channels.get(context.channel)).reads_store
        proven = await self._store.codes.redeem(context.key, code, session=session)
        if proven is None:
            return None
        contact_id, address = proven
        if contact_id != context.person.id:
            await self._live.tell(context.person.id)  # whoever watches goes on as the other contact
        return address
