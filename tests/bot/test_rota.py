"""Who waits for a person is given to operators in turn."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bot.live import Live
from bot.rota import Rota
from bot.store import Store
from bot.store.records import Operator
from tests.bot.store.given import said
from tests.front import until
from tests.office import following, office
from tests.processes import Process, environment, running

AWAY = 300.0
_HELD = """
    SELECT id, assignee_id FROM conversations WHERE status = 'waiting' AND assignee_id IS NOT NULL
    ORDER BY waiting_since, id
"""


async def waiting(store: Store, name: str) -> str:
    """Somebody who waits for a person."""
    conversation_id = (await said(store, sender=name)).message.conversation_id
    await store.people.set_status(conversation_id, "waiting")
    return conversation_id


async def here(store: Store, *names: str) -> list[Operator]:
    """Operators who are at the desk."""
    found = [await store.operators.add(f"{name}@example.com", name, "x") for name in names]
    for each in found:
        await store.rota.seen(each.id)
    return found


async def leave(store: Store, operator: Operator) -> None:
    await store.database.change(
        "UPDATE operators SET seen_at = seen_at - 400000000 WHERE id = :id", id=operator.id
    )


def _given(processes: Sequence[Process]) -> list[tuple[str, str]]:
    """What they say they have given to whom."""
    words = [line.split() for process in processes for line in process.log.splitlines()]
    return [(line[1], line[2]) for line in words if len(line) == 3 and line[0] == "gave"]


async def holders(store: Store, *ids: str) -> list[str]:
    """Whose each conversation is, and "" while it is nobody's."""
    entries = [await store.inbox.entry(each) for each in ids]
    assert all(entry is not None and entry.status == "waiting" for entry in entries)
    return [entry.assignee.name if entry and entry.assignee else "" for entry in entries]


async def waiting_since(store: Store, conversation_id: str) -> datetime | None:
    entry = await store.inbox.entry(conversation_id)
    return entry.waiting_since if entry else None


async def test_who_waits_longest_is_given_to_each_in_turn_up_to_the_cap(store: Store) -> None:
    ids = [await waiting(store, f"visitor-{number}") for number in range(5)]
    since = [await waiting_since(store, each) for each in ids]
    await here(store, "Ada", "Grace")
    while await store.rota.give(most=2, away=AWAY):
        pass
    given = await holders(store, *ids)
    assert given[4] == ""
    assert given[:2] == given[2:4]
    assert sorted(given[:2]) == ["Ada", "Grace"]
    # They go on waiting, as long as before, until somebody takes them.
    assert since == [await waiting_since(store, each) for each in ids]
    await store.people.set_status(ids[0], "resolved")
    assert await store.rota.give(most=2, away=AWAY) is not None
    assert await holders(store, ids[4]) == [given[0]]


async def test_nobody_is_given_to_viewers_or_to_who_is_away(store: Store) -> None:
    conversation_id = await waiting(store, "ada")
    (grace,) = await here(store, "Grace")
    await leave(store, grace)
    vera = await store.operators.add("vera@example.com", "Vera", "x", "viewer")
    await store.rota.seen(vera.id)
    await store.operators.add("new@example.com", "New", "x")
    assert await store.rota.give(most=5, away=AWAY) is None
    assert await holders(store, conversation_id) == [""]


async def test_what_somebody_left_unopened_is_given_to_the_next(store: Store) -> None:
    unopened, opened = await waiting(store, "ada"), await waiting(store, "bob")
    (grace,) = await here(store, "Grace")
    while await store.rota.give(most=5, away=AWAY):
        pass
    assert await store.rota.take_back(away=AWAY) == []
    await store.inbox.mark_read(opened, 1)
    await leave(store, grace)
    assert [each.conversation_id for each in await store.rota.take_back(away=AWAY)] == [unopened]
    assert await holders(store, unopened, opened) == ["", "Grace"]
    await here(store, "Linus")
    assert await store.rota.give(most=5, away=AWAY) is not None
    assert await holders(store, unopened) == ["Linus"]


async def test_processes_that_share_out_at_once_keep_to_the_cap(store: Store) -> None:
    ids = [await waiting(store, f"visitor-{number}") for number in range(12)]
    await here(store, "Ada", "Grace", "Linus")

    async def share() -> None:
        while await store.rota.give(most=3, away=AWAY):
            pass

    await asyncio.gather(*(share() for _ in range(4)))
    assert Counter(await holders(store, *ids)) == {"Ada": 3, "Grace": 3, "Linus": 3, "": 3}


async def test_processes_share_out_between_them_what_comes_and_goes(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    ids = [await waiting(store, f"visitor-{number}") for number in range(24)]
    processes = [
        Process(
            f"sharer-{number}",
            [sys.executable, "-m", "tests.doubles.sharer", database_url, "2"],
            folder=tmp_path,
            environment=environment(tmp_path),
            ready=lambda process: "ready" in process.log,
        )
        for number in range(3)
    ]
    seen_to: list[str] = []
    with running(processes):
        names = {each.id: each.name for each in await here(store, "Ada", "Grace", "Linus")}
        while len(seen_to) < len(ids):
            async with store.database.read() as reader:
                held = await reader.all(_HELD)
            most = Counter(row["assignee_id"] for row in held)
            assert all(count <= 2 for count in most.values()), most
            for row in held[:1]:  # somebody is done with one of theirs, and can be given another
                await store.people.set_status(row["id"], "resolved")
                seen_to.append(row["id"])
        await until(lambda: len(_given(processes)) >= len(ids), what="everything is given")
        given = _given(processes)
    assert sorted(conversation_id for conversation_id, _ in given) == sorted(ids), "each once"
    assert {names[operator_id] for _, operator_id in given} == {"Ada", "Grace", "Linus"}


async def test_who_has_the_dashboard_open_is_given_what_waits(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator("Grace")
        live: Live = place.front.live
        rota = Rota(store=store, live=live, most_open=1, away_after=AWAY)
        await visitor.request("POST", "/api/web/handoff", {})
        await rota.share()
        assert await holders(store, visitor.conversation_id) == [""]
        async with following(grace) as stream:
            await rota.share()
            await until(lambda: stream.named("conversation"), what="the conversation")
            told = stream.named("conversation")[-1]
            assert (told["id"], told["assignee"]["name"]) == (visitor.conversation_id, "Grace")
        page = await grace.get("/dashboard/conversations?tab=mine")
        assert f"entry-{visitor.conversation_id}" in page.text
