"""Notes that speak to an operator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.mentions import mentioned
from bot.store import Store
from bot.store.records import Operator, Role
from tests.front import until
from tests.office import following, office


def operator(name: str, role: Role = "operator") -> Operator:
    return Operator(
        id=f"op_{name}", email="", name=name, password_hash="", role=role, created_at=datetime.now(UTC)
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Grace can you look?", ["Grace"]),
        ("Ask (@grace), or @LINUS.", ["Grace", "Linus"]),
        ("@Grace Hopper, and not the other one", ["Grace Hopper"]),
        ("@Zoë Müller?", ["Zoë Müller"]),
        ("@Graceful, write to grace@grace.example or @@Grace", []),
        ("@Grace @Grace", ["Grace"]),
        ("@Vera only looks", []),
        ("Grace", []),
    ],
)
def test_whoever_is_named_after_an_at_is_spoken_to(text: str, names: list[str]) -> None:
    everybody = [*map(operator, ("Grace", "Grace Hopper", "Linus", "Zoë Müller")), operator("Vera", "viewer")]
    assert [each.name for each in mentioned(text, everybody)] == names


async def note(client: httpx.AsyncClient, conversation_id: str, text: str) -> httpx.Response:
    body = {"client_id": text[:20].replace(" ", "-").replace("@", "-").replace("?", ""), "text": text}
    return await client.post(f"/api/conversations/{conversation_id}/messages", json=body | {"kind": "note"})


async def test_a_mention_is_told_and_listed_until_it_is_read(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        here = (await place.visitor("My parcel is lost")).conversation_id
        await place.visitor("Something else")
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        me = (await linus.get("/api/me")).json()["id"]
        async with following(linus) as stream:
            answer = await note(grace, here, "@Linus can you look?")
            assert answer.status_code == 201, answer.text
            await note(grace, here, "@Linus can you look?")  # the same once more, after a lost answer
            await note(grace, here, "@Grace only thinks aloud")
            answer = await note(grace, here, "Thank you @Linus")
            await until(lambda: len(stream.named("mention")) == 2, what="what speaks to Linus")
            told, _ = stream.named("mention")
            assert (told["conversation_id"], told["by"], told["operators"]) == (here, "Grace", [me])
        page = (await linus.get("/dashboard/conversations?tab=mentions")).text
        assert f"entry-{here}" in page
        assert page.count('class="entry"') == 1
        assert "speaks to you" in page
        assert "speaks to you" not in (await grace.get("/dashboard/conversations?tab=all")).text
        seq = answer.json()["message"]["seq"]
        await grace.post(f"/api/conversations/{here}/read", json={"seq": seq})
        await linus.post(f"/api/conversations/{here}/read", json={"seq": seq - 1})
        assert await store.mentions.unread(me) == {here}
        await linus.post(f"/api/conversations/{here}/read", json={"seq": seq})
        assert await store.mentions.unread(me) == frozenset()
        assert ">Mentions<" not in (await linus.get("/dashboard/conversations?tab=all")).text
