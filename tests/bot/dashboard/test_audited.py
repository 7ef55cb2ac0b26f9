"""The audit log in words for people: whom it was about, and what is other since."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest

from bot.store import Store
from tests.office import office


async def shown(client: httpx.AsyncClient, query: str = "") -> list[str]:
    """The rows of the page, in words."""
    page = (await client.get(f"/dashboard/settings/audit{query}")).text
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)[1:]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in rows]


async def test_what_was_done_is_told_by_names_and_without_ids(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        grace = await place.operator("Grace", "viewer")
        grace_id = (await grace.get("/api/me")).json()["id"]
        one, other = await place.visitor("Hello?"), await place.visitor("Hi?")
        at = f"/api/conversations/{one.conversation_id}"
        await ada.post(f"/api/operators/{grace_id}", json={"role": "operator"})
        await ada.post(f"/api/operators/{grace_id}", json={"name": "Grace H."})
        await ada.post(f"{at}/assign", json={"assignee": grace_id})
        await ada.post(f"{at}/assign", json={"assignee": None})
        await ada.post(f"{at}/labels", json={"add": ["vip"]})
        await ada.post(f"{at}/priority", json={"priority": "urgent"})
        kim, lee = [
            (await ada.get(f"/api/conversations/{each.conversation_id}")).json() for each in (one, other)
        ]
        ids = [each["contact"]["id"] for each in (kim, lee)]
        await ada.post(f"/api/contacts/{ids[0]}", json={"name": "Kim", "attributes": {"shoe": "42"}})
        await ada.post("/api/knowledge/articles", json={"title": "Parking", "text": "Behind the shop."})
        made = (await ada.post("/api/tokens", json={"name": "CRM"})).json()["id"]
        await ada.delete(f"/api/tokens/{made}")
        await ada.get("/api/audit.csv", params={"who": grace_id, "what": "operator"})
        rows = await shown(ada)
        told = "\n".join(rows)
        assert not re.search(r"\b(op|cnv|con|tok|art)_[0-9a-f]", told)
        assert "null" not in told
        for words in (
            "Changed a role Role: Viewer → Operator Grace H. Account",
            "Renamed an operator Name: Grace → Grace H. Grace H. Account",
            "Moved a conversation Status: With the bot → With a person Assigned to: nobody → Grace H. Kim C",
            "Status: With a person → Waiting for a person Assigned to: Grace H. → nobody Kim Conversation",
            "Changed labels Put on: vip Kim Conversation",
            "Changed a priority Priority: Urgent Kim Conversation",
            "Corrected a contact Changed: Name, shoe Kim Contact",
            "Wrote an article Parking Article",
            "Made a token CRM API token",
            "Revoked a token CRM API token",
            "Downloaded the audit log Who: Grace H. What: operator",
        ):
            assert words in told, words
        ada.headers["accept-language"] = "de"
        german = "\n".join(await shown(ada))
        assert "Status: Bei einer Person → Wartet auf eine Person Zugewiesen an: Grace H. → niemand" in german
        assert "Rolle: " in german
        page = (await ada.get("/dashboard/settings/audit")).text
        assert f'href="/dashboard/conversations/{one.conversation_id}"' in page
        assert f'href="/dashboard/contacts/{ids[0]}"' in page
        only = await ada.get(f"/dashboard/settings/audit?about={grace_id}")
        assert "Nur, was dies betrifft: Konto" in " ".join(only.text.split())
        assert len(await shown(ada, f"?about={grace_id}")) == 3  # as they were let in is the test's own doing
        # Programs read ids, as ever.
        (entry,) = (await ada.get("/api/audit?what=operator.role")).json()["audit"]
        assert (entry["about"], entry["changes"]) == (grace_id, {"from": "viewer", "to": "operator"})


@pytest.mark.parametrize("act", ["canned.remove", "webhook.again", "mail.put_away"])
async def test_what_is_gone_or_has_no_name_is_told_by_its_kind(
    sqlite: Store, tmp_path: Path, act: str
) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        await sqlite.database.change(
            "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, address, act, about, changes)"
            " VALUES ('aud_1', {now}, 'console', '', '', '', :act, 'x_1', :changes)",
            act=act,
            changes='{"name": "shipping"}' if act == "canned.remove" else "{}",
        )
        (row,) = await shown(ada, f"?what={act}")
        kind = {"canned.remove": "shipping Canned answer", "webhook.again": "Event", "mail.put_away": "Mail"}
        assert row.endswith(f"{kind[act]} · All about it")
