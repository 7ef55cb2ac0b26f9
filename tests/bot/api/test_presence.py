"""Who of the operators is in a conversation, and what its contact sees of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from bot.store import Store
from tests.bot.store.given import count
from tests.front import until, wrote
from tests.office import Stream, following, office


async def be(client: httpx.AsyncClient, conversation_id: str, doing: Any) -> httpx.Response:
    return await client.post(f"/api/conversations/{conversation_id}/presence", json={"doing": doing})


def told(stream: Stream) -> list[tuple[str, str]]:
    return [(each["operator"]["name"], each["doing"]) for each in stream.named("presence")]


async def test_the_list_tells_who_is_where_and_hears_only_what_changes(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        here = (await place.visitor("Hello")).conversation_id
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        async with following(linus) as stream:
            for doing in ("looking", "looking", "writing", "writing", "gone", "gone"):
                assert (await be(grace, here, doing)).status_code == 204
            await until(lambda: len(told(stream)) == 3, what="what changed")
            assert told(stream) == [("Grace", "looking"), ("Grace", "writing"), ("Grace", "gone")]
            assert {each["conversation_id"] for each in stream.named("presence")} == {here}
        await be(grace, here, "writing")
        page = await linus.get("/dashboard/conversations?tab=all")
        assert "Grace is writing" in page.text
        assert "Grace is writing" not in (await grace.get("/dashboard/conversations?tab=all")).text


async def test_whoever_is_silent_for_long_is_gone(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        here, other = [(await place.visitor(each)).conversation_id for each in ("One", "Two")]
        grace = await place.operator("Grace")
        await be(grace, here, "looking")
        assert [each.name for each in (await store.presence.here([here, other]))[here]] == ["Grace"]
        await store.database.change("UPDATE presences SET seen_at = seen_at - 46000000")
        assert await store.presence.here([here, other]) == {}
        await store.database.change("UPDATE presences SET seen_at = 1")
        await be(grace, other, "looking")
        assert await count(store, "presences") == 1  # what nobody asks for any more is not kept


async def test_viewers_are_seen_looking_and_never_writing(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        here = (await place.visitor("Hello")).conversation_id
        grace, vera = await place.operator("Grace"), await place.operator("Vera", "viewer")
        async with following(grace, f"?conversation={here}") as stream:
            assert (await be(vera, here, "looking")).status_code == 204
            await until(lambda: ("Vera", "looking") in told(stream), what="Vera")
            assert (await be(vera, here, "writing")).status_code == 403
        assert (await be(vera, "cnv_000000000000", "looking")).status_code == 404
        vera.headers["x-csrf-token"] = "somebody else's"
        assert (await be(vera, here, "looking")).json()["error"]["code"] == "csrf"


async def test_a_visitor_sees_type_whoever_has_the_conversation(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        here = visitor.conversation_id
        grace, linus = await place.operator("Grace"), await place.operator("Linus")

        def typing() -> list[Any]:
            return [(each.json["author"], each.json["active"]) for each in visitor.typed]

        author = {"kind": "operator", "name": "Grace"}
        async with visitor.follow():
            await grace.post(f"/api/conversations/{here}/take")
            await visitor.until(lambda: any(each.name == "status" for each in visitor.events), within=10)
            await be(linus, here, "writing")
            await be(grace, here, "writing")
            await visitor.until(lambda: len(typing()) == 1, within=10)
            await be(grace, here, "looking")
            await visitor.until(lambda: len(typing()) == 2, within=10)
        assert typing() == [(author, True), (author, False)]


async def test_a_provider_is_asked_to_show_it_once_in_a_while(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        taken = await place.front.desk.take_in(wrote("How long?", 7, channel="memory"))
        here = taken.message.conversation_id
        grace = await place.operator("Grace")
        await grace.post(f"/api/conversations/{here}/take")
        for _ in range(3):
            await be(grace, here, "writing")
        assert place.front.memory.typed == ["ada:7"]
