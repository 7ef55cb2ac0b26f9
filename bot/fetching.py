"""Files that lie with a provider, brought here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from bot.live import Live
from bot.store import Store
from bot.store.records import ClaimedFile
from channels.base import Channel, FetchedFile, NotFetched

log = logging.getLogger("switchboard.fetching")

_LONGEST = 60.0  # seconds one fetch may take
_LEASE = _LONGEST + 10.0  # seconds; a worker that died is noticed after this long
_ATTEMPTS = 8  # over about half an hour
_FIRST_PAUSE = 10.0  # seconds before the second attempt; each pause is twice the one before


class Fetcher:
    """Brings files into `folder`, each under its key."""

    def __init__(self, *, store: Store, live: Live, channels: Mapping[str, Channel], folder: Path) -> None:
        self._store = store
        self._live = live
        self._channels = channels
        self._folder = folder

    async def fetch(self, key: str) -> None:
        """Bring one file here, unless somebody else does; its message shows it once it is whole."""
        claimed = await self._store.attachments.claim(key, _LEASE)
        if claimed is None:
            return
        try:
            fetched = await self._fetch(claimed)
        except NotFetched as error:
            told = {"attachment": key, "attempt": claimed.attempt}
            log.warning("%s: a file was not fetched: %s", claimed.channel, error.detail, extra=told)
            if error.retry and claimed.attempt < _ATTEMPTS:
                pause = _FIRST_PAUSE * 2.0 ** (claimed.attempt - 1)
                await self._store.attachments.postpone(claimed, error=error.detail, seconds=pause)
                return
            await self._store.attachments.settle(claimed, None, error=error.detail)
        else:
            await self._store.attachments.settle(claimed, fetched)
        await self._live.stir(claimed.contact_id, claimed.conversation_id)

    async def _fetch(self, claimed: ClaimedFile) -> FetchedFile:
        channel = self._channels.get(claimed.channel)
        if channel is None:
            raise NotFetched(f"the channel {claimed.channel} is not set up here", retry=True)
        # A worker whose lease ran out may still be writing: each attempt has a file of its own.
        partial = self._folder / f"{claimed.key}.{claimed.attempt}.part"
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
            async with asyncio.timeout(_LONGEST):
                fetched = await channel.fetch(claimed.remote, partial)
            await asyncio.to_thread(partial.rename, self._folder / claimed.key)
        except NotFetched:
            raise
        except TimeoutError:
            raise NotFetched("the provider did not send it in time", retry=True) from None
        except OSError as error:
            raise NotFetched(f"it could not be kept: {error}", retry=True) from error
        except Exception as error:
            log.exception("%s: fetching failed", claimed.channel, extra={"attachment": claimed.key})
            raise NotFetched(f"fetching broke off: {type(error).__name__}", retry=True) from error
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
        return fetched
