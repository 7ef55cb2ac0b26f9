"""Files that operators send, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from tests.front import wrote
from tests.office import office
from tests.visitor import Visitor

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HOSTILE = '../../etc/<img src=x onerror=alert(1)>"\r\nX-Evil: 1.png'


def at(visitor: Visitor, act: str) -> str:
    return f"/api/conversations/{visitor.conversation_id}/{act}"


async def upload(
    client: httpx.AsyncClient,
    visitor: Visitor,
    name: str = "label.png",
    content: bytes = PNG,
    media_type: str = "image/png",
) -> httpx.Response:
    return await client.post(at(visitor, "attachments"), files={"file": (name, content, media_type)})


async def uploaded(client: httpx.AsyncClient, visitor: Visitor, **more: Any) -> dict[str, Any]:
    answer = await upload(client, visitor, **more)
    assert answer.status_code == 201, answer.text
    kept: dict[str, Any] = answer.json()["attachment"]
    return kept


async def reply(
    client: httpx.AsyncClient,
    visitor: Visitor,
    *keys: str,
    text: str = "",
    kind: str = "reply",
    client_id: str = "1",
) -> httpx.Response:
    body = {"client_id": client_id, "text": text, "kind": kind, "attachments": list(keys)}
    return await client.post(at(visitor, "messages"), json=body)


async def test_a_file_reaches_the_visitor_once_and_nobody_else(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, other = await place.visitor("Where is the label?"), await place.visitor("Hello")
        grace = await place.operator()
        kept = await uploaded(grace, visitor)
        path = f"/api/web/attachments/{kept['key']}"
        assert (await visitor.request("GET", path)).status == 404, "nothing was sent yet"
        async with visitor.follow():
            first = await reply(grace, visitor, kept["key"])
            again = await reply(grace, visitor, kept["key"])
            await visitor.until(lambda: len(visitor.messages) >= 2, within=10)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["message"]["id"] == again.json()["message"]["id"]
        [seen] = visitor.messages[-1]["attachments"]
        assert (seen["name"], seen["size"], seen["url"]) == ("label.png", len(PNG), path)
        got = await visitor.request("GET", path)
        assert (got.status, got.body) == (200, PNG)
        assert (await other.request("GET", path)).status == 404
        assert (await grace.get(kept["url"])).content == PNG


async def test_a_file_leaves_by_another_channel_with_its_words_once(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        recorded = await place.front.desk.take_in(wrote("Where is the label?", channel="memory"))
        talk = recorded.message.conversation_id
        grace = await place.operator()
        picture = {"file": ("label.png", PNG, "image/png")}
        kept = (await grace.post(f"/api/conversations/{talk}/attachments", files=picture)).json()
        body = {"client_id": "1", "text": "Here", "attachments": [kept["attachment"]["key"]]}
        for _ in range(2):
            await grace.post(f"/api/conversations/{talk}/messages", json=body)
        await place.work()
        [sent] = [each for each in place.front.memory.sent if each.author_kind == "operator"]
        assert (sent.recipient, sent.text) == ("ada", "Here")
        assert [(each.key, each.name) for each in sent.attachments] == [(body["attachments"][0], "label.png")]


async def test_a_reply_leaves_by_the_channel_the_operator_chose(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        came = replace(wrote("Hello from elsewhere", channel="memory"), verified=True)
        elsewhere = await place.front.desk.take_in(came)
        body = {"client_id": "1", "text": "Here", "channel": "memory"}
        alone = await grace.post(at(visitor, "messages"), json=body)
        assert (alone.status_code, alone.json()["error"]["code"]) == (409, "no_way")
        address = f"/dashboard/conversations/{visitor.conversation_id}"
        assert 'id="way"' not in (await grace.get(address)).text
        mine = (await grace.get(f"/api/conversations/{visitor.conversation_id}")).json()["contact"]["id"]
        await grace.post(f"/api/contacts/{mine}/merge", json={"contact_id": elsewhere.contact_id})
        page = (await grace.get(address)).text
        assert '<option value="web">' in page
        assert '<option value="memory">' in page
        for _ in range(2):
            sent = await grace.post(at(visitor, "messages"), json=body)
        assert sent.json()["message"]["channel"] == "memory"
        await place.work()
        [left] = [each for each in place.front.memory.sent if each.author_kind == "operator"]
        assert (left.recipient, left.text) == ("ada", "Here")


async def test_a_hostile_name_is_only_a_name(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        kept = await uploaded(grace, visitor, name=HOSTILE)
        assert "/" not in kept["name"]
        await reply(grace, visitor, kept["key"])
        download = await grace.get(kept["url"])
        assert download.headers["content-disposition"].startswith("attachment")
        assert "x-evil" not in download.headers
        assert "sandbox" in download.headers["content-security-policy"]
        assert download.headers["x-content-type-options"] == "nosniff"
        page = (await grace.get(f"/dashboard/conversations/{visitor.conversation_id}")).text
        assert "<img src=x" not in page
        assert [each.name for each in (tmp_path / "files").iterdir()] == [kept["key"]]


async def test_what_lies_beside_a_draft_is_kept_and_can_be_taken_back(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        kept = await uploaded(grace, visitor)
        drafted = (await grace.get(at(visitor, "draft"))).json()
        assert (drafted["text"], [each["key"] for each in drafted["attachments"]]) == ("", [kept["key"]])
        assert (await linus.get(at(visitor, "draft"))).json()["attachments"] == []
        address = f"/dashboard/conversations/{visitor.conversation_id}"
        assert kept["key"] in (await grace.get(address)).text
        assert kept["key"] not in (await linus.get(address)).text
        assert (await linus.delete(kept["url"])).status_code == 404
        assert (await reply(linus, visitor, kept["key"])).status_code == 422
        assert (await grace.delete(kept["url"])).status_code == 204
        assert (await grace.delete(kept["url"])).status_code == 404
        gone = await reply(grace, visitor, kept["key"], text="Here it is")
        assert (gone.status_code, gone.json()["error"]["field"]) == (422, "attachments")


async def test_a_notes_file_is_for_operators_alone(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        kept = await uploaded(grace, visitor)
        assert (await reply(grace, visitor, kept["key"], kind="note")).status_code == 201
        assert (await visitor.request("GET", f"/api/web/attachments/{kept['key']}")).status == 404
        assert (await grace.get(kept["url"])).status_code == 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (("run.exe", b"MZ", "application/octet-stream"), 415),
        (("page.svg", b"<svg onload=alert(1)>", "image/svg+xml"), 415),
        (("not.png", b"<html>", "image/png"), 415),
        (("long.txt", bytes(10 * 2**20 + 1), "text/plain"), 413),
    ],
)
async def test_what_customers_may_not_send_operators_may_not_either(
    given: tuple[str, bytes, str], status: int, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        answer = await upload(grace, visitor, *given)
        assert (answer.status_code, answer.json()["error"]["field"]) == (status, "file")
        assert not (tmp_path / "files").exists()


async def test_files_have_bounds_and_writers(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        viewer = await place.operator("Vera", "viewer")
        assert (await upload(viewer, visitor)).status_code == 403
        for _ in range(10):
            await uploaded(grace, visitor)
        full = await upload(grace, visitor)
        assert (full.status_code, full.json()["error"]["code"]) == (422, "too_many")
        assert len(list((tmp_path / "files").iterdir())) == 10
        nowhere = await grace.post(
            "/api/conversations/cnv_0123456789012345/attachments", files={"file": ("a.png", PNG, "image/png")}
        )
        assert nowhere.status_code == 404
        assert (await reply(grace, visitor, "../x")).status_code == 422
        assert (await reply(grace, visitor)).status_code == 422, "neither words nor files"
