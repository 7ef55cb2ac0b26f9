"""What was found is kept for bad times: not for ever, not too much of it, and not beyond what is true."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from knowledge import remembered
from knowledge.base import Passage
from knowledge.learn import forget, learn
from knowledge.local import LocalIndex
from knowledge.remembered import FILE, Remembered, forget_all

FOUND = (
    Passage(document="a.md", title="A › B", url="https://shop.example/a", text="Ä b.", score=0.9, quote="b."),
)


async def kept(cache: Remembered, asked: str, *history: str, passages: tuple[Passage, ...] = FOUND) -> None:
    cache.keep(asked, history, passages, asked_at=time.time())
    await asyncio.wrap_future(cache._thread.submit(lambda: None))  # what was submitted before is done


@pytest.mark.parametrize(
    ("asked", "again", "same"),
    [
        ("How long can I return my boots?", "how long can i return my boots", True),
        ("How long can I return my boots?", "returning boots: how LONG?", True),
        ("How long can I return my boots?", "How long can I return my hat?", False),
        ("Where is order 123456?", "where is my order 654321", True),
    ],
)
async def test_a_question_is_known_by_what_it_is_about(
    tmp_path: Path, asked: str, again: str, *, same: bool
) -> None:
    cache = Remembered(tmp_path)
    await kept(cache, asked)
    assert await cache.recall(again, ()) == (FOUND if same else ())
    await cache.close()


async def test_a_question_that_leans_on_others_is_known_only_after_them(tmp_path: Path) -> None:
    cache = Remembered(tmp_path)
    await kept(cache, "And how much is it?", "Do you ship to Norway?")
    assert await cache.recall("And how much is it?", ["Do you ship to Norway?"]) == FOUND
    assert await cache.recall("And how much is it?", ["Can I return boots?"]) == ()
    assert await cache.recall("And how much is it?", []) == ()
    await cache.close()


async def test_what_was_found_within_a_scope_is_told_within_it_and_what_was_found_anywhere_too(
    tmp_path: Path,
) -> None:
    cache = Remembered(tmp_path)
    cache.keep("return boots", (), FOUND, asked_at=time.time(), scope=["returns", "faq"])
    await kept(cache, "return hats")
    assert await cache.recall("return boots", (), scope=["faq", "returns"]) == FOUND
    assert await cache.recall("return boots", (), scope=["delivery"]) == ()
    assert await cache.recall("return boots", ()) == ()
    assert await cache.recall("return hats", (), scope=["delivery"]) == FOUND
    await cache.close()


async def test_what_says_nothing_is_not_kept(tmp_path: Path) -> None:
    cache = Remembered(tmp_path)
    await kept(cache, "Is it?")
    assert await cache.recall("Is it?", ()) == ()
    assert not (tmp_path / FILE).exists()
    await cache.close()


async def test_it_is_shared_and_outlives_its_process_and_holds_no_words_of_the_customer(
    tmp_path: Path,
) -> None:
    first, second = Remembered(tmp_path), Remembered(tmp_path)
    await kept(first, "Is my mother's maiden name Xanthippe secret?")
    assert await second.recall("Is my mother's maiden name Xanthippe secret?", ()) == FOUND
    await first.close()
    await second.close()
    assert not any(map(_names_her, sorted(tmp_path.iterdir())))  # noqa: ASYNC240


def _names_her(file: Path) -> bool:
    return b"anthipp" in file.read_bytes().lower()


async def test_only_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 5)
    cache = Remembered(tmp_path)
    for number in range(8):
        await kept(cache, f"return boots{number}")
    known = [bool(await cache.recall(f"return boots{number}", ())) for number in range(8)]
    assert known == [False] * 3 + [True] * 5
    await cache.close()


async def test_what_is_old_is_not_told_any_more(tmp_path: Path) -> None:
    cache = Remembered(tmp_path)
    cache.keep("return boots", (), FOUND, asked_at=time.time() - 31 * 86_400)
    await kept(cache, "return hats")
    assert await cache.recall("return boots", ()) == ()
    assert await cache.recall("return hats", ()) == FOUND
    await cache.close()


async def test_learning_anew_forgets_what_was_found_and_what_is_just_being_found(
    index: LocalIndex, pages: Path
) -> None:
    cache = Remembered(index.folder)
    await learn(index, [pages])
    for change in ("changed", "forgotten"):
        began = time.time()
        await kept(cache, f"return boots {change}")
        assert await cache.recall(f"return boots {change}", ()) == FOUND
        if change == "changed":
            (pages / "returns.md").write_text("# Returns\n\nNothing can be returned any more.\n")
            await learn(index, [pages])
        else:
            await forget(index, pages)
        assert await cache.recall(f"return boots {change}", ()) == ()
        cache.keep(f"send hats {change}", (), FOUND, asked_at=began)
        await kept(cache, f"wash hats {change}")
        assert await cache.recall(f"send hats {change}", ()) == ()
        assert await cache.recall(f"wash hats {change}", ()) == FOUND
    await cache.close()


async def test_learning_what_is_known_forgets_nothing(index: LocalIndex, pages: Path) -> None:
    cache = Remembered(index.folder)
    await learn(index, [pages])
    await kept(cache, "return boots")
    await learn(index, [pages])
    assert await cache.recall("return boots", ()) == FOUND
    await cache.close()


async def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 500)
    cache = Remembered(tmp_path)
    assert await cache.recall("return boots", ()) == ()
    await kept(cache, "return boots")
    await kept(cache, "return hats")
    assert await cache.recall("return hats", ()) == FOUND
    (tmp_path / FILE).write_bytes(b"no database" * 500)
    for leftover in (f"{FILE}-wal", f"{FILE}-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    forget_all(tmp_path)
    await cache.close()


async def test_a_flood_of_questions_is_not_waited_for(tmp_path: Path) -> None:
    cache = Remembered(tmp_path)
    for number in range(2_000):
        cache.keep(f"return boots{number}", (), FOUND, asked_at=time.time())
    await kept(cache, "return hats")
    assert await cache.recall("return boots0", ()) == FOUND
    await cache.close()
