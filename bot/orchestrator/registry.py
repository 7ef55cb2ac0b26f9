"""Every component that the house leans on: what it takes, what it bears, how it is. The one place to ask."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from pydantic import JsonValue

from bot.orchestrator.breaker import Breaker
from bot.orchestrator.figures import Figures, Recent
from bot.orchestrator.limits import Alone, Busy, Fleet, GiveBack, Limits, Resting
from bot.orchestrator.report import Kind, Report, State

_LONGEST_ERROR = 300  # characters
_UNLIMITED = Limits()
_BUSY = "as many calls as it bears are under way"
_MOMENT = 1.0  # seconds after which a line may have moved on


class Call:
    """One call of a component while it runs, for what its exceptions don't tell."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.trouble: str | None = None

    def failed(self, error: str) -> None:
        """It failed, though nothing is raised."""
        self.error = error

    def worked_partly(self, trouble: str) -> None:
        """It answered, but not as it should; no reason to leave it alone."""
        self.trouble = trouble


class Component:
    """One model, tool, knowledge source, channel or store, as seen by those who call it in this process.

    `interface` says in words or as a schema what it takes. Without a `breaker` it is always asked, and down
    once `bears` calls in a row have failed.
    """

    def __init__(
        self,
        kind: Kind,
        name: str,
        *,
        interface: Mapping[str, JsonValue],
        limits: Limits,
        breaker: Breaker | None,
        bears: int,
        fleet: Fleet,
        mask: Callable[[str], str],
    ) -> None:
        self.kind: Kind = kind
        self.name = name
        self.key = f"{kind}:{name}"
        self.interface = interface
        self.limits = limits
        self.breaker = breaker
        self.last_error: str | None = None
        self.total = Figures()
        self._recent = Recent()
        self._bears = bears
        self._row = 0  # failures since the last good call
        self._changed_at = time.monotonic()
        self._error_at: float | None = None
        self._good_at: float | None = None
        self._agreed = False  # its rest is the fleet's, and ends with it
        self._fleet = fleet
        self._mask = mask
        self._word: State = "up"  # what the last call said
        self._noted: State = "up"
        self._line = asyncio.Lock()
        self._room = asyncio.Event()

    @property
    def state(self) -> State:
        resting = self.breaker is not None and self.breaker.state != "closed"
        return "down" if resting else self._word

    @asynccontextmanager
    async def call(self, *, patience: float = 0.0) -> AsyncIterator[Call]:
        """Around one call: counted, timed, within the limits, and not made while it rests.

        Waits up to `patience` seconds for a place. Raises Resting or Busy where no call may be made now, and
        TimeoutError after `limits.seconds`. What is raised inside is a failure; a call that is cancelled has
        neither failed nor succeeded.
        """
        if self.breaker is not None and self.breaker.state != "closed":
            await self._try_after_rest(self.breaker)
        give_back = await self._place(patience) if self.limits.shared else None
        call = Call()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.limits.seconds) as limit:
                yield call
        except Exception as error:
            late = f"no answer within {self.limits.seconds:g} s" if limit.expired() else ""
            await self.failed(late or str(error) or type(error).__name__)
            raise
        else:
            if call.error is not None:
                await self.failed(call.error)
            else:
                await self.succeeded(time.perf_counter() - began, trouble=call.trouble)
        finally:
            if give_back is not None:
                give_back()
                self._room.set()

    async def succeeded(self, seconds: float, *, trouble: str | None = None) -> None:
        """It was called and answered, with `trouble` if not as it should."""
        self.total.good(seconds)
        self._recent.current().good(seconds)
        self._good_at = time.monotonic()
        self._row = 0
        if self.breaker is not None and not self.breaker.clean:
            self._agreed = False
            self.breaker.succeeded()
            await self._fleet.succeeded(self.key)
        self._word = "degraded" if trouble else "up"
        if trouble:
            self._blame(trouble)
        self._note()

    async def failed(self, error: str) -> None:
        """It was called and failed."""
        self.total.bad()
        self._recent.current().bad()
        self._blame(error)
        self._row += 1
        self._word = "down" if self.breaker is None and self._row >= self._bears else "degraded"
        if self.breaker is not None:
            self.breaker.failed()
            self._note()
            rest = await self._fleet.failed(self.key, limit=self.breaker.limit, rest=self.breaker.rest())
            if rest > 0:
                self._agreed = True
                self.breaker.open(rest)
        self._note()

    def found(self, state: State, trouble: str | None = None) -> None:
        """Somebody looked how it is, without a call that counts; `trouble` unless it is up."""
        self._word = state
        if trouble is None:
            self._good_at = time.monotonic()
        else:
            self._blame(trouble)
        self._note()

    def heed(self, left: float | None) -> None:
        """What the fleet says: that the component rests for `left` seconds, 0.0 that one may try it, None
        that it does not rest."""
        if self.breaker is None:
            return
        if left is not None and (left > self.breaker.left() or self.breaker.state == "closed"):
            self.breaker.open(left)
        elif left is None and self._agreed:  # somebody else tried, and it was well
            self.breaker.succeeded()
            self._word = "up"
        self._agreed = left is not None
        self._note()

    def report(self) -> Report:
        """How it is, as far as this process knows."""
        now = time.monotonic()
        return Report(
            state=self.state,
            state_for=now - self._changed_at,
            total=self.total,
            recent=self._recent.figures(),
            breaker=self.breaker.state if self.breaker is not None else None,
            error=self.last_error,
            error_ago=now - self._error_at if self._error_at is not None else None,
            good_ago=now - self._good_at if self._good_at is not None else None,
        )

    async def _try_after_rest(self, breaker: Breaker) -> None:
        """Return for the one caller in the fleet that tries whether it is well again."""
        left = breaker.left()
        if left == 0.0:
            breaker.try_once()  # before anybody is asked: nobody else here may try meanwhile
            left = await self._fleet.probe(self.key, rest=breaker.left())
            if left > 0:
                self._agreed = True
                breaker.open(left)
        if left > 0:
            raise Resting("resting after repeated failures", after=left)

    async def _place(self, patience: float) -> GiveBack:
        """A place within the limits. Those who wait stand in line, and only the first of them asks."""
        last = time.monotonic() + patience
        if not self._line.locked():
            found = await self._fleet.take(self.key, self.limits)
            if callable(found):
                return found
        elif patience <= 0:
            raise Busy(_BUSY, after=_MOMENT)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + patience):
                await self._line.acquire()
        except TimeoutError:
            raise Busy(_BUSY, after=_MOMENT) from None
        try:
            while True:
                self._room.clear()
                found = await self._fleet.take(self.key, self.limits)
                if callable(found):
                    return found
                left = last - time.monotonic()
                if left <= 0:
                    raise Busy(_BUSY, after=found)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(found, left)):
                        await self._room.wait()
        finally:
            self._line.release()

    def _blame(self, error: str) -> None:
        self.last_error = self._mask(error)[:_LONGEST_ERROR]
        self._error_at = time.monotonic()

    def _note(self) -> None:
        if self.state != self._noted:
            self._noted = self.state
            self._changed_at = time.monotonic()


class Registry:
    """Every component of this process, in the order they were added.

    `mask` takes out of an error what must not be shown to everybody.
    """

    def __init__(self, fleet: Fleet | None = None, *, mask: Callable[[str], str] = str) -> None:
        self._fleet = fleet or Alone()
        self._mask = mask
        self._components: dict[str, Component] = {}

    def add(
        self,
        kind: Kind,
        name: str,
        *,
        interface: Mapping[str, JsonValue] | None = None,
        limits: Limits = _UNLIMITED,
        breaker: Breaker | None = None,
        bears: int = 1,
    ) -> Component:
        """A new component, to be called through."""
        component = Component(
            kind,
            name,
            interface=interface or {},
            limits=limits,
            breaker=breaker,
            bears=bears,
            fleet=self._fleet,
            mask=self._mask,
        )
        if self._components.setdefault(component.key, component) is not component:
            raise ValueError(f"there are two components {component.key}")
        return component

    def get(self, kind: Kind, name: str) -> Component | None:
        return self._components.get(f"{kind}:{name}")

    def components(self) -> Sequence[Component]:
        return tuple(self._components.values())
