"""Learning: what changed is done again, what left leaves, and no file stops the others."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge import learn as learning
from knowledge.learn import Progress, embed_pending, learn
from knowledge.local import LocalIndex
from tests.knowledge.conftest import BagOfWords


async def documents(index: LocalIndex, query: str) -> list[str]:
    return list(dict.fromkeys(p.document for p in await index.search(query, limit=10)))


async def test_a_folder_is_learned_with_its_subfolders(index: LocalIndex, pages: Path) -> None:
    learned = await learn(index, [pages])
    assert set(learned.added) == {"returns.md", "payment.md", "sub/vouchers.md"}
    assert not learned.failed
    assert (await index.statistics()).documents == 3


async def test_learning_again_does_nothing_to_what_is_unchanged(
    index: LocalIndex, pages: Path, embedder: BagOfWords
) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    read = len(embedder.read)
    learned = await learn(index, [pages])
    assert set(learned.unchanged) == {"returns.md", "payment.md", "sub/vouchers.md"}
    assert [*learned.added, *learned.changed, *learned.removed] == []
    assert await embed_pending(index) == 0
    assert len(embedder.read) == read


async def test_a_changed_file_is_learned_again_and_only_its_changed_passages_are_embedded(
    index: LocalIndex, pages: Path, embedder: BagOfWords
) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    read = len(embedder.read)
    page = pages / "returns.md"
    page.write_text(page.read_text().replace("4.90 EUR", "5.90 EUR"))
    learned = await learn(index, [pages])
    assert learned.changed == ("returns.md",)
    await embed_pending(index)
    assert len(embedder.read) <= read + 2
    found = await index.search("cost of a return from Austria", limit=3)
    assert "5.90 EUR" in found[0].text
    assert not any("4.90" in passage.text for passage in found)


async def test_a_removed_file_leaves_the_index(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    (pages / "sub" / "vouchers.md").unlink()
    learned = await learn(index, [pages])
    assert learned.removed == ("sub/vouchers.md",)
    assert "sub/vouchers.md" not in await documents(index, "gift voucher valid")


async def test_learning_another_folder_leaves_the_first_one_alone(
    index: LocalIndex, pages: Path, tmp_path: Path
) -> None:
    await learn(index, [pages])
    other = tmp_path / "other"
    other.mkdir()
    (other / "payment.md").write_text("# Payment in shops\n\nIn our shops we take cash.\n")
    learned = await learn(index, [other])
    assert learned.added == ("payment.md",)
    assert not learned.removed
    assert (await index.statistics()).documents == 4
    assert {"payment.md", "other/payment.md"} <= set(await documents(index, "pay cash payment cards"))


async def test_a_single_file_can_be_learned(index: LocalIndex, pages: Path) -> None:
    assert (await learn(index, [pages / "payment.md"])).added == ("payment.md",)


async def test_where_pages_are_read_is_remembered_for_their_source(index: LocalIndex, pages: Path) -> None:
    async def address() -> str:
        (found,) = [p for p in await index.search("voucher", limit=5) if p.document == "sub/vouchers.md"][:1]
        return found.url

    await learn(index, [pages], base_url="https://www.shop.example/help/")
    assert await address() == "https://www.shop.example/help/sub/vouchers"
    assert "sub/vouchers.md" in (await learn(index, [pages])).unchanged
    (pages / "sub" / "vouchers.md").write_text("# Vouchers\n\nA voucher is good for two years.\n")
    assert (await learn(index, [pages])).changed == ("sub/vouchers.md",)
    assert await address() == "https://www.shop.example/help/sub/vouchers"
    await learn(index, [pages], base_url="")
    assert await address() == ""


async def test_an_address_is_said_to_be_none_of_what_can_be_learned_yet(index: LocalIndex) -> None:
    (failed,) = (await learn(index, ["https://shop.example/help"])).failed.items()
    assert failed[0] == "https://shop.example/help"
    assert failed[1].startswith("addresses cannot be learned yet")


async def test_a_missing_source_is_reported_and_the_others_are_learned(
    index: LocalIndex, pages: Path
) -> None:
    learned = await learn(index, [pages / "nowhere", pages])
    assert len(learned.added) == 3
    assert "no such file" in learned.failed[str(pages / "nowhere")]


async def test_hostile_and_broken_files_fail_by_themselves(index: LocalIndex, pages: Path) -> None:
    (pages / "latin.md").write_bytes("# Grüße\n\nWir grüßen aus Köln.\n".encode("cp1252"))
    (pages / "binary.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0" + bytes(200))
    (pages / "empty.md").write_text("")
    (pages / "only-front.md").write_text("---\ntitle: Nothing\n---\n")
    (pages / "huge.md").write_bytes(b"word " * 2_000_000)
    (pages / "loop").symlink_to(pages, target_is_directory=True)
    (pages / "self.md").symlink_to(pages / "self.md")
    os.mkfifo(pages / "pipe.md")
    (pages / "picture.png").write_bytes(b"\x89PNG")
    learned = await learn(index, [pages])
    assert set(learned.added) == {"returns.md", "payment.md", "sub/vouchers.md", "latin.md"}
    assert set(learned.failed) == {"binary.md", "empty.md", "only-front.md", "huge.md", "self.md", "pipe.md"}
    assert "binary" in learned.failed["binary.md"]
    assert "10,000,000 bytes" in learned.failed["huge.md"]
    found = await index.search("Köln", limit=1)
    assert found[0].text == "Wir grüßen aus Köln."


async def test_a_file_that_fails_now_keeps_what_was_known_of_it(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    (pages / "payment.md").write_bytes(b"\0\0")
    learned = await learn(index, [pages])
    assert "payment.md" in learned.failed
    assert "payment.md" in await documents(index, "invoice due")


async def test_progress_is_told_for_every_file(index: LocalIndex, pages: Path) -> None:
    told: list[Progress] = []
    await learn(index, [pages], on_progress=told.append)
    assert [p.done for p in told] == [1, 2, 3]
    assert {p.total for p in told} == {3}


async def test_words_are_searchable_before_any_vector(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    counts = await index.statistics()
    assert counts.embedded == 0
    assert (await documents(index, "gift voucher"))[0] == "sub/vouchers.md"
    await embed_pending(index)
    counts = await index.statistics()
    assert counts.embedded == counts.chunks > 0
    assert (await documents(index, "gift voucher"))[0] == "sub/vouchers.md"


async def test_embedding_that_was_interrupted_goes_on_where_it_stopped(
    index: LocalIndex, pages: Path, embedder: BagOfWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    await learn(index, [pages])
    monkeypatch.setattr(learning, "BATCH", 2)

    def power_cut(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learning._embed_pending(index, power_cut)
    assert len(embedder.read) == 2
    await embed_pending(index)
    assert len(embedder.read) == len(set(embedder.read))


async def test_what_another_process_learned_is_seen_without_a_restart(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    assert "news.md" not in await documents(index, "reindeer")
    (pages / "news.md").write_text("# News\n\nReindeer deliver in December.\n")
    script = (
        "import asyncio, sys; from pathlib import Path; from knowledge.local import LocalIndex;"
        "from knowledge.learn import learn; asyncio.run(learn(LocalIndex(Path(sys.argv[1])), [sys.argv[2]]))"
    )
    command = [sys.executable, "-c", script, str(index.folder), str(pages)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    assert (await documents(index, "reindeer"))[0] == "news.md"


async def test_a_process_killed_in_the_middle_of_learning_leaves_the_old_index_whole(
    index: LocalIndex, pages: Path
) -> None:
    await learn(index, [pages])
    before = [p.text for p in await index.search("return label cost", limit=10)]
    for number in range(50):
        (pages / f"new-{number}.md").write_text(f"# Label {number}\n\nThe return label costs {number} EUR.\n")
    (pages / "returns.md").unlink()
    script = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from knowledge.learn import learn\n"
        "from knowledge.local import LocalIndex\n"
        "from knowledge.shelf import Shelf\n"
        "whole, added = Shelf._add, []\n"
        "def add(self, *document):\n"
        "    whole(self, *document)\n"
        "    added.append(document)\n"
        "    if len(added) == 25:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "Shelf._add = add\n"
        "asyncio.run(learn(LocalIndex(Path(sys.argv[1])), [sys.argv[2]]))\n"
    )
    command = [sys.executable, "-c", script, str(index.folder), str(pages)]
    ended = await asyncio.to_thread(subprocess.run, command, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [p.text for p in await index.search("return label cost", limit=10)] == before
    learned = await learn(index, [pages])
    assert len(learned.added) == 50
    assert learned.removed == ("returns.md",)


@pytest.mark.parametrize(
    ("front", "base_url", "url"),
    [
        ("url: https://shop.example/help/x", "https://docs.example", "https://shop.example/help/x"),
        ("url: /help/x", "https://shop.example/help", "https://shop.example/help/x"),
        ("slug: /send-back", "https://docs.example/help/", "https://docs.example/help/send-back"),
        ("permalink: send/back/", "https://docs.example", "https://docs.example/send/back"),
        ("title: T", "https://docs.example", "https://docs.example/a%20b/page"),
        ("title: T", "", ""),
        ("slug: /send-back", "", ""),
    ],
)
async def test_a_page_says_where_it_can_be_read(
    index: LocalIndex, tmp_path: Path, front: str, base_url: str, url: str
) -> None:
    folder = tmp_path / "help" / "a b"
    folder.mkdir(parents=True)
    (folder / "page.md").write_text(f"---\n{front}\n---\n\nSome sentence about llamas.\n")
    await learn(index, [tmp_path / "help"], base_url=base_url)
    assert (await index.search("llamas", limit=1))[0].url == url
