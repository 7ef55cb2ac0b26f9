"""The way out: parts of messages handed to their channels, one after the other, none of them twice."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.bell import Bell
from bot.live import Live
from bot.logs import about
from bot.orchestrator.registry import Registry
from bot.store import Store
from bot.store.elsewhere import Elsewhere
from bot.store.records import ClaimedDelivery, Pause
from bot.trace import Attempt, Observer
from channels.base import Channel, ChannelLimits, DeliveryStatus, NotDelivered, Source, Trouble

log = logging.getLogger("switchboard.sending")

_LOOK_AFTER = 3.0  # seconds before a provider is asked what became of an attempt
_LOOK_AGAIN = 5.0  # seconds before it is asked once more whether it really has nothing
_LOOKS = 2  # times it must say so before a second attempt
_HOPE = 15 * 60.0  # seconds after which a person is told that nobody can know
_FIRST_PAUSE = 2.0  # seconds before the second attempt; each pause is twice the one before
_LONGEST_PAUSE = 3600.0
_MOMENT = 1.0  # seconds a job waits for its message's turn; for longer ones the bell is rung again
_ALARM = 60.0  # seconds until which it is; what is due later the sweep finds
_LONG = 30.0  # seconds after which a job has done enough
_FRESH = 3.0  # seconds after a claim in which sending may begin, so that it ends before the claim does
_LATE = "the provider did not answer in time"
_ELSEWHERE = "email"  # takes at any time what comes too late for another channel


@dataclass(frozen=True, kw_only=True)
class _End:
    """What became of an attempt, in the words of `Deliveries.settle`."""

    status: DeliveryStatus
    provider_id: str | None = None
    error: str | None = None
    again_in: float | None = None
    looks: int = 0
    trouble: Trouble | None = None


def limits_of(channel: Channel | None) -> ChannelLimits:
    """What a channel allows; None is one that is not set up here."""
    return channel.limits if channel else ChannelLimits()


def leaving(channel: Channel | None, text: str, sources: Sequence[Source] = ()) -> Sequence[str] | None:
    """The texts in which an answer leaves by a channel; None where the recipient reads our store.

    By a channel that is not set up here it is to leave whole: it waits until the channel is.
    """
    if channel is None:
        return (text,)
    return None if channel.limits.reads_store else channel.parts(text, sources)


class Sender:
    """Sends what is to leave, and notes in the registry how each channel takes it."""

    def __init__(
        self,
        *,
        store: Store,
        bell: Bell,
        live: Live,
        channels: Mapping[str, Channel],
        registry: Registry,
        observer: Observer | None = None,
    ) -> None:
        self._store = store
        self._observer = observer
        self._registry = registry
        self._bell = bell
        self._live = live
        self._channels = channels
        self._rings: set[asyncio.Task[bool]] = set()

    async def deliver(self, conversation_id: str) -> None:
        """Send what is to leave a conversation now, and have the bell rung for what is to leave soon."""
        began = time.monotonic()
        while True:
            limits = {name: channel.limits for name, channel in self._channels.items()}
            asked = time.monotonic()
            match await self._store.deliveries.claim(conversation_id, limits):
                case None:
                    return
                case Pause(seconds=seconds) if seconds <= _MOMENT:
                    await asyncio.sleep(seconds)
                case Pause(seconds=seconds):
                    if seconds <= _ALARM:
                        asyncio.get_running_loop().call_later(seconds, self._ring, conversation_id)
                    return
                case ClaimedDelivery() as claimed:
                    with about(message_id=claimed.answers or claimed.message.id, turn=claimed.turn_id):
                        await self._see_to(claimed, late=time.monotonic() - asked > _FRESH)
            if time.monotonic() - began > _LONG:
                await self._bell.ring("deliver", conversation_id)  # its successor has the time of a whole job
                return

    async def _see_to(self, claimed: ClaimedDelivery, *, late: bool) -> None:
        """One part; `late`: we were stopped after the claim, and somebody else may have it."""
        began = datetime.now(UTC)
        if claimed.unsure:
            end = await self._ask(claimed)
        elif late:
            end = _End(status=DeliveryStatus.QUEUED, error="it was not begun", again_in=0.0)
        else:
            end = await self._send(claimed)
        if self._observer is not None:
            self._observer.delivery(
                Attempt(
                    turn_id=claimed.turn_id,
                    message_id=claimed.message.id,
                    conversation_id=claimed.conversation_id,
                    channel=claimed.message.channel,
                    status=end.status,
                    attempt=claimed.message.attempt,
                    began=began,
                    error=end.error,
                )
            )
        await self._settle(claimed, end)

    async def _settle(self, claimed: ClaimedDelivery, end: _End) -> None:
        await self._store.deliveries.settle(
            claimed,
            status=end.status,
            provider_id=end.provider_id,
            error=end.error,
            again_in=end.again_in,
            looks=end.looks,
            trouble=end.trouble,
            elsewhere=self._elsewhere,
        )
        await self._live.stir(claimed.contact_id, claimed.conversation_id)
        told = {
            "reply": claimed.message.id,
            "part": claimed.message.part,
            "conversation": claimed.conversation_id,
            "channel": claimed.message.channel,
            "attempt": claimed.message.attempt,
            "provider_id": end.provider_id,
        }
        if end.error:
            log.warning("not delivered (%s): %s", end.status, end.error, extra=told)
        else:
            log.info("delivery %s", end.status, extra=told)

    async def _send(self, claimed: ClaimedDelivery) -> _End:
        message = claimed.message
        if claimed.opted_out:
            return _End(status=DeliveryStatus.FAILED, error="the recipient asked not to be written to")
        began = time.monotonic()
        try:
            channel = self._channel(message.channel)
            async with asyncio.timeout(channel.limits.patience):
                provider_id = await channel.send(message)
        except NotDelivered as error:
            if error.trouble is None:  # else the provider is well, and has its rules
                await self._failed(message.channel, error.detail)
            return _refused(claimed, error)
        except TimeoutError:
            await self._failed(message.channel, _LATE)
            return _unsure(_LATE)
        except Exception as error:
            log.exception("%s: sending failed", message.channel, extra={"reply": message.id})
            await self._failed(message.channel, trouble := f"sending broke off: {type(error).__name__}")
            return _unsure(trouble)
        if component := self._registry.get("channel", message.channel):
            await component.succeeded(time.monotonic() - began)
        return _End(status=DeliveryStatus.SENT, provider_id=provider_id)

    async def _failed(self, channel: str, error: str) -> None:
        if component := self._registry.get("channel", channel):
            await component.failed(error)

    async def _ask(self, claimed: ClaimedDelivery) -> _End:
        """Whether the provider has what may have been sent; only what it surely has not is sent again."""
        message = claimed.message
        try:
            channel = self._channel(message.channel)
            async with asyncio.timeout(channel.limits.patience):
                found = await channel.find(message, since=claimed.tried_at, known=claimed.known)
        except NotDelivered as error:
            return _cannot_say(claimed, error.detail, after=error.after)
        except TimeoutError:
            return _cannot_say(claimed, _LATE)
        except Exception as error:
            log.exception("%s: asking failed", message.channel, extra={"reply": message.id})
            return _cannot_say(claimed, f"asking broke off: {type(error).__name__}")
        if found is not None:
            return _End(status=DeliveryStatus.SENT, provider_id=found)
        looks = claimed.looks + 1
        if looks < _LOOKS:
            return _unsure("the provider does not know of it yet", again_in=_LOOK_AGAIN, looks=looks)
        return _End(
            status=DeliveryStatus.QUEUED,
            error="the provider never got it; it is sent again",
            again_in=_pause(message.attempt),
        )

    @property
    def _elsewhere(self) -> Elsewhere | None:
        channel = self._channels.get(_ELSEWHERE)
        return Elsewhere(channel=_ELSEWHERE, leaving=channel.parts) if channel else None

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            raise NotDelivered(f"the channel {name} is not set up here", retry=True)
        return channel

    def _ring(self, conversation_id: str) -> None:
        ring = asyncio.get_running_loop().create_task(self._bell.ring("deliver", conversation_id))
        self._rings.add(ring)
        ring.add_done_callback(self._rings.discard)


def _refused(claimed: ClaimedDelivery, error: NotDelivered) -> _End:
    if error.uncertain:
        return _unsure(error.detail, again_in=_bounded(error.after, at_least=_LOOK_AFTER))
    if error.trouble is Trouble.WINDOW_CLOSED and not claimed.message.window_closed:
        return _End(  # now that it is known, the channel may have another form for it
            status=DeliveryStatus.QUEUED, error=error.detail, again_in=0.0, trouble=error.trouble
        )
    if error.retry or error.trouble is Trouble.SLOW_DOWN:
        after, attempt = error.after, claimed.message.attempt
        pause = _pause(attempt) if after is None else _bounded(after, at_least=_FIRST_PAUSE)
        return _End(status=DeliveryStatus.QUEUED, error=error.detail, again_in=pause, trouble=error.trouble)
    return _End(status=DeliveryStatus.FAILED, error=error.detail, trouble=error.trouble)


def _unsure(error: str, *, again_in: float = _LOOK_AFTER, looks: int = 0) -> _End:
    return _End(status=DeliveryStatus.UNCERTAIN, error=error, again_in=again_in, looks=looks)


def _cannot_say(claimed: ClaimedDelivery, detail: str, *, after: float | None = None) -> _End:
    """Ask again, less and less often; in the end a person decides."""
    if claimed.unsure_for >= _HOPE:
        return _End(
            status=DeliveryStatus.UNCERTAIN,
            error=f"nobody can tell whether this was sent ({detail}); ask before sending it again",
        )
    pause = min(max(claimed.unsure_for, _LOOK_AFTER), 120.0)
    return _unsure(detail, again_in=_bounded(after, at_least=pause), looks=claimed.looks)


def _bounded(after: float | None, *, at_least: float) -> float:
    """Seconds to wait, as a provider wishes: no wish makes us hurry, or a whole channel wait for days."""
    return max(at_least, min(after or 0.0, _LONGEST_PAUSE))


def _pause(attempt: int) -> float:
    """Seconds until the next attempt, so that not all that failed together come back together."""
    pause: float = min(_FIRST_PAUSE * 2.0 ** (attempt - 1), _LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311  no secret
