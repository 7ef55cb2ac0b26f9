"""The path of a message: accept, answer, deliver. Data flows one way; only ids cross the queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Literal

from bot import markup, orchestrator
from bot.acting import Actor, announce, person
from bot.alerts import Alerts
from bot.bell import Bell
from bot.fetching import Fetcher
from bot.journal import TurnJournal
from bot.live import PEOPLE, Live
from bot.logs import about
from bot.masking import Masking
from bot.orchestrator.agent import Agent, LeaseLost, Overtaken, Turn, Utterance
from bot.orchestrator.endings import passed_on
from bot.orchestrator.outcome import HandOff, NeedsApproval, Outcome, Reply, Silence
from bot.orchestrator.recap import BEARABLE, KEPT, MOST, recap
from bot.orchestrator.registry import Registry
from bot.orchestrator.suggestion import Unheard
from bot.purse import Purses
from bot.sending import Sender, leaving, limits_of
from bot.speech import Voice
from bot.store import Store, StoreUnavailable
from bot.store.calls import Deadlines
from bot.store.concluding import TOO_MANY, in_short
from bot.store.records import Claim, Recorded, StoredMessage
from bot.trace import Observer, Trace
from channels.base import Channel, DeliveryStatus, InboundMessage, Source, Trouble

log = logging.getLogger("switchboard.desk")

LEASE = 15.0  # seconds; a worker that died is noticed after this long, a living one renews in time
TURN = 90.0  # seconds a whole turn may take
_SLACK = 1.1  # times that, in which it may still come to an end of its own
ATTEMPTS = 3  # of one turn; after that a person takes it
_RETRY_AFTER = 1.0  # seconds before a turn that failed is tried again
_LAST_AFTER = 0.5  # seconds before a last attempt begins, in which others let go of theirs
_LONG = 5.0  # seconds after which a job has done enough
_RECAP = 30.0  # seconds that telling a conversation in short may take, which nobody waits for
_BREATH = 0.3  # seconds without another message after which a burst is over
_OVERTAKEN_FOR = 20.0  # seconds a turn may be begun anew because the contact keeps writing


class Desk:
    """Takes messages in, has them answered, sends what is to leave. Files it fetches go to `files`."""

    def __init__(
        self,
        *,
        store: Store,
        bell: Bell,
        live: Live,
        agent: Agent,
        purses: Purses,
        channels: Mapping[str, Channel],
        registry: Registry,
        files: Path,
        alerts: Alerts,
        deadlines: Deadlines = Deadlines(),  # noqa: B008  it is frozen
        lease: float = LEASE,
        longest: float = TURN,
        masking: Masking | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`masking` is what keeps the settings' secrets out of traces; without any, what looks like one.

        `observer` hears of every turn and delivery.
        """
        self._store = store
        self._bell = bell
        self._live = live
        self._agent = agent
        self._channels = channels
        self._purses = purses
        self._lease = lease
        self._longest = longest
        self._deadlines = deadlines
        self._masking = masking or Masking()
        self._observer = observer
        self._sender = Sender(
            store=store, bell=bell, live=live, channels=channels, registry=registry, observer=observer
        )
        self._actor = Actor(store=store, bell=bell, live=live, agent=agent, alerts=alerts)
        self._fetcher = Fetcher(store=store, live=live, channels=channels, folder=files)
        self._errands: set[asyncio.Task[object]] = set()
        self._speaking: dict[str, Voice] = {}  # by conversation
        self.at_work: dict[str, int] = {}  # conversations being answered in this process
        self._last_attempt = asyncio.Lock()
        self._outgrown: set[str] = set()  # conversations to tell in short that no bell was rung for

    # accept ---------------------------------------------------------------------------------------------

    async def accept(self, message: InboundMessage) -> None:
        """The Inbox's promise: durable when this returns, once however often it is called."""
        await self.take_in(message)

    async def take_in(self, message: InboundMessage) -> Recorded:
        """Record a message and ring for its answer; the caller need not wait for the bell."""
        limits = limits_of(self._channels.get(message.channel))
        recorded = await self._store.conversations.record(
            message,
            html=markup.from_plain(message.text),
            window=limits.window,
        )
        if recorded.new:
            stored = recorded.message
            self._errand(self._live.stir(recorded.contact_id, stored.conversation_id))
            if recorded.status == "bot" and message.opted != "out" and message.wants == "answer":
                self._errand(self._bell.ring("answer", stored.conversation_id))
            for file in stored.attachments:
                if file.state == "waiting":
                    self._errand(self._bell.ring("fetch", file.key))
            log.info(
                "message taken in",
                extra={
                    "message_id": stored.id,
                    "conversation": stored.conversation_id,
                    "channel": stored.channel,
                    "external_id": message.external_id,
                },
            )
        return recorded

    async def receipt(
        self,
        channel: str,
        external_id: str,
        status: DeliveryStatus,
        detail: str | None,
        trouble: Trouble | None = None,
    ) -> None:
        """Note how far an outgoing message has come."""
        if trouble is not None:
            log.warning("%s: %s", channel, detail, extra={"provider_id": external_id})
        noted = await self._store.deliveries.receipt(channel, external_id, status, detail, trouble)
        if noted is not None:
            told = {
                "reply": noted.message_id,
                "provider_id": external_id,
                "conversation": noted.conversation_id,
                "channel": channel,
            }
            with about(message_id=noted.answers or noted.message_id, turn=noted.turn_id):
                log.info("the provider says: %s", status, extra=told)
            self._errand(self._live.stir(noted.contact_id, noted.conversation_id))
            if noted.again:
                self._errand(self._bell.ring("deliver", noted.conversation_id))

    # answer ---------------------------------------------------------------------------------------------

    async def answer(self, conversation_id: str) -> None:
        """Answer what is pending in a conversation; nothing when there is nothing, or somebody else does."""
        self.at_work[conversation_id] = self.at_work.get(conversation_id, 0) + 1
        began = time.monotonic()
        try:
            while (claim := await self._store.turns.claim(conversation_id, self._lease)) is not None:
                if claim.attempt == ATTEMPTS and self._last_attempt.locked():
                    await self._wait_for_another(claim)
                    continue
                with about(turn=claim.turn_id, message_id=claim.in_reply_to):
                    async with self._last_attempt if claim.attempt == ATTEMPTS else contextlib.nullcontext():
                        more = await self._take_turn(claim)
                if not more:
                    return
                # One job has the time of one turn: a slow one's successor gets a job of its own.
                slow = time.monotonic() - began > _LONG
                if slow and await self._bell.ring("answer", conversation_id):
                    return
        finally:
            self.at_work[conversation_id] -= 1
            if not self.at_work[conversation_id]:
                del self.at_work[conversation_id]

    async def _wait_for_another(self, claim: Claim) -> None:
        """Let go of a last attempt until another's has ended: one of the two may end the process each time,
        and the other is not to be taken for it."""
        with contextlib.suppress(StoreUnavailable):  # then the lease ends by itself
            await self._store.turns.release(claim)
        async with self._last_attempt:
            pass

    async def _take_turn(self, claim: Claim) -> bool:
        """One claimed turn to its end. True when the contact wrote more meanwhile."""
        answers = [each.id for each in claim.messages if _is_pending(each, claim)]
        log.info(
            "turn begun",
            extra={
                "messages": answers,
                "conversation": claim.conversation_id,
                "channel": claim.channel,
                "attempt": claim.attempt,
            },
        )
        trace = Trace(turn_id=claim.turn_id)
        voice = Voice(claim=claim, store=self._store, live=self._live, lease=self._lease)
        try:
            async with voice:
                self._speaking[claim.conversation_id] = voice
                claim, outcome = await self._think(claim, voice, trace)
            trace.outcome, trace.reason = in_short(outcome)
            return await self._conclude(claim, outcome, trace, voice)
        except LeaseLost:
            trace.outcome = "lost"
            log.info("turn given up: the conversation is somebody else's now")
            await self._live.tell(claim.contact_id, voice.taken_back())
            draft = voice.said
            steps = self._masking.steps(trace.steps)
            with contextlib.suppress(StoreUnavailable):  # a draft is worth nothing more
                await self._store.turns.lose(claim, steps, text=draft, html=markup.from_markdown(draft))
                await self._live.stir(claim.contact_id, claim.conversation_id)  # whoever took over reads it
            return False
        except asyncio.CancelledError:
            trace.outcome = "handed_back"
            await asyncio.shield(self._hand_back(claim, voice))
            raise
        except StoreUnavailable as error:
            trace.outcome, trace.error = "failed", f"StoreUnavailable: {error}"
            log.warning("turn cut: the store does not answer: %s", error)
            await self._give_up(claim, voice, forgiven=True)
            return False
        except Exception as error:
            trace.outcome, trace.error = "failed", f"{type(error).__name__}: {error}"
            log.exception("turn failed", extra={"attempt": claim.attempt})
            await self._give_up(claim, voice, forgiven=False)
            return False
        finally:
            self._speaking.pop(claim.conversation_id, None)
            if self._observer is not None:
                self._observer.turn(
                    trace,
                    conversation_id=claim.conversation_id,
                    channel=claim.channel,
                    agent=self._agent.name,
                )

    async def _think(self, claim: Claim, voice: Voice, trace: Trace) -> tuple[Claim, Outcome]:
        began = time.monotonic()
        purse = self._purses.of(claim)
        if claim.attempt > ATTEMPTS:
            return claim, self._degraded(claim, f"The turn failed {ATTEMPTS} times.")
        if claim.attempt == ATTEMPTS:
            await asyncio.sleep(_LAST_AFTER)
        limits = limits_of(self._channels.get(claim.channel))
        if await self._store.turns.answered_enough(claim, limits.per_hour):
            return claim, TOO_MANY
        if not limits.reads_store:
            self._errand(self._show_typing(claim))
        journal = TurnJournal(claim, self._store)
        while True:
            claim = await self._whole(claim, voice, until=began + _OVERTAKEN_FOR)
            journal.follow(claim)
            purse.follow(claim)
            turn = Turn(
                id=claim.turn_id,
                conversation_id=claim.conversation_id,
                person=person(claim),
                channel=claim.channel,
                said=utterances(claim),
                pending=claim.pending,
                speech=voice,
                purse=purse,
                deadline=began + self._longest,
                journal=journal,
                summary=claim.summary,
                summary_model=claim.summary_model,
                guidance=claim.guidance,
                limit=limits.length,
            )
            try:
                async with asyncio.timeout(began + self._longest * _SLACK - time.monotonic()) as limit:
                    return claim, await orchestrator.run(turn, self._agent, trace)
            except Overtaken:
                with trace.step("guard", "overtaken"):
                    claim = await self._store.turns.refresh(claim)
                voice.follow(claim, patient=time.monotonic() - began < _OVERTAKEN_FOR)
            except TimeoutError:
                if not limit.expired():
                    raise
                return claim, self._degraded(claim, f"The turn hung for {self._longest:.0f} s.")

    def _degraded(self, claim: Claim, summary: str) -> HandOff:
        """The end of every turn that cannot be taken: a person, and a word to the customer in their
        language."""
        words = " ".join(message.text for message in claim.messages if message.direction == "in")
        text = passed_on("handoff_degraded", words, self._agent.hours, self._agent.waits)
        return HandOff(reason="degraded", text=text, summary=summary)

    async def _show_typing(self, claim: Claim) -> None:
        """Let the contact see that an answer is on the way, where their channel can show it."""
        channel = self._channels.get(claim.channel)
        if channel is None:
            return
        with contextlib.suppress(StoreUnavailable, TimeoutError):  # nobody misses it
            async with asyncio.timeout(channel.limits.patience):
                if external_id := await self._store.conversations.external_id(claim.in_reply_to):
                    await channel.typing(external_id)

    async def _whole(self, claim: Claim, voice: Voice, *, until: float) -> Claim:
        """The turn with all of a burst: whoever wrote twice before an answer is likely to write on."""
        while claim.pending > 1 and time.monotonic() < until:
            await asyncio.sleep(_BREATH)
            grown = await self._store.turns.refresh(claim)
            voice.follow(grown, patient=True)
            if grown.up_to_seq == claim.up_to_seq:
                break
            claim = grown
        return claim

    async def _conclude(self, claim: Claim, outcome: Outcome, trace: Trace, voice: Voice) -> bool:
        channel = self._channels.get(claim.channel)
        limits = limits_of(channel)
        text = "" if isinstance(outcome, Silence) else outcome.text
        cited = outcome.citations if isinstance(outcome, Reply) else ()
        sources = [Source(title=each.title, url=each.url) for each in cited]
        concluded = await self._store.turns.conclude(
            claim,
            outcome,
            self._masking.steps(trace.steps),
            html=markup.from_markdown(text),
            status=_status_after(outcome),
            parts=leaving(channel, text, sources),
            author_name=self._agent.name,
            per_hour=limits.per_hour,
            deadlines=self._deadlines,
        )
        await self._live.stir(claim.contact_id, claim.conversation_id)
        if concluded is None:
            trace.outcome = "fenced_off"
            log.info("turn fenced off")
            await self._live.tell(claim.contact_id, voice.taken_back())
            return False
        told = {"conversation": claim.conversation_id, "outcome": type(outcome).__name__}
        log.info("turn concluded", extra=told)
        for call_id in concluded.asked:
            await announce(self._live, claim.contact_id, claim.conversation_id, call_id)
        if concluded.delivery_id and not limits.reads_store:
            self._errand(self._bell.ring("deliver", claim.conversation_id))
        if concluded.uncovered > BEARABLE:
            self._errand(self._remember(claim.conversation_id))
        return concluded.more

    async def _hand_back(self, claim: Claim, voice: Voice) -> None:
        """This process is told to stop: let another take the turn at once."""
        with contextlib.suppress(StoreUnavailable):  # then the lease ends by itself
            await self._store.turns.release(claim)
        await self._live.tell(claim.contact_id, voice.taken_back())
        await self._bell.ring("answer", claim.conversation_id)

    async def _give_up(self, claim: Claim, voice: Voice, *, forgiven: bool) -> None:
        """The turn is due again in a moment; unless forgiven, that was one of its attempts."""
        with contextlib.suppress(StoreUnavailable):  # then the lease ends by itself
            await self._store.turns.release(claim, delay=_RETRY_AFTER, forgiven=forgiven)
        await self._live.tell(claim.contact_id, voice.taken_back())

    async def heed_people(self) -> None:
        """Silence turns of this process when somebody takes their conversation over, until streams end."""
        async with self._live.watch(PEOPLE) as feed:
            while not feed.closed:
                pieces, _ = await feed.next(60.0)
                for piece in pieces:
                    if voice := self._speaking.get(piece["conversation_id"]):
                        with contextlib.suppress(StoreUnavailable):  # it is told once more with its lease
                            await voice.heed()

    # deliver --------------------------------------------------------------------------------------------

    async def deliver(self, conversation_id: str) -> None:
        """Send what is to leave a conversation."""
        await self._sender.deliver(conversation_id)

    # act ------------------------------------------------------------------------------------------------

    async def act(self, call_id: str) -> None:
        """Carry out what an operator allowed, or move on what nobody decided about."""
        await self._actor.act(call_id)

    # fetch ----------------------------------------------------------------------------------------------

    async def fetch(self, key: str) -> None:
        """Bring a file here that lies with its provider."""
        await self._fetcher.fetch(key)

    # wake -----------------------------------------------------------------------------------------------

    async def wake(self, conversation_id: str) -> None:
        """Bring a snoozed conversation back, and have answered what nobody has answered."""
        changed = await self._store.people.wake(conversation_id)
        if not changed.new:
            return
        entry = await self._store.inbox.entry(conversation_id)
        if entry is not None:
            await self._live.stir(entry.contact_id, conversation_id)
        if changed.status == "bot":
            await self._bell.ring("answer", conversation_id)

    # recap ----------------------------------------------------------------------------------------------

    async def recap(self, conversation_id: str) -> None:
        """Tell in short what models see no more of a conversation that has outgrown their window.

        What dies on the way is told after the next turn: until then the summary before it stands.
        """
        began = time.monotonic()
        size = {"kept": KEPT, "most": MOST, "bearable": BEARABLE}
        while (outgrown := await self._store.recaps.begin(conversation_id, **size)) is not None:
            claim = outgrown.claim
            trace = Trace(turn_id=claim.turn_id)
            turn = Turn(
                id=claim.turn_id,
                conversation_id=conversation_id,
                person=person(claim),
                channel=claim.channel,
                said=utterances(claim),
                pending=0,
                speech=Unheard(),
                purse=self._purses.of(claim),
                deadline=began + _RECAP,
                journal=TurnJournal(claim, self._store),
                summary=claim.summary,
                summary_model=claim.summary_model,
            )
            told = await recap(turn, self._agent, trace)
            steps = self._masking.steps(trace.steps)
            if not await self._store.recaps.keep(outgrown, told.text, told.model, steps):
                return  # somebody else was faster

    async def _remember(self, conversation_id: str) -> None:
        if not await self._bell.ring("recap", conversation_id):
            self._outgrown.add(conversation_id)

    # what is due ----------------------------------------------------------------------------------------

    async def due(self, *, waiting: float, limit: int = 100) -> Sequence[tuple[str, str]]:
        """(function, id) of what has been due for `waiting` seconds and is not at work in this process."""
        conversations = await self._store.turns.due(limit, waiting=waiting)
        deliveries = await self._store.deliveries.due(limit, waiting=waiting)
        files = await self._store.attachments.due(limit, waiting=waiting)
        calls = await self._store.acts.due(limit, waiting=waiting)
        rested = await self._store.people.asleep(limit)
        outgrown, self._outgrown = self._outgrown, set()
        return [
            *(("answer", each) for each in conversations if each not in self.at_work),
            *(("deliver", each) for each in deliveries),
            *(("fetch", each) for each in files),
            *(("act", each) for each in calls),
            *(("wake", each) for each in rested),
            *(("recap", each) for each in outgrown),
        ]

    async def work(self, function: str, subject: str) -> None:
        """Do what the bell was rung for."""
        match function:
            case "answer":
                await self.answer(subject)
            case "deliver":
                await self.deliver(subject)
            case "fetch":
                await self.fetch(subject)
            case "act":
                await self.act(subject)
            case "wake":
                await self.wake(subject)
            case "recap":
                await self.recap(subject)

    async def tidy(self) -> None:
        """Close the books on calls of models that nobody will tell the end of, and let others have what is
        still assigned to operators who have left."""
        if presumed := await self._store.spending.tidy():
            log.warning("%d calls of models were cut off; what they cost at the most is counted", presumed)
        for given in await self._store.people.let_go():
            await self._live.stir(given.contact_id, given.conversation_id)

    async def ring(self, function: str, subject: str) -> bool:
        return await self._bell.ring(function, subject)

    async def quiet(self) -> None:
        """Return once every bell is rung and everybody told."""
        while self._errands:
            await asyncio.wait(self._errands)

    def _errand(self, errand: Coroutine[object, object, object]) -> None:
        """Something nobody waits for, because the sweep makes up for it."""
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def utterances(claim: Claim) -> Sequence[Utterance]:
    """What was said, ending with what is to be answered: a reply to something earlier may stand after it."""

    texts = {**claim.quoted, **{message.id: message.text for message in claim.messages}}
    return [
        Utterance(
            speaker=message.author_kind,
            text=_with_subject(message),
            files=tuple(file.media_type for file in message.attachments),
            quotes=texts.get(message.in_reply_to or "", "") if message.direction == "in" else "",
        )
        for message in sorted(claim.messages, key=lambda message: _is_pending(message, claim))
        if message.author_kind != "system"
    ]


def _is_pending(message: StoredMessage, claim: Claim) -> bool:
    return message.direction == "in" and claim.answered_seq < message.seq <= claim.up_to_seq


def _with_subject(message: StoredMessage) -> str:
    """What opens a conversation, with its subject: half of a question may stand there."""
    if message.seq > 1 or message.direction != "in" or not message.subject:
        return message.text
    return f"{message.subject}\n\n{message.text}".strip()


def _status_after(outcome: Outcome) -> Literal["bot", "waiting"]:
    match outcome:
        case HandOff():
            return "waiting"
        case Silence() if outcome is TOO_MANY:
            return "waiting"
        case Reply() | NeedsApproval() | Silence():
            return "bot"
