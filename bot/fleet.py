"""What all processes agree on about components, kept in Redis: places, rests, and how each one finds them.

While Redis is away every process keeps to its share of each limit, and to breakers of its own. Times are by
Redis' clock. What Redis forgets is told again by those who know it: until all had the time to, they go by
their shares.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.bell import RedisLink
from bot.orchestrator.breaker import LONGEST_REST
from bot.orchestrator.limits import MINUTE, Alone, GiveBack, Limits
from bot.orchestrator.registry import Registry
from bot.orchestrator.report import Reports

log = logging.getLogger("switchboard.fleet")

BEAT = 2.0  # seconds between two signs of life
_LIVES = 4  # beats after which a process that gave no sign is gone, its places with it
_KEY = "switchboard:fleet:"
_TOGETHER = 0.005  # seconds in which the next one's asking tells of a place given back
_FORGOTTEN = 600_000  # milliseconds after which failures are no longer "in a row"
_REPORTS: TypeAdapter[Reports] = TypeAdapter(Reports)

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

# 0: a place is taken; -1: go by your share; else milliseconds after which to ask again.
_TAKE = (
    _NOW
    + """
local held, begun, opened = KEYS[1], KEYS[2], tonumber(redis.call('GET', KEYS[3]))
local token, lease, most, per_minute = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 5, #ARGV do redis.call('ZREM', held, ARGV[i]) end
if not opened or now < opened then return -1 end
if most >= 0 then
    redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
    if redis.call('ZCARD', held) >= most then return 50 end
end
if per_minute >= 0 then
    redis.call('ZREMRANGEBYSCORE', begun, '-inf', now - 60000)
    if redis.call('ZCARD', begun) >= per_minute then
        return math.max(1, redis.call('ZRANGE', begun, 0, 0, 'WITHSCORES')[2] + 60000 - now)
    end
    redis.call('ZADD', begun, now, token)
    redis.call('PEXPIRE', begun, 61000)
end
redis.call('ZADD', held, now + lease, token)
redis.call('PEXPIRE', held, 2 * lease)
return 0
"""
)
# Since when the counts are whole, and how many processes call components that have limits. The first one to
# come after a loss says when the counts will be whole again.
_SIGN = (
    _NOW
    + """
local alive, callers, opened = KEYS[1], KEYS[4], tonumber(redis.call('GET', KEYS[2]))
local name, life, settling = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not opened then
    opened = now + settling
    redis.call('SET', KEYS[2], opened)
end
redis.call('ZREMRANGEBYSCORE', alive, '-inf', now)
redis.call('ZADD', alive, now + life, name)
redis.call('PEXPIRE', alive, 2 * life)
redis.call('SET', KEYS[3], ARGV[4], 'PX', life)
redis.call('ZREMRANGEBYSCORE', callers, '-inf', now)
if ARGV[5] == '1' then
    redis.call('ZADD', callers, now + life, name)
    redis.call('PEXPIRE', callers, 2 * life)
end
return {opened, redis.call('ZCARD', callers)}
"""
)
# Calls under way are held on to; where Redis may not know them they are told anew ('CH'), with those begun in
# the last minute.
_HOLD = (
    _NOW
    + """
local held, begun, lease, how, places = KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
for i = 4, 3 + places do redis.call('ZADD', held, how, now + lease, ARGV[i]) end
redis.call('PEXPIRE', held, 2 * lease)
for i = 4 + places, #ARGV, 2 do redis.call('ZADD', begun, 'NX', now - ARGV[i + 1], ARGV[i]) end
redis.call('PEXPIRE', begun, 61000)
return 0
"""
)
# Milliseconds of rest, or 0.
_FAILED = (
    _NOW
    + """
local key, limit, rest, longest, forgotten = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local over = tonumber(redis.call('HGET', key, 'until')) or 0
local trying = redis.call('HGET', key, 'trying')
if over > now and not trying then return over - now end
local failures = redis.call('HINCRBY', key, 'failures', 1)
redis.call('PEXPIRE', key, forgotten)
if not trying and failures < limit then return 0 end
local rests = redis.call('HINCRBY', key, 'rests', 1)
rest = math.floor(math.min(rest * 2 ^ (rests - 1), longest))
redis.call('HSET', key, 'until', now + rest)
redis.call('HDEL', key, 'trying')
redis.call('PEXPIRE', key, rest + forgotten)
return rest
"""
)
# 0: try it, nobody else does for so long; else milliseconds for which to leave it alone.
_PROBE = (
    _NOW
    + """
local over = tonumber(redis.call('HGET', KEYS[1], 'until'))
if not over then return 0 end
if over > now then return over - now end
redis.call('HSET', KEYS[1], 'until', now + ARGV[1], 'trying', 1)
return 0
"""
)
# For each component milliseconds of rest, -1 for none.
_RESTS = (
    _NOW
    + """
local rests = {}
for i, key in ipairs(KEYS) do
    local over = tonumber(redis.call('HGET', key, 'until'))
    rests[i] = over and math.max(0, over - now) or -1
end
return rests
"""
)


class RedisFleet:
    """A Fleet over Redis, and by itself while Redis is away."""

    def __init__(self, link: RedisLink, *, beat: float = BEAT) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.beat = beat
        self._link = link
        self._alone = Alone()
        self._places: defaultdict[str, set[str]] = defaultdict(set)  # the calls under way, by component
        self._returned: defaultdict[str, list[str]] = defaultdict(list)
        self._begun: defaultdict[str, deque[tuple[float, str]]] = defaultdict(deque)  # in the last minute
        self._flushes: set[asyncio.Task[bool]] = set()
        self._opened: int | None = None
        self._unheard = False  # calls began that Redis does not know
        self._calls = 0
        client = link.client
        self._take = client.register_script(_TAKE)
        self._sign = client.register_script(_SIGN)
        self._hold = client.register_script(_HOLD)
        self._failed = client.register_script(_FAILED)
        self._probe = client.register_script(_PROBE)
        self._rests = client.register_script(_RESTS)

    async def take(self, key: str, limits: Limits) -> GiveBack | float:
        self._calls += 1
        token = f"{self.name}:{self._calls}"
        returned = self._returned.pop(key, [])
        answer = await self._ask(
            self._take,
            [f"{_KEY}held:{key}", f"{_KEY}begun:{key}", f"{_KEY}opened"],
            [token, self._lease, _or_none(limits.concurrency), _or_none(limits.per_minute), *returned],
        )
        if answer is None or answer < 0:
            local = await self._alone.take(key, limits)
            if not callable(local):
                return local
            counted = local
            self._unheard = True
        elif answer > 0:
            return float(answer) / 1000
        else:
            counted = self._alone.hold(key, limits)
        self._places[key].add(token)
        if limits.per_minute is not None:
            self._recent(key).append((time.monotonic(), token))

        def give_back() -> None:
            counted()
            self._places[key].discard(token)
            self._returned[key].append(token)
            asyncio.get_running_loop().call_later(_TOGETHER, self._flush, key)

        return give_back

    async def failed(self, key: str, *, limit: int, rest: float) -> float:
        answer = await self._ask(
            self._failed, [_breaker(key)], [limit, round(rest * 1000), round(LONGEST_REST * 1000), _FORGOTTEN]
        )
        return (answer or 0) / 1000

    async def succeeded(self, key: str) -> None:
        await self._link.send(("DEL", _breaker(key)))

    async def probe(self, key: str, *, rest: float) -> float:
        answer = await self._ask(self._probe, [_breaker(key)], [round(rest * 1000)])
        return (answer or 0) / 1000

    async def keep(self, registry: Registry) -> None:
        """Give signs of life, hold on to places and heed what the others found out, until cancelled."""
        while True:
            try:
                await self.sign(registry)
            except Exception:
                log.exception("no sign of life could be given")
            await asyncio.sleep(self.beat)

    async def close(self) -> None:
        """Return once all that was given back has been told."""
        for key in list(self._returned):
            self._flush(key)
        await asyncio.gather(*self._flushes)

    async def sign(self, registry: Registry) -> None:
        """One sign of life; with it goes how this process finds its components."""
        reports = _REPORTS.dump_json({each.key: each.report() for each in registry.components()})
        settling = 0 if self._opened is None else 2 * self.beat * 1000
        told = await self._ask(
            self._sign,
            [f"{_KEY}alive", f"{_KEY}opened", f"{_KEY}report:{self.name}", f"{_KEY}callers"],
            [self.name, self._lease, round(settling), reports, int(self._calls > 0)],
        )
        if told is None:
            return
        opened, callers = told
        lost = self._opened not in {None, opened}
        self._alone.share = 1 / max(1, callers)
        await self._hold_on(anew=lost or self._unheard)
        self._opened = opened
        await self._heed(registry, lost=lost)

    async def others(self) -> Mapping[str, Reports]:
        """How the other processes find the components, those that gave a sign of life lately."""
        written: dict[str, bytes | None] = {}

        async def ask() -> None:
            names = {each.decode() for each in await self._link.client.zrange(f"{_KEY}alive", 0, -1)}
            if others := sorted(names - {self.name}):
                reports = await self._link.client.mget([f"{_KEY}report:{each}" for each in others])
                written.update(zip(others, reports, strict=True))

        await self._link.attempt(ask)
        found = {}
        for name, report in written.items():
            try:
                if report is not None:
                    found[name] = _REPORTS.validate_json(report)
            except ValidationError:  # of another version, while it is being replaced
                log.debug("the report of %s cannot be read", name)
        return found

    async def first(self, what: str, seconds: int) -> bool:
        """Whether nobody has said this before, in the last `seconds`; True as well while Redis is away."""
        said = False

        async def ask() -> None:
            nonlocal said
            said = not await self._link.client.set(f"{_KEY}said:{what}", self.name, nx=True, ex=seconds)

        await self._link.attempt(ask)
        return not said

    async def forget(self, what: str) -> None:
        """It may be said again."""
        await self._link.send(("DEL", f"{_KEY}said:{what}"))

    @property
    def _lease(self) -> int:
        return round(_LIVES * self.beat * 1000)

    async def _hold_on(self, *, anew: bool) -> None:
        self._unheard = False
        now = time.monotonic()
        for key in {*self._places, *self._begun}:
            places, begun = sorted(self._places[key]), self._recent(key) if anew else ()
            told = [part for began, token in begun for part in (token, round((now - began) * 1000))]
            if not places and not told:
                continue
            answer = await self._ask(
                self._hold,
                [f"{_KEY}held:{key}", f"{_KEY}begun:{key}"],
                [self._lease, "CH" if anew else "XX", len(places), *places, *told],
            )
            self._unheard |= anew and answer is None

    def _recent(self, key: str) -> deque[tuple[float, str]]:
        begun, ended = self._begun[key], time.monotonic() - MINUTE
        while begun and begun[0][0] <= ended:
            begun.popleft()
        return begun

    async def _heed(self, registry: Registry, *, lost: bool) -> None:
        """Take over who rests; what Redis has lost of that, it is told again."""
        guarded = [each for each in registry.components() if each.breaker is not None]
        if not guarded:
            return
        for each in guarded:
            if lost and each.breaker is not None and each.breaker.left() > 0:
                await self.failed(each.key, limit=0, rest=each.breaker.left())
        rests = await self._ask(self._rests, [_breaker(each.key) for each in guarded], [])
        for component, rest in zip(guarded, rests or (), strict=False):
            component.heed(rest / 1000 if rest >= 0 else None)

    def _flush(self, key: str) -> None:
        """Tell of the places given back that no asking has told of."""
        if returned := self._returned.pop(key, []):
            task = asyncio.get_running_loop().create_task(
                self._link.send(("ZREM", f"{_KEY}held:{key}", *returned))
            )
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _ask(self, script: Any, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """What a script answers; None when Redis does not."""
        answer = None

        async def ask() -> None:
            nonlocal answer
            answer = await script(keys=keys, args=args)

        return answer if await self._link.attempt(ask) else None


def _breaker(key: str) -> str:
    return f"{_KEY}breaker:{key}"


def _or_none(limit: int | None) -> int:
    return -1 if limit is None else limit
