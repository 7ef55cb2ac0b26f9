"""What `/api/openapi.json` says is true: schemathesis asks a running house for all of it, and nonsense."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from bot.store import Store
from tests.e2e.beside import beside, on
from tests.processes import Switchboard, switchboard

_SECRET = "swb_of_an_administrator"
_WITHIN = 240.0  # seconds; a fifth of it where nothing else runs
# Streams have no end to wait for; tests/bot/api/test_events.py and tests/channels/test_streams.py read them.
_STREAMS = ("/api/events", "/api/web/events")
# Many rules no schema can say: a day before another, an id that is there, a time to come. What breaks them
# is refused though the schema allows it. The stateful phase would only do again, slower, what others do.
_EXCLUDED = "positive_data_acceptance"


async def _lend(url: str) -> None:
    """A token that may do what an administrator may."""
    store = await Store.open(url)
    root = await store.operators.by_email("root@example.com")
    assert root is not None
    await store.operators.create_token("proof", hashlib.sha256(_SECRET.encode()).hexdigest(), root.id)
    await store.close()


def _things(house: Switchboard) -> tuple[str, Mapping[str, str]]:
    """A visitor's token, and something to ask for behind each path that needs an id."""
    with httpx.Client(base_url=house.url, timeout=30) as visitor:
        session = visitor.post("/api/web/session", json={}).json()
        visitor.headers["Authorization"] = f"Bearer {session['token']}"
        said = visitor.post("/api/web/messages", json={"client_id": "1", "text": "Do you ship to Norway?"})
        assert said.status_code == 202
    with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {_SECRET}"}) as program:
        at = f"/api/conversations/{session['conversation_id']}"
        contact = program.get(at).json()["contact"]["id"]
        canned = program.post("/api/canned", json={"name": "hello", "text": "Hello"}).json()
        article = program.post("/api/knowledge/articles", json={"title": "Norway", "text": "We do."}).json()
    return session["token"], {
        "/api/conversations/": session["conversation_id"],
        "/api/contacts/": contact,
        "/api/canned/": canned["canned"]["id"],
        "/api/knowledge/articles/": article["article"]["id"],
    }


def _configuration(visitor: str, ids: Mapping[str, str]) -> str:
    known = [
        f'[[operations]]\ninclude-path-regex = "^{path}.id"\nparameters = {{ "path.id" = "{each}" }}\n'
        for path, each in ids.items()
    ]
    visitors = (
        '[[operations]]\ninclude-path-regex = "^/api/web/"\n'
        f'headers = {{ Authorization = "Bearer {visitor}" }}\n'
    )
    return "\n".join([f'headers = {{ Authorization = "Bearer {_SECRET}" }}\n', *known, visitors])


@pytest.mark.slow
@pytest.mark.timeout(_WITHIN + 120)
def test_the_description_is_true(tmp_path: Path) -> None:
    with switchboard(tmp_path) as house:
        house.command("operator", "add", "root@example.com", "--role", "admin")
        with beside() as loop:  # a browser of other tests may keep one running here
            on(loop, _lend(house.database_url))
        config = tmp_path / "schemathesis.toml"
        config.write_text(_configuration(*_things(house)))
        asked = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), f"--config-file={config}"),
                *("run", f"{house.url}/api/openapi.json", "--seed=1", "--max-examples=15"),
                *("--phases=examples,coverage,fuzzing", f"--exclude-checks={_EXCLUDED}", "--no-color"),
                *("--generation-with-security-parameters=false", "--generation-database=none"),
                *("--continue-on-failure", "--warnings=off", "--request-timeout=20"),
                *(f"--exclude-path={path}" for path in _STREAMS),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
        assert asked.returncode == 0, asked.stdout[-20_000:] + asked.stderr[-2_000:]
        assert " passed" in asked.stdout
