"""Files that were uploaded: kept under a random name, and not for ever when nobody sends them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

from bot.store import Store, StoreUnavailable

log = logging.getLogger("switchboard.uploads")

UNSENT = 24 * 3600.0  # seconds an upload may wait for its message: a page left open keeps its tray that long
_EACH = 3600.0  # seconds between two looks


async def keep(files: Path, content: bytes) -> str:
    """The key under which the bytes are kept from now on. Raises StoreUnavailable."""
    key = secrets.token_hex(20)
    try:
        await asyncio.to_thread(_write, files, key, content)
    except OSError as error:
        raise StoreUnavailable(f"the file could not be kept: {error}") from error
    return key


async def tidy(store: Store, files: Path) -> None:
    """Remove again and again, until cancelled, what was uploaded and not sent for a day."""
    while True:
        try:
            if dropped := await drop_unsent(store, files):
                log.info("uploads that were never sent were removed", extra={"files": dropped})
        except (StoreUnavailable, OSError) as error:
            log.warning("uploads that were never sent could not be removed: %s", error)
        await asyncio.sleep(_EACH)


async def drop_unsent(store: Store, files: Path) -> int:
    """Remove what was uploaded and not sent for a day; returns how many files that were."""
    dropped = 0
    while True:
        async with store.uploads.dropping(unsent_for=UNSENT) as keys:
            await asyncio.to_thread(_remove, files, keys)
        if not keys:
            return dropped
        dropped += len(keys)


def _write(files: Path, key: str, content: bytes) -> None:
    files.mkdir(parents=True, exist_ok=True)
    partial = files / f"{key}.part"
    try:
        partial.write_bytes(content)
        partial.rename(files / key)
    finally:
        partial.unlink(missing_ok=True)


def _remove(files: Path, keys: Sequence[str]) -> None:
    for key in keys:
        (files / key).unlink(missing_ok=True)
