"""What the owner is told, by Apprise, webhook and log: once when trouble begins, once when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import JsonValue

from bot.settings import WrongSetting
from bot.store import Store, StoreUnavailable
from bot.store.records import Notice, NoticeKind, WebhookType

log = logging.getLogger("switchboard.alerts")

_SWEEP = 5.0  # seconds between looks for what another process left behind
_PATIENCE = 30.0  # seconds one address has to take a notice
_LEASE = 60.0  # seconds in which whoever claimed a notice sends it
_BATCH = 10
_PAUSES = (10.0, 60.0, 300.0, 1800.0, 7200.0)  # seconds before each further attempt; then it is given up


class Alerts:
    """Tells of each trouble once over all workers, and once that it is over.

    `urls` are Apprise's, see https://github.com/caronc/apprise/wiki. Raises WrongSetting for one that it does
    not understand.
    """

    def __init__(self, *, store: Store, urls: Sequence[str] = ()) -> None:
        self._alarms = store.alarms
        self._urls = {hashlib.sha256(url.encode()).hexdigest()[:16]: url for url in urls}
        self._woken = asyncio.Event()
        for url in urls:
            if not _understood(url):
                raise WrongSetting(
                    f"ALERT_URLS: {_named(url)} is no address that Apprise understands; its wiki lists them"
                )

    async def tell(
        self,
        event: WebhookType,
        *,
        once: str,
        title: str,
        text: str,
        data: Mapping[str, JsonValue],
        kind: NoticeKind = "warning",
        conversation_id: str | None = None,
        seldom: str = "",
    ) -> bool:
        """Tell what has happened, once for each `once` until that is over; False when it was told before.

        Of all that share a `seldom` only the first goes to the addresses; webhook and log have each. `title`
        is a line, `text` a few sentences that say what it means and what to do. Raises StoreUnavailable.
        """
        told = await self._alarms.begin(
            once,
            event,
            data,
            title=title,
            text=text,
            kind=kind,
            targets=tuple(self._urls),
            conversation_id=conversation_id,
            seldom=seldom,
        )
        if told:
            level = logging.WARNING if kind == "warning" else logging.ERROR
            log.log(level, "%s: %s", title, text, extra={"event": event})
            self._woken.set()
        return told

    async def over(
        self, event: WebhookType, *, once: str, title: str, text: str, data: Mapping[str, JsonValue]
    ) -> bool:
        """Tell that what was told under `once` is over; False where there is nothing that could be over."""
        told = await self._alarms.end(once, event, data, title=title, text=text, targets=tuple(self._urls))
        if told:
            log.warning("%s: %s", title, text, extra={"event": event})
            self._woken.set()
        return told

    async def tell_now(self, *, title: str, text: str, kind: NoticeKind) -> None:
        """Tell what cannot be written down first: at best once, at every address that takes it."""
        log.error("%s: %s", title, text)
        await asyncio.gather(*(self._hand(url, title, text, kind) for url in self._urls.values()))

    async def run(self) -> None:
        """Send what is written, by this process or another, until cancelled."""
        while self._urls:
            try:
                while notices := await self._alarms.claim(_BATCH, _LEASE):
                    await asyncio.gather(*map(self._send, notices))
            except StoreUnavailable as error:
                log.debug("notices wait: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP):
                    await self._woken.wait()
            self._woken.clear()

    async def _send(self, notice: Notice) -> None:
        url = self._urls.get(notice.target)
        if url is not None and not await self._hand(url, notice.title, notice.text, notice.kind):
            if notice.attempt <= len(_PAUSES):
                await self._alarms.postpone(notice, _PAUSES[notice.attempt - 1])
                return
            log.error("given up: %s was not told of “%s”", _named(url), notice.title)
        await self._alarms.settle(notice)

    async def _hand(self, url: str, title: str, text: str, kind: NoticeKind) -> bool:
        """Whether the address took it."""
        try:
            async with asyncio.timeout(_PATIENCE):
                taken = await _beside(lambda: _notify(url, title, text, kind))
        except TimeoutError:
            taken = False
        if not taken:
            log.warning("%s did not take the notice “%s”", _named(url), title)
        return taken


def _named(url: str) -> str:
    """What of an address is no secret; in some even the host is one."""
    return f"{urlsplit(url).scheme}://…"


def _understood(url: str) -> bool:
    from apprise import Apprise  # half a second of CPU that only alerts need

    # What it logs of an address that it does not understand is the address, with its secrets.
    logger = logging.getLogger("apprise")
    before, logger.disabled = logger.disabled, True
    try:
        return bool(Apprise.instantiate(url))
    finally:
        logger.disabled = before


def _notify(url: str, title: str, text: str, kind: NoticeKind) -> bool:
    from apprise import Apprise, NotifyFormat, NotifyType

    one = Apprise()
    return one.add(url) and bool(
        one.notify(title=title, body=text, notify_type=NotifyType(kind), body_format=NotifyFormat.TEXT)
    )


async def _beside(work: Callable[[], bool]) -> bool:
    """Blocking work on a thread of its own, which nobody waits for at the end: its other side may hang."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool] = loop.create_future()

    def settle(result: bool) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        try:
            result = work()
        except Exception:
            log.exception("a notice could not be sent")
            result = False
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="alerts", daemon=True).start()
    return await done
