"""Mails nobody could read, and mails as they came: for operators, and never shown by the browser."""

from __future__ import annotations

from pathlib import Path

from bot.mailroom import Mailroom
from bot.store import Store
from channels.base import InboundMessage
from tests.office import office

HOSTILE = b"Subject: <script>alert(1)</script>\r\n\r\n<html><script>alert(1)</script>"


async def test_a_mail_set_aside_is_listed_downloaded_and_put_away(sqlite: Store, tmp_path: Path) -> None:
    room = Mailroom(store=sqlite, folder=tmp_path / "files")
    await room.set_aside("<b>support", 1, 5, HOSTILE, "<script>alert(1)</script>")
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        [card] = (await grace.get("/api/set-aside")).json()["set_aside"]
        assert (card["mailbox"], card["size"]) == ("<b>support", len(HOSTILE))
        raw = await grace.get(f"/api/set-aside/{card['id']}/raw")
        assert raw.content == HOSTILE
        assert raw.headers["content-type"] == "application/octet-stream"
        assert raw.headers["content-disposition"].startswith("attachment")
        assert raw.headers["x-content-type-options"] == "nosniff"
        page = await grace.get("/dashboard/conversations")
        assert "1 mail could not be read" in page.text
        assert "<script>alert" not in page.text
        assert (await place.browser().get("/api/set-aside")).status_code == 401
        assert (await place.browser().get(f"/api/set-aside/{card['id']}/raw")).status_code == 401
        assert (await grace.get("/api/set-aside/sid_00000000000000/raw")).status_code == 404
        viewer = await place.operator("Vera", "viewer")
        assert (await viewer.post(f"/api/set-aside/{card['id']}/put-away")).status_code == 403
        assert "Put away" not in (await viewer.get("/dashboard/conversations")).text
        for _ in range(2):
            assert (await grace.post(f"/api/set-aside/{card['id']}/put-away")).status_code == 204
        assert (await grace.get("/api/set-aside")).json() == {"set_aside": []}
        assert "could not be read" not in (await grace.get("/dashboard/conversations")).text


async def test_a_card_is_put_away_in_the_dashboard_by_our_own_page_alone(
    sqlite: Store, tmp_path: Path
) -> None:
    room = Mailroom(store=sqlite, folder=tmp_path / "files")
    await room.set_aside("support", 1, 5, HOSTILE, "no sender")
    [card] = await sqlite.mailboxes.cards()
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        csrf = grace.headers.pop("x-csrf-token")
        refused = await grace.post(f"/dashboard/set-aside/{card.id}", data={"csrf": "a guess"})
        assert refused.status_code == 403
        assert await sqlite.mailboxes.cards()
        done = await grace.post(f"/dashboard/set-aside/{card.id}", data={"csrf": csrf})
        assert done.status_code == 303
        assert not await sqlite.mailboxes.cards()


async def test_the_original_of_a_message_is_downloaded(sqlite: Store, tmp_path: Path) -> None:
    room = Mailroom(store=sqlite, folder=tmp_path / "files")
    key = await room.keep_original(HOSTILE)
    recorded = await sqlite.conversations.record(
        InboundMessage(channel="email", external_id="1", sender="a@b.example", text="Hi", original=key),
        html="Hi",
    )
    message = recorded.message
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        address = f"/api/conversations/{message.conversation_id}/messages/{message.id}/original"
        page = f"/dashboard/conversations/{message.conversation_id}/messages/{message.id}"
        assert page in (await grace.get(f"/dashboard/conversations/{message.conversation_id}")).text
        assert address in (await grace.get(page)).text
        raw = await grace.get(address)
        assert raw.content == HOSTILE
        assert raw.headers["content-disposition"].startswith("attachment")
        assert raw.headers["x-content-type-options"] == "nosniff"
        assert (await grace.get(address.replace(message.id, "msg_other"))).status_code == 404
        assert (await place.browser().get(address)).status_code == 401
