"""Signing in: who gets in, who does not, and what nobody learns by trying."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from statistics import median

import pytest
from pwdlib import PasswordHash

from bot.store import Store
from tests.office import PASSWORD, office, sign_in

WRITES = ("messages", "take", "release", "resolve", "reopen", "read")


async def test_who_signs_in_is_known_until_they_sign_out(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        browser = await place.operator("Grace")
        me = (await browser.get("/api/me")).json()
        assert (me["name"], me["email"], me["role"]) == ("Grace", "grace@example.com", "operator")
        copied = place.browser(cookie=f"switchboard_session={browser.cookies['switchboard_session']}")
        assert (await copied.get("/api/me")).status_code == 200
        assert (await browser.post("/api/logout")).status_code == 204
        assert (await browser.get("/api/me")).status_code == 401
        assert (await copied.get("/api/me")).status_code == 401


async def test_only_the_hash_of_a_sessions_token_is_kept(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        browser = await place.operator()
        token = browser.cookies["switchboard_session"]
        async with store.database.read() as reader:
            (row,) = await reader.all("SELECT * FROM operator_sessions")
        assert row["token_hash"] == hashlib.sha256(token.encode()).hexdigest()
        assert token not in {str(value) for value in dict(row).values()}


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        cookies = (await sign_in(place.browser(), await place.hire())).headers.get_list("set-cookie")
        assert len(cookies) == 2
        assert all("HttpOnly" in each and "SameSite=lax" in each for each in cookies)
        assert not any("Secure" in each for each in cookies)
    async with office(sqlite, tmp_path, address="https://desk.example") as place:
        cookies = (await sign_in(place.browser(), "grace@example.com")).headers.get_list("set-cookie")
        assert all(each.startswith("__Host-") and "Secure" in each for each in cookies)


async def test_a_wrong_password_and_an_unknown_account_look_and_take_the_same(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire(hashed=PasswordHash.recommended().hash(PASSWORD))
        times: dict[str, list[float]] = {email: [], "nobody@example.com": []}
        answers = set()
        for round_ in range(3):
            for account, taken in times.items():
                browser = place.browser(**{"x-forwarded-for": f"198.51.100.{round_}"})
                began = time.perf_counter()
                answer = await sign_in(browser, account, "a guess")
                taken.append(time.perf_counter() - began)
                answers.add((answer.status_code, answer.text))
        assert len(answers) == 1
        assert answers.pop()[0] == 401
        known, unknown = (median(each) for each in times.values())
        assert 0.25 < known / unknown < 4  # without a check, an unknown account would take a fiftieth


async def test_guessing_is_slowed_and_cheap_to_refuse(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        browser = place.browser()
        answers = [await sign_in(browser, email, f"guess {each}") for each in range(300)]
        assert sum(each.status_code == 401 for each in answers) <= 6
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        # Other accounts can't be tried from there for long either.
        await place.hire("Linus")
        others = [await sign_in(browser, f"linus@example.com{' ' * each}", "a guess") for each in range(30)]
        assert others[-1].status_code == 429


async def test_signing_in_often_is_no_guessing(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        for _ in range(25):
            assert (await sign_in(place.browser(), email)).status_code == 200


async def test_nobody_can_lock_the_owner_out(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        at_home = place.browser(**{"x-forwarded-for": "192.0.2.1"})
        assert (await sign_in(at_home, email)).status_code == 200
        for address in range(8):
            crook = place.browser(**{"x-forwarded-for": f"203.0.113.{address}"})
            for guess in range(6):
                await sign_in(crook, email, f"guess {guess}")
        crook = place.browser(**{"x-forwarded-for": "203.0.113.1"})
        assert (await sign_in(crook, email, PASSWORD)).status_code == 429
        elsewhere = place.browser(**{"x-forwarded-for": "192.0.2.77"})
        assert (await sign_in(elsewhere, email)).status_code == 200
        # Even from the crook's own address: this browser has signed in before.
        at_home.headers["x-forwarded-for"] = "203.0.113.1"
        assert (await sign_in(at_home, email)).status_code == 200


async def test_an_unsafe_request_with_a_cookie_needs_our_own_page(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        browser = await place.operator()
        csrf = browser.headers.pop("x-csrf-token")
        take = f"/api/conversations/{visitor.conversation_id}/take"
        assert (await browser.post(take)).json()["error"]["code"] == "csrf"
        assert (await browser.post(take, headers={"x-csrf-token": csrf[::-1]})).status_code == 403
        stranger = await place.operator("Eve")
        theirs = {"x-csrf-token": stranger.headers["x-csrf-token"]}
        assert (await browser.post(take, headers=theirs)).status_code == 403
        for foreign in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            answer = await browser.post(take, headers={"x-csrf-token": csrf, **foreign})
            assert answer.json()["error"]["code"] == "foreign_origin"
        assert (await browser.post("/api/logout")).status_code == 403
        thread = await browser.get(f"/api/conversations/{visitor.conversation_id}")
        assert thread.json()["status"] == "bot"
        ours = {"x-csrf-token": csrf, "origin": place.url}
        assert (await browser.post(take, headers=ours)).json()["status"] == "human"


async def test_another_sites_form_cannot_sign_anybody_in(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        body = {"email": email, "password": PASSWORD}
        assert (
            await place.browser(origin="https://evil.example").post("/api/login", json=body)
        ).status_code == 403
        disguised = await place.browser().post(
            "/api/login", content=b"{}", headers={"content-type": "text/plain"}
        )
        assert disguised.status_code == 415
        page = await place.browser(origin="https://evil.example").post("/dashboard/sign-in", data=body)
        assert page.status_code == 403


async def test_a_viewer_may_look_and_not_write(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        viewer = await place.operator("Vera", "viewer")
        at = f"/api/conversations/{visitor.conversation_id}"
        for write in WRITES:
            body = {"client_id": "1", "text": "Hi", "seq": 1}
            assert (await viewer.post(f"{at}/{write}", json=body)).json()["error"]["code"] == "read_only"
        seen = (await viewer.get(at)).json()
        assert [message["text"] for message in seen["messages"]] == ["Hello?"]
        assert seen["status"] == "bot"
        page = await viewer.get(f"/dashboard/conversations/{visitor.conversation_id}")
        assert "Take over" not in page.text
        assert 'aria-label="Reply"' not in page.text


async def test_a_program_acts_with_a_token_until_it_is_revoked(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        kept = await store.operators.create_token("The shop", hashlib.sha256(b"swb_secret").hexdigest())
        program = place.browser(authorization="Bearer swb_secret", origin="https://shop.example")
        written = await program.post(
            f"/api/conversations/{visitor.conversation_id}/messages", json={"client_id": "1", "text": "Yes?"}
        )
        assert written.json()["message"]["author"] == {"kind": "operator", "name": "The shop"}
        entry = (await program.get("/api/conversations?status=human")).json()["conversations"][0]
        assert entry["assignee"]["name"] == "The shop"
        assert await store.operators.revoke_token(kept.id)
        assert (await program.get("/api/me")).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer nothing", "Basic c3dhOng=", "Bearer é"])
async def test_a_wrong_token_is_nobody_whatever_cookie_comes_with_it(
    header: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        browser = await place.operator()
        answer = await browser.get("/api/me", headers={"authorization": header.encode()})
        assert answer.status_code == 401
        visitor = await place.visitor()
        assert (
            await place.browser(authorization=f"Bearer {visitor.token}").get("/api/me")
        ).status_code == 401


async def test_what_is_no_sign_in_is_refused_in_words(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        client = place.browser(**{"content-type": "application/json"})
        for content, status in (
            (b"", 422),
            (b"[]", 400),
            (b"{", 400),
            (b"\xff\xfe", 400),
            (b'{"email": 1, "password": "x"}', 422),
            (b'{"email": "a@example.com"}', 422),
            (b'{"email": "a@example.com", "password": "' + b"x" * 2000 + b'"}', 422),
            (b'{"email": "' + b"x" * 300_000 + b'"}', 413),
        ):
            answer = await client.post("/api/login", content=content)
            assert answer.status_code == status, content[:60]
            assert answer.json()["error"]["message"]
