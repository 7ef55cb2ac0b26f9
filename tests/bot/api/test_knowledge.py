"""Knowledge over HTTP: what is learned, what is missing, and what operators write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.articles import Articles
from bot.gaps import grouped
from bot.store import Store
from knowledge.learn import embed_pending, learn
from knowledge.local import LocalIndex
from knowledge.lookup import NoMatch
from tests.front import Pages
from tests.office import Office, office

BOOTS = {
    "title": "Can boots be resoled?",
    "text": "Yes. It takes **two weeks** and costs 60 €.",
}


async def found(client: httpx.AsyncClient, question: str) -> list[str]:
    answer = await client.post("/api/knowledge/ask", json={"question": question})
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["passages"]]


async def test_an_article_is_known_at_once_changed_and_forgotten(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        assert await found(grace, "Can my boots be resoled?") == []
        written = await grace.post("/api/knowledge/articles", json=BOOTS)
        assert written.status_code == 201
        article = written.json()["article"]
        assert await found(grace, "Can my boots be resoled?") == ["Can boots be resoled?"]
        at = f"/api/knowledge/articles/{article['id']}"
        changed = await grace.post(at, json=BOOTS | {"text": "No, they are glued."})
        assert changed.status_code == 200
        (passage,) = (await grace.post("/api/knowledge/ask", json={"question": "resoled"})).json()["passages"]
        assert "glued" in passage["text"]
        assert (await grace.get(at)).json()["article"]["text"] == "No, they are glued."
        (document,) = (await grace.get("/api/knowledge/documents")).json()["documents"]
        pieces = (await grace.get(f"/api/knowledge/documents/{document['name']}")).json()["chunks"]
        assert "glued" in pieces[0]["text"]
        assert (await grace.delete(at)).status_code == 204
        assert (await grace.delete(at)).status_code == 404
        assert await found(grace, "Can my boots be resoled?") == []


async def test_what_one_machine_writes_another_learns(store: Store, tmp_path: Path) -> None:
    here, there = LocalIndex(tmp_path / "a"), LocalIndex(tmp_path / "b")
    first = Articles(store=store, index=here, folder=tmp_path / "a" / "articles")
    second = Articles(store=store, index=there, folder=tmp_path / "b" / "articles")
    await second.learn()  # nothing was written yet
    assert not (tmp_path / "b" / "articles").exists()
    article = await first.write(None, title="Boots", text="They can be resoled.", by="op_1")
    await second.learn()
    assert [each.title for each in await there.search("resoled", limit=3)] == ["Boots"]
    await first.remove(article.id)
    await second.learn()
    assert await there.search("resoled", limit=3) == []
    await here.close()
    await there.close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "title"),
        ({"title": " ", "text": "x"}, "title"),
        ({"title": "x" * 201, "text": "x"}, "title"),
        ({"title": "x"}, "text"),
        ({"title": "x", "text": 7}, "text"),
    ],
)
async def test_half_an_article_is_refused(body: Any, field: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        answer = await grace.post("/api/knowledge/articles", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == field


async def asked(place: Office, *questions: str) -> None:
    """Visitors ask what nobody has written down."""
    for each in questions:
        await place.visitor(each)
    await place.work()


async def test_questions_that_nothing_answered_are_kept_and_put_away(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, pages=Pages(NoMatch())) as place:
        grace = await place.operator()
        await asked(place, "Do you sell gift cards for kayaks?", "Thank you!")
        (gap,) = (await grace.get("/api/knowledge/gaps")).json()["gaps"]
        assert (gap["question"], gap["count"]) == ("Do you sell gift cards for kayaks?", 1)
        assert gap["answer"] == ""
        conversation = gap["gaps"][0]["conversation_id"]
        words = "Yes, kayak gift cards start at 50 € and come by mail."
        await grace.post(
            f"/api/conversations/{conversation}/messages", json={"client_id": "1", "text": words}
        )
        (gap,) = (await grace.get("/api/knowledge/gaps")).json()["gaps"]
        assert gap["answer"] == words
        page = await grace.get(f"/dashboard/knowledge/write?gap={gap['gaps'][0]['id']}")
        assert words in page.text
        closed = await grace.post("/api/knowledge/gaps/close", json={"ids": [gap["gaps"][0]["id"]]})
        assert closed.status_code == 204
        assert (await grace.get("/api/knowledge/gaps")).json()["gaps"] == []


async def test_questions_that_ask_the_same_are_one_gap(store: Store, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "knowledge")
    (tmp_path / "page.md").write_text("# Page\n\nSomething.", encoding="utf-8")
    await learn(index, [tmp_path / "page.md"])
    await embed_pending(index)
    async with office(store, tmp_path, pages=Pages(NoMatch())) as place:
        same = ("Do you sell gift cards?", "do you sell gift cards", "Is there parking at the store?")
        await asked(place, *same)
        groups = await grouped(await store.knowledge.gaps(), index)
    await index.close()
    assert [len(each.gaps) for each in groups] == [2, 1]
    assert groups[0].question.lower().startswith("do you sell gift cards")


async def test_the_pages_show_it_and_run_nothing(store: Store, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> kayaks?"
    async with office(store, tmp_path, pages=Pages(NoMatch())) as place:
        grace, vera = await place.operator(), await place.operator("Vera", "viewer")
        written = await grace.post("/api/knowledge/articles", json={"title": hostile, "text": hostile})
        article = written.json()["article"]["id"]
        await asked(place, f"Do you have {hostile}")
        for path in (
            "/dashboard/knowledge",
            "/dashboard/knowledge?ask=kayaks",
            "/dashboard/knowledge/documents",
            f"/dashboard/knowledge/articles/{article}",
            "/dashboard/knowledge/write?title=%3Cscript%3Ealert(1)",
        ):
            page = await grace.get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text, path
        assert "Write the answer" in (await grace.get("/dashboard/knowledge")).text
        assert "Write the answer" not in (await vera.get("/dashboard/knowledge")).text
        assert (await vera.get("/dashboard/knowledge/write")).status_code == 403
        assert (await grace.get("/dashboard/knowledge/documents/none.md")).status_code == 404
        assert (await grace.get("/dashboard/knowledge/articles/art_1")).status_code == 404
        for call in ("articles", f"articles/{article}", "gaps/close"):
            assert (await vera.post(f"/api/knowledge/{call}", json={})).status_code == 403
