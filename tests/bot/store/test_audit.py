"""What people did is written down with what they did, and stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.store import Store
from bot.store.actor import Actor, act_as
from bot.store.audit import AuditFilter, note
from bot.store.database import Transaction

ADA = Actor(kind="operator", id="op_0000000000ada", name="Ada", address="192.0.2.7")
GRACE = Actor(kind="token", id="tok_000000000grace", name="Grace", address="192.0.2.8")


async def acts(store: Store, wanted: AuditFilter = AuditFilter()) -> list[str]:  # noqa: B008
    return [each.act for each in (await store.audit.page(wanted))[0]]


async def test_an_act_says_who_did_what_to_what_from_where(store: Store) -> None:
    act_as(ADA)
    kept = await store.canned.keep(None, name="shipping", text="It is on its way, Grace.")
    ((entry,), more) = await store.audit.page(AuditFilter())
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("operator", ADA.id, "Ada")
    assert (entry.address, entry.act, entry.about) == ("192.0.2.7", "canned.keep", kept.id)
    assert entry.changes == {"name": "shipping"}  # and not what is said
    assert more is None


async def test_what_the_house_does_by_itself_is_no_entry(store: Store) -> None:
    await store.canned.keep(None, name="shipping", text="On its way.")
    assert await acts(store) == []


async def test_what_is_rolled_back_was_never_done(store: Store) -> None:
    act_as(ADA)

    async def fail(tx: Transaction) -> None:
        note(tx, "canned.keep", "can_00000000000")
        raise KeyError

    with pytest.raises(KeyError):
        await store.database.write(fail)
    assert await acts(store) == []


async def test_transactions_of_two_at_once_are_each_their_own(store: Store) -> None:
    async def keep(actor: Actor, names: range) -> None:
        act_as(actor)
        for each in names:
            await store.canned.keep(None, name=f"{actor.name}-{each}", text="x")

    await asyncio.gather(
        asyncio.create_task(keep(ADA, range(10))), asyncio.create_task(keep(GRACE, range(10)))
    )
    for actor in (ADA, GRACE):
        entries, _ = await store.audit.page(AuditFilter(who=actor.id))
        assert {str(each.changes["name"]) for each in entries} == {f"{actor.name}-{n}" for n in range(10)}


@pytest.mark.parametrize("change", ["UPDATE audit SET act = 'x'", "DELETE FROM audit"])
async def test_nothing_in_the_log_is_changed_or_taken_away(store: Store, change: str) -> None:
    act_as(ADA)
    await store.audit.note("audit.download")
    with pytest.raises(Exception, match="only added to"):
        await store.database.change(change)
    assert await acts(store) == ["audit.download"]


async def test_pages_follow_each_other_without_a_gap(store: Store) -> None:
    act_as(ADA)
    for each in range(7):
        await store.audit.note("audit.download", f"{each}")
    seen: list[str] = []
    before: tuple[int, str] | None = None
    while True:
        entries, before = await store.audit.page(AuditFilter(), before=before, limit=3)
        seen += [each.about for each in entries]
        if before is None:
            break
    assert sorted(seen) == [f"{each}" for each in range(7)]


async def test_entries_are_found_by_who_what_about_and_when(store: Store) -> None:
    act_as(ADA)
    await store.audit.note("mail.download", "msg_1")
    await store.audit.note("mail.put_away", "sid_1")
    act_as(GRACE)
    await store.audit.note("audit.download")
    assert await acts(store, AuditFilter(who=GRACE.id)) == ["audit.download"]
    assert sorted(await acts(store, AuditFilter(what="mail"))) == ["mail.download", "mail.put_away"]
    assert await acts(store, AuditFilter(what="mail.download")) == ["mail.download"]
    assert await acts(store, AuditFilter(about="sid_1")) == ["mail.put_away"]
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert len(await acts(store, AuditFilter(since=now - hour, until=now + hour))) == 3
    assert await acts(store, AuditFilter(since=now + hour)) == []
    assert await acts(store, AuditFilter(until=now - hour)) == []


async def test_two_administrators_cannot_take_each_others_role_at_once(store: Store) -> None:
    for round_ in range(5):
        made = [await store.operators.add(f"{each}{round_}@example.com", each, "x", "admin") for each in "ab"]
        done = await asyncio.gather(*[store.operators.set_role(each.id, "viewer") for each in made])
        roles = [each.role for each in await store.operators.every()]
        assert done.count(True) == len(made) - roles.count("admin")
        assert roles.count("admin") == 1
        (left,) = [each for each in await store.operators.every() if each.role == "admin"]
        await store.operators.add(f"c{round_}@example.com", "c", "x", "admin")
        assert await store.operators.set_role(left.id, "viewer")
        (kept,) = [each for each in await store.operators.every() if each.role == "admin"]
        await store.database.change("UPDATE operators SET role = 'viewer' WHERE id = :id", id=kept.id)
