"""Files that were uploaded and never sent: gone after a day, row and bytes, and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.store import Store
from bot.uploads import UNSENT, drop_unsent
from channels.base import Attachment
from tests.bot.store.given import said
from tests.front import until
from tests.processes import switchboard


async def uploaded(store: Store, files: Path, key: str, *, hours: float, sent: bool = False) -> None:
    """A file that ada gave us so long ago."""
    contact_id = (await store.contacts.welcome("web", "ada")).contact_id
    file = Attachment(key=key, name="receipt.png", media_type="image/png", size=5)
    await store.attachments.add(file, contact_id)
    write(files, key)
    if sent:
        await said(store, key, attachments=[file])
    age = round(hours * 3600 * 1_000_000)
    await store.database.change(
        "UPDATE attachments SET created_at = {now} - :age WHERE key = :key", key=key, age=age
    )


def write(files: Path, key: str) -> None:
    files.mkdir(parents=True, exist_ok=True)
    (files / key).write_bytes(b"bytes")


async def kept(store: Store) -> set[str]:
    async with store.database.read() as reader:
        return {row["key"] for row in await reader.all("SELECT key FROM attachments")}


async def test_what_was_not_sent_for_a_day_is_removed_and_nothing_else(store: Store, tmp_path: Path) -> None:
    files = tmp_path / "files"
    for number in range(150):  # more than are removed at once
        await uploaded(store, files, f"old{number}", hours=24.1)
    await uploaded(store, files, "fresh", hours=23.9)
    await uploaded(store, files, "sent", hours=1000, sent=True)
    (files / "old7").unlink()  # nothing can go wrong twice
    assert await drop_unsent(store, files) == 150
    assert await kept(store) == {"fresh", "sent"}
    assert {path.name for path in files.iterdir()} == {"fresh", "sent"}
    assert await drop_unsent(store, files) == 0


async def test_whoever_is_stopped_while_removing_finds_the_rest_again(store: Store, tmp_path: Path) -> None:
    await uploaded(store, tmp_path, "old", hours=25)
    late = Attachment(key="old", name="receipt.png", media_type="image/png", size=5)

    async def remove() -> None:
        async with store.uploads.dropping(unsent_for=UNSENT):
            assert (await said(store, attachments=[late])).message.attachments == ()
            raise OSError("the disk is away")

    with pytest.raises(OSError, match="disk"):
        await remove()
    assert await kept(store) == {"old"}, "and no message took along what was being removed"
    assert await drop_unsent(store, tmp_path) == 1


async def test_a_running_house_removes_them_by_itself(tmp_path: Path) -> None:
    with switchboard(tmp_path) as house:
        house.processes[0].end()
        store = await Store.open(house.database_url)
        await uploaded(store, house.data_dir / "files", "old", hours=25)
        await uploaded(store, house.data_dir / "files", "fresh", hours=1)
        await store.close()
        await asyncio.to_thread(house.processes[0].start)
        await until(lambda: not (house.data_dir / "files" / "old").exists(), within=30)
        await until(lambda: house.rows("SELECT key FROM attachments") == [{"key": "fresh"}])
