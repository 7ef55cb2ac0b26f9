"""An operator leaves the company: nothing opens to them any more, and nothing of theirs is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from bot.store import Store
from tests.front import until
from tests.office import PASSWORD, following, office, sign_in


async def identity(client: httpx.AsyncClient) -> str:
    found: str = (await client.get("/api/me")).json()["id"]
    return found


async def deactivated(by: httpx.AsyncClient, operator_id: str, returned: int = 0) -> None:
    answer = await by.post(f"/api/operators/{operator_id}/deactivate")
    assert answer.status_code == 200, answer.text
    assert answer.json()["returned"] == returned
    assert answer.json()["operator"]["active"] is False


async def names(client: httpx.AsyncClient, active: str = "true") -> list[str]:
    answer = await client.get("/api/operators", params={"active": active})
    return [each["name"] for each in answer.json()["operators"]]


async def test_who_left_is_shut_out_everywhere_and_let_in_again(store: Store, tmp_path: Path) -> None:
    async with (
        office(store, tmp_path / "one") as place,
        office(store, tmp_path / "two") as other,
    ):
        visitor = await place.visitor("Hello?")
        ada, grace = await place.operator("Ada", "admin"), await place.operator("Grace", "admin")
        made = (await grace.post("/api/tokens", json={"name": "CRM"})).json()["token"]
        theirs = place.browser(authorization=f"Bearer {made}")
        kept = (await ada.post("/api/tokens", json={"name": "Shop"})).json()["token"]
        others = place.browser(authorization=f"Bearer {kept}")
        elsewhere = other.browser()
        await sign_in(elsewhere, "grace@example.com")
        at = f"?conversation={visitor.conversation_id}"
        async with (
            following(grace) as stream,
            following(elsewhere, at) as second,
            following(other.browser(authorization=f"Bearer {made}")) as third,
            following(ada) as staying,
        ):
            await deactivated(ada, await identity(grace))
            await until(lambda: stream.ended and second.ended and third.ended, what="the end of streams")
            assert not staying.ended
        for client in (grace, elsewhere, theirs):
            assert (await client.get("/api/conversations")).status_code == 401
        assert (await others.get("/api/conversations")).status_code == 200
        refused, unknown = [
            await sign_in(place.browser(), email) for email in ("grace@example.com", "nobody@example.com")
        ]
        assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
        assert refused.status_code == 401
        assert (await names(ada), await names(ada, "false")) == (["Ada"], ["Grace"])
        grace_id = (await ada.get("/api/operators?active=false")).json()["operators"][0]["id"]
        assert (await ada.post(f"/api/operators/{grace_id}/activate")).json()["operator"]["active"]
        assert (await grace.get("/api/me")).status_code == 401  # what has ended stays so
        assert (await theirs.get("/api/conversations")).status_code == 401
        assert (await sign_in(place.browser(), "grace@example.com")).status_code == 200
        told = (await ada.get("/api/audit?what=operator")).json()["audit"]
        acts = [(each["act"], each["about"]) for each in told]
        assert acts[:2] == [("operator.activate", grace_id), ("operator.deactivate", grace_id)]


async def test_what_they_had_waits_for_others_and_their_name_stays(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada, grace = await place.operator("Ada", "admin"), await place.operator("Grace")
        grace_id = await identity(grace)
        answered, snoozed, settled, free = [await place.visitor("Hello?") for _ in range(4)]
        for each in (answered, snoozed, settled):
            words = {"client_id": each.conversation_id, "text": "Hello, Grace here."}
            at = f"/api/conversations/{each.conversation_id}"
            assert (await grace.post(f"{at}/messages", json=words)).status_code == 201
        asleep = await grace.post(
            f"/api/conversations/{snoozed.conversation_id}/snooze", json={"seconds": 3600}
        )
        until_when = asleep.json()["snoozed_until"]
        await grace.post(f"/api/conversations/{settled.conversation_id}/resolve")
        here = {"doing": "writing"}
        await grace.post(f"/api/conversations/{free.conversation_id}/presence", json=here)
        async with following(ada, f"?conversation={answered.conversation_id}") as stream:
            await deactivated(ada, grace_id, returned=2)
            await until(
                lambda: any(each["status"] == "waiting" for each in stream.named("conversation")),
                what="news of it",
            )
            gone = {"id": grace_id, "name": "Grace"}
            assert {"conversation_id": free.conversation_id, "operator": gone, "doing": "gone"} in (
                stream.named("presence")
            )
        found = {}
        for each in (answered, snoozed, settled):
            shown = (await ada.get(f"/api/conversations/{each.conversation_id}")).json()
            assert shown["messages"][-1]["author"]["name"] == "Grace"
            entry = shown
            found[each.conversation_id] = (entry["status"], (entry["assignee"] or {}).get("name"))
        assert found == {
            answered.conversation_id: ("waiting", None),
            snoozed.conversation_id: ("snoozed", None),
            settled.conversation_id: ("resolved", "Grace"),
        }
        still = (await ada.get(f"/api/conversations/{snoozed.conversation_id}")).json()
        assert still["snoozed_until"] == until_when
        await snoozed.say("I am back")  # whom a person answered waits for a person
        back = (await ada.get(f"/api/conversations/{snoozed.conversation_id}")).json()
        assert (back["status"], back["assignee"]) == ("waiting", None)
        page = (await ada.get(f"/dashboard/conversations/{answered.conversation_id}")).text
        assert f'<option value="{grace_id}"' not in page
        at = f"/api/conversations/{answered.conversation_id}/assign"
        assert (await ada.post(at, json={"assignee": grace_id})).status_code == 422
        note = {"client_id": "n", "text": "Did @Grace know?", "private": True}
        await ada.post(f"/api/conversations/{answered.conversation_id}/messages", json=note)
        assert not await store.mentions.unread(grace_id)


async def test_the_last_administrator_nobody_removes_and_nobody_removes_themselves(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        ada, bea = await place.operator("Ada", "admin"), await place.operator("Bea", "admin")
        grace = await place.operator()
        ids = {client: await identity(client) for client in (ada, bea, grace)}
        themselves = await ada.post(f"/api/operators/{ids[ada]}/deactivate")
        assert (themselves.status_code, themselves.json()["error"]["code"]) == (409, "yourself")
        for act in ("deactivate", "activate"):
            assert (await grace.post(f"/api/operators/{ids[bea]}/{act}")).status_code == 403
            assert (await ada.post(f"/api/operators/nobody/{act}")).status_code == 404
        await deactivated(ada, ids[bea])
        await deactivated(ada, ids[bea])  # once more changes nothing
        # Whoever has left cannot let others in: it is Ada who must stay.
        assert (await ada.post(f"/api/operators/{ids[ada]}", json={"role": "viewer"})).status_code == 409
        assert await store.operators.deactivate(ids[ada]) is None
        assert (await ada.get("/api/me")).status_code == 200


@pytest.mark.parametrize("round_", range(3))
async def test_of_two_administrators_who_remove_each_other_one_stays(store: Store, round_: int) -> None:
    made = [await store.operators.add(f"{each}@example.com", each, "x", "admin") for each in "ab"]
    done = await asyncio.gather(*[store.operators.deactivate(each.id) for each in made])
    assert sorted(each is None for each in done) == [False, True]
    assert len(await store.operators.active()) == 1, round_


async def test_what_was_given_to_them_in_that_moment_is_let_go_afterwards(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        await place.operator("Ada", "admin")
        grace = await store.operators.by_email(await place.hire())
        assert grace is not None
        await store.operators.deactivate(grace.id)
        await store.people.take(visitor.conversation_id, grace)
        assert not await store.sessions.begin("a late session", grace.id)
        await place.front.desk.tidy()
        entry = await store.inbox.entry(visitor.conversation_id)
        assert entry is not None
        assert (entry.status, entry.assignee) == ("waiting", None)
        await store.rota.seen(grace.id)
        assert await store.rota.give(most=5, away=60) is None


async def test_the_page_says_what_will_happen(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada, grace = await place.operator("Ada", "admin"), await place.operator("Grace", "admin")
        visitors = [await place.visitor("Hello?") for _ in range(2)]
        for each in visitors:
            await grace.post(f"/api/conversations/{each.conversation_id}/take")
        await grace.post("/api/tokens", json={"name": "CRM"})
        page = (await ada.get("/dashboard/settings/operators")).text
        assert "2 conversations of theirs go back" in page
        assert "1 API token of theirs ends" in page
        await deactivated(ada, await identity(grace), returned=2)
        page = (await ada.get("/dashboard/settings/operators")).text
        assert "Let Grace in again" in page
        assert "Deactivate Grace?" not in page
        assert (await sign_in(place.browser(), "grace@example.com", PASSWORD)).status_code == 401
