"""The ladder: primary, snapshot, an honest "down"; and "down" is never "no match"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.base import LookupFailed, Passage
from knowledge.embed import EmbedderFailed
from knowledge.learn import embed_pending, learn
from knowledge.local import INDEX, SNAPSHOT, LocalIndex
from knowledge.lookup import Down, Found, Lookup, NoMatch
from knowledge.remembered import Remembered
from tests.knowledge.conftest import BagOfWords


def passage(score: float) -> Passage:
    return Passage(document="a.md", title="A", url="", text="A b.", score=score, quote="A b.")


class Source:
    """A knowledge source that always does as it was told."""

    def __init__(self, does: Sequence[Passage] | Exception) -> None:
        self.does = does

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        if isinstance(self.does, Exception):
            raise self.does
        return self.does


async def test_a_sure_passage_is_found() -> None:
    found = await Lookup(Source([passage(0.9)])).find("b?")
    assert found == Found(passages=(passage(0.9),), rung="primary")


async def test_what_is_unsure_is_no_match_but_tells_what_came_nearest() -> None:
    assert await Lookup(Source([passage(0.2)])).find("b?") == NoMatch(nearest=(passage(0.2),))
    assert await Lookup(Source([])).find("b?") == NoMatch()


@pytest.mark.parametrize("fault", [LookupFailed("refused"), OSError("reset"), ValueError("garbage")])
async def test_a_primary_that_fails_is_stood_in_for_by_the_snapshot(fault: Exception) -> None:
    lookup = Lookup(Source(fault), Source([passage(0.9)]))
    assert await lookup.find("b?") == Found(passages=(passage(0.9),), rung="snapshot")


@pytest.mark.parametrize("garbage", [None, 7, ["a passage"], [passage(0.9), {"text": "A b."}]])
async def test_a_source_that_answers_with_garbage_is_down(garbage: Any) -> None:
    assert isinstance(await Lookup(Source(garbage)).find("b?"), Down)


async def test_what_was_found_before_stands_in_when_both_are_down(tmp_path: Path) -> None:
    primary, remembered = Source([passage(0.9)]), Remembered(tmp_path)
    lookup = Lookup(primary, Source(LookupFailed("no file")), remembered)
    assert await lookup.find("How long can I return my boots?") == Found(passages=(passage(0.9),))
    primary.does = LookupFailed("refused")
    again = await lookup.find("Can boots be returned, and how long?")
    assert again == Found(passages=(passage(0.9),), rung="cached answers")
    assert await lookup.find("What does shipping cost?") == Down(reason="refused; the snapshot: no file")
    primary.does = [passage(0.8)]
    assert await lookup.find("How long can I return my boots?") == Found(passages=(passage(0.8),))
    await remembered.close()


async def test_an_index_that_was_lost_is_answered_from_the_snapshot_until_it_is_learned_again(
    index: LocalIndex, pages: Path, embedder: BagOfWords
) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    await index.close()
    for lost in (lambda path: path.unlink(), lambda path: path.write_bytes(b"")):
        for name in (f"{INDEX}-wal", f"{INDEX}-shm"):
            (index.folder / name).unlink(missing_ok=True)
        lost(index.folder / INDEX)
        primary = LocalIndex(index.folder, embedder=embedder)
        snapshot = LocalIndex(index.folder, embedder=embedder, snapshot=True)
        found = await Lookup(primary, snapshot).find("How long is a gift voucher valid?")
        assert isinstance(found, Found)
        assert found.rung == "snapshot"
        await learn(primary, [pages])
        healed = await Lookup(primary, snapshot).find("How long is a gift voucher valid?")
        assert isinstance(healed, Found)
        assert healed.rung == "primary"
        await primary.close()
        await snapshot.close()


async def test_without_any_source_left_the_lookup_is_down_and_says_why() -> None:
    down = await Lookup(Source(LookupFailed("refused")), Source(LookupFailed("no file"))).find("b?")
    assert down == Down(reason="refused; the snapshot: no file")


async def test_a_corrupted_index_is_answered_from_the_snapshot_and_then_down(
    index: LocalIndex, pages: Path, embedder: BagOfWords
) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    await index.close()
    for name in (INDEX, f"{INDEX}-wal", f"{INDEX}-shm"):
        (index.folder / name).unlink(missing_ok=True)
    (index.folder / INDEX).write_bytes(b"not a database at all" * 500)
    primary = LocalIndex(index.folder, embedder=embedder)
    snapshot = LocalIndex(index.folder, embedder=embedder, snapshot=True)
    lookup = Lookup(primary, snapshot)
    found = await lookup.find("How long is a gift voucher valid?")
    assert isinstance(found, Found)
    assert found.rung == "snapshot"
    assert found.passages[0].document == "sub/vouchers.md"
    await snapshot.close()
    (index.folder / SNAPSHOT).write_bytes(b"gone as well" * 500)
    snapshot = LocalIndex(index.folder, embedder=embedder, snapshot=True)
    down = await Lookup(primary, snapshot).find("How long is a gift voucher valid?")
    assert isinstance(down, Down)
    await learn(primary, [pages])
    healed = await lookup.find("How long is a gift voucher valid?")
    assert isinstance(healed, Found)
    assert healed.rung == "primary"
    await primary.close()
    await snapshot.close()


async def test_a_missing_snapshot_is_down_not_empty(tmp_path: Path, embedder: BagOfWords) -> None:
    snapshot = LocalIndex(tmp_path, embedder=embedder, snapshot=True)
    with pytest.raises(LookupFailed):
        await snapshot.search("anything", limit=3)
    await snapshot.close()


async def test_an_index_that_never_learned_anything_has_no_match(index: LocalIndex) -> None:
    assert await Lookup(index).find("anything") == NoMatch()


async def test_an_embedder_that_fails_leaves_search_by_words(
    index: LocalIndex, pages: Path, embedder: BagOfWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    await learn(index, [pages])
    await embed_pending(index)

    def out_of_service(texts: Sequence[str]) -> None:
        raise EmbedderFailed("connection refused")

    with monkeypatch.context() as fault:
        fault.setattr(embedder, "questions", out_of_service)
        (alone,) = await index.search("gift voucher", limit=1)
    (sure,) = await index.search("gift voucher", limit=1)
    assert alone.document == sure.document == "sub/vouchers.md"
    assert alone.score != sure.score  # what it said by words alone was not kept


async def test_a_scope_holds_its_folders_pages_and_addresses_and_nothing_else(
    index: LocalIndex, pages: Path
) -> None:
    for name, text in {
        "sub/deep/voucher-terms.md": "# Voucher terms\n\nA gift voucher is not paid out.\n",
        "subway.md": "# Gift vouchers in the subway\n\nA gift voucher is sold at the gift voucher counter.\n",
    }.items():
        (pages / name).parent.mkdir(exist_ok=True)
        (pages / name).write_text(text)
    await learn(index, [pages], base_url="https://shop.example/help")
    await embed_pending(index)

    async def documents(*scope: str) -> set[str]:
        found = await index.search("How long is a gift voucher valid?", limit=6, scope=scope)
        return {each.document for each in found}

    everything = await documents()
    assert {"sub/vouchers.md", "sub/deep/voucher-terms.md", "subway.md"} <= everything
    inside = {"sub/vouchers.md", "sub/deep/voucher-terms.md"}
    assert await documents("sub") == await documents("sub/") == inside
    assert await documents("https://shop.example/help/sub") == inside
    assert await documents("sub/vouchers.md") == {"sub/vouchers.md"}
    assert await documents("su", "nowhere", "https://shop.example/help/su") == set()
    assert await documents("subway.md", "sub/deep") == {"subway.md", "sub/deep/voucher-terms.md"}
    (pages / "sub" / "new.md").write_text("# New vouchers\n\nA gift voucher is green now.\n")
    await learn(index, [pages], base_url="https://shop.example/help")
    await embed_pending(index)
    assert await documents("sub") == {*inside, "sub/new.md"}


async def test_a_scope_holds_on_every_rung_of_the_ladder(
    index: LocalIndex, pages: Path, tmp_path: Path
) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    lookup = Lookup(index).within(["sub"])
    assert {each.document for each in passages_of(await lookup.find("What does a return cost?"))} <= {
        "sub/vouchers.md"
    }
    snapshot = LocalIndex(index.folder, embedder=index.embedder(), snapshot=True)
    down = Source(LookupFailed("refused"))
    lookup = Lookup(down, snapshot).within(["sub"])
    assert {
        each.document for each in passages_of(await lookup.find("How long is a gift voucher valid?"))
    } == {"sub/vouchers.md"}
    await snapshot.close()
    remembered = Remembered(tmp_path / "kept")
    kept = [passage(0.9), replace(passage(0.9), document="sub/b.md")]
    await Lookup(Source(kept), down, remembered).find("What does a return cost?")
    found = await Lookup(down, down, remembered).within(["sub"]).find("What does a return cost?")
    assert [each.document for each in passages_of(found)] == ["sub/b.md"]
    await remembered.close()


def passages_of(found: Found | NoMatch | Down) -> Sequence[Passage]:
    match found:
        case Found(passages=passages) | NoMatch(nearest=passages):
            return passages
        case Down(reason=reason):
            raise AssertionError(reason)
