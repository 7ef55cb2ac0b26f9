"""The website's HTTP API over a real socket: what is taken in, what is refused, and how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from bot.store import Store, StoreUnavailable
from bot.testing import InlineQueue
from tests.bot.store.given import count
from tests.channels.given import Visitor, arrive, error, identity
from tests.front import Front, front, served

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
async def house(file_store: Store, tmp_path: Path) -> AsyncIterator[Front]:
    async with front(file_store, folder=tmp_path, bell=InlineQueue(), patience=0.2) as opened:
        yield opened


# sessions ----------------------------------------------------------------------------------------------


async def test_a_session_begins_empty_and_its_token_brings_it_back(client: httpx.AsyncClient) -> None:
    ada = await arrive(client)
    assert set(ada.session) >= {"token", "conversation_id", "messages", "cursor", "settings"}
    assert ada.session["messages"] == []
    await ada.say("Hello?")
    again = await arrive(client, token=ada.token)
    assert again.token == ada.token
    assert again.session["conversation_id"] == ada.session["conversation_id"]
    assert [message["text"] for message in again.session["messages"]] == ["Hello?"]


async def test_a_token_that_is_not_ours_begins_a_new_session(client: httpx.AsyncClient, ada: Visitor) -> None:
    forged = jwt.encode({"sub": "ada", "aud": "switchboard-visitor"}, "x" * 32, algorithm="HS256")
    for token in ("nonsense", forged, ada.token[:-2]):
        fresh = await arrive(client, token=token)
        assert fresh.token not in {token, ada.token}
        assert fresh.session["conversation_id"] != ada.session["conversation_id"]


async def test_nothing_is_open_without_a_token(client: httpx.AsyncClient) -> None:
    routes = ["POST messages", "GET events", "POST typing", "POST read", "POST rating", "POST handoff"]
    for route in [*routes, "POST attachments", "GET attachments/abc"]:
        for header in (None, "", "Bearer", "Basic abc", "Bearer abc.def.ghi", "Bearer é"):
            method, path = route.split()
            headers = {} if header is None else {"authorization": header.encode()}
            answer = await client.request(method, f"/api/web/{path}", headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401, (route, header)
            assert error(answer)[1] in {"no_token", "bad_token"}


async def test_a_visitor_who_was_forgotten_is_told_to_begin_anew(
    client: httpx.AsyncClient, house: Front
) -> None:
    token = jwt.encode(
        {"sub": "nobody", "aud": "switchboard-visitor"}, house.visitors._key, algorithm="HS256"
    )
    gone = Visitor(client=client, token=token, session={})
    for answer in (
        await gone.poll("x.1"),
        await gone.post("typing", {}),
        await gone.post("handoff", {}),
        await gone.say(attachments=["abc"]),
        await gone.upload("a.png", PNG, "image/png"),
    ):
        assert error(answer)[:2] == (401, "bad_token")


# messages ----------------------------------------------------------------------------------------------


async def test_a_message_is_taken_once_however_often_it_is_sent(ada: Visitor, file_store: Store) -> None:
    first = await ada.say("Hello?", "a:1")
    again = await ada.say("Hello?", "a:1")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()
    message = first.json()["message"]
    assert message["html"] == "<p>Hello?</p>"
    assert message["author"] == {"kind": "contact", "name": ""}
    assert (message["direction"], message["channel"], message["seq"]) == ("in", "web", 1)
    racing = await asyncio.gather(*(ada.say("Hello again?", "a:2") for _ in range(8)))
    assert sorted(answer.status_code for answer in racing) == [200] * 7 + [202]
    assert await count(file_store, "messages") == 2


async def test_two_visitors_may_use_the_same_client_id(client: httpx.AsyncClient, ada: Visitor) -> None:
    bob = await arrive(client)
    one, other = await ada.say("mine", "1"), await bob.say("mine too", "1")
    assert (one.status_code, other.status_code) == (202, 202)
    assert one.json()["message"]["conversation_id"] != other.json()["message"]["conversation_id"]


NO_MESSAGES: list[Any] = [
    ({"text": "x"}, (422, "missing", "client_id")),
    ({"client_id": 5, "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "", "text": "x"}, (422, "empty", "client_id")),
    ({"client_id": "a b", "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "a\x00b", "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "ä", "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "a\n", "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "a" * 101, "text": "x"}, (422, "invalid", "client_id")),
    ({"client_id": "a" * 5000, "text": "x"}, (413, "too_long", "client_id")),
    ({"client_id": "1"}, (422, "missing", "text")),
    ({"client_id": "1", "text": None}, (422, "missing", "text")),
    ({"client_id": "1", "text": ""}, (422, "empty", "text")),
    ({"client_id": "1", "text": " \n\t"}, (422, "empty", "text")),
    ({"client_id": "1", "text": "\x00"}, (422, "empty", "text")),
    ({"client_id": "1", "text": ["x"]}, (422, "invalid", "text")),
    ({"client_id": "1", "text": 10**30}, (422, "invalid", "text")),
    ({"client_id": "1", "text": "x" * 8001}, (413, "too_long", "text")),
    ({"client_id": "1", "text": "x", "attachments": "abc"}, (422, "invalid", "attachments")),
    ({"client_id": "1", "text": "x", "attachments": [5]}, (422, "invalid", "attachments")),
    ({"client_id": "1", "text": "x", "attachments": [{"name": "a"}]}, (422, "invalid", "attachments")),
    ({"client_id": "1", "text": "x", "attachments": ["no such"]}, (422, "invalid", "attachments")),
    ({"client_id": "1", "text": "x", "attachments": ["a"] * 11}, (422, "too_many", "attachments")),
]


async def test_a_message_that_is_none_is_refused_by_the_name_of_its_fault(
    ada: Visitor, file_store: Store
) -> None:
    for body, expected in NO_MESSAGES:
        assert error(await ada.post("messages", body)) == expected
        assert await count(file_store, "messages") == 0


NO_BODIES: list[Any] = [
    (b"", (422, "missing")),
    (b"{", (400, "not_json")),
    (b"null", (400, "not_an_object")),
    (b"[]", (400, "not_an_object")),
    (b'"text"', (400, "not_an_object")),
    (b'{"client_id": "1", "text": "\xff\xfe"}', (400, "not_json")),
    (b'{"client_id": "1", "text": "\\ud800"}', (400, "not_json")),
    (b'{"client_id": "1", "text": NaN}', (400, "not_json")),
    (b"[" * 30_000, (400, "not_json")),
    (b'{"a":' * 10_000, (400, "not_json")),
    (b'{"client_id": "1", "text": "' + b"x" * 2**20 + b'"}', (413, "too_large")),
]


async def test_a_body_that_is_not_what_it_must_be_is_refused(ada: Visitor, file_store: Store) -> None:
    for body, expected in NO_BODIES:
        assert error(await ada.post("messages", body))[:2] == expected
        assert await count(file_store, "messages") == 0


async def test_a_body_that_does_not_say_its_length_is_bounded_all_the_same(ada: Visitor) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(320):
            yield b"x" * 2**16

    for path in ("messages", "attachments"):
        answer = await ada.client.post(f"/api/web/{path}", content=chunks(), headers=ada.headers)
        assert error(answer)[:2] == (413, "too_large")


async def test_text_is_kept_as_it_was_written(ada: Visitor) -> None:
    text = "<script>alert(1)</script> & \u202e 👩‍👩‍👧 \x01 a\x00b"
    message = (await ada.say(text)).json()["message"]
    assert message["text"] == text.replace("\x00", "")
    assert message["html"].startswith("<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; ")


NO_SCORES: list[Any] = [0, 6, -1, 3.5, "5", True, None, 10**30]


async def test_a_rating_is_a_whole_number_from_one_to_five(ada: Visitor) -> None:
    for score in NO_SCORES:
        assert error(await ada.post("rating", {"score": score})) == (422, "invalid", "score")


async def test_the_last_rating_counts(ada: Visitor, file_store: Store) -> None:
    assert (await ada.post("rating", {"score": 1, "comment": "slow"})).status_code == 204
    assert (await ada.post("rating", {"score": 5, "comment": "better\x00"})).status_code == 204
    assert await count(file_store, "ratings") == 1


NO_SEQS: list[Any] = [-1, "3", 1.5, None, True, 2**53, 10**40]


async def test_a_seq_is_one(ada: Visitor) -> None:
    for seq in NO_SEQS:
        assert error(await ada.post("read", {"seq": seq})) == (422, "invalid", "seq")


async def test_what_was_read_is_noted_once(ada: Visitor, house: Front) -> None:
    await ada.say()
    await house.desk.answer(ada.session["conversation_id"])
    for _ in range(2):
        assert (await ada.post("read", {"seq": 99})).status_code == 204
    again = await arrive(ada.client, token=ada.token)
    assert again.session["messages"][-1]["delivery"] == {"status": "read", "error": None}
    events = (await again.poll(ada.session["cursor"])).json()["events"]
    assert [event["event"] for event in events] == ["message", "message", "delivery"]


async def test_who_says_no_seq_has_read_all_there_is(ada: Visitor, house: Front) -> None:
    await ada.say()
    await house.desk.answer(ada.session["conversation_id"])
    assert (await ada.post("read", {})).status_code == 204
    again = await arrive(ada.client, token=ada.token)
    assert again.session["messages"][-1]["delivery"] == {"status": "read", "error": None}


async def test_asking_for_a_person_is_told_once(ada: Visitor) -> None:
    for _ in range(2):
        assert (await ada.post("handoff", {})).status_code == 204
    again = await arrive(ada.client, token=ada.token)
    assert [message["author"]["kind"] for message in again.session["messages"]] == ["system"]
    assert again.session["status"] == "waiting"


# events by long poll -----------------------------------------------------------------------------------


async def test_a_poll_returns_at_once_what_there_is_and_otherwise_waits(ada: Visitor, house: Front) -> None:
    await ada.say("one", "1")
    polled = (await ada.poll(ada.session["cursor"])).json()
    (event,) = polled["events"]
    assert (event["event"], event["id"], event["data"]["text"]) == ("message", polled["cursor"], "one")
    began = time.monotonic()
    nothing = (await ada.poll(polled["cursor"])).json()
    assert nothing == {"events": [], "cursor": polled["cursor"]}
    assert 0.2 <= time.monotonic() - began < 5
    waiting = asyncio.create_task(ada.poll(polled["cursor"]))
    await ada.say("two", "2")
    assert [event["data"]["text"] for event in (await waiting).json()["events"]] == ["two"]
    assert house.live.readers == 0


async def test_a_poll_without_a_cursor_says_where_to_go_on(ada: Visitor) -> None:
    answer = await ada.client.get("/api/web/events", headers=ada.headers)
    assert answer.json() == {"events": [], "cursor": ada.session["cursor"]}


async def test_every_event_comes_once_and_in_order_however_it_is_asked_for(
    ada: Visitor, house: Front
) -> None:
    for number in range(12):
        await ada.say(f"message {number}", str(number))
    await house.desk.answer(ada.session["conversation_id"])
    await ada.post("handoff", {})
    whole = (await ada.poll(ada.session["cursor"])).json()["events"]
    kinds = [event["event"] for event in whole]
    assert kinds == ["message"] * 14 + ["status"]
    for place, event in enumerate(whole[:-1]):
        assert (await ada.poll(event["id"])).json()["events"] == whole[place + 1 :]


NO_CURSORS: list[Any] = ["x", "x.1", ".1", "1", "%00", "-1", "9" * 30, "cnt_x.99999999999999999999"]


async def test_a_cursor_that_is_none_is_refused(ada: Visitor) -> None:
    for after in NO_CURSORS:
        assert error(await ada.poll(after)) == (400, "bad_cursor", "after")


async def test_another_visitors_cursor_is_refused(client: httpx.AsyncClient, ada: Visitor) -> None:
    bob = await arrive(client)
    assert error(await ada.poll(bob.session["cursor"])) == (400, "bad_cursor", "after")
    headers = {"accept": "text/event-stream", "last-event-id": bob.session["cursor"]}
    answer = await client.get("/api/web/events", headers=ada.headers | headers)
    assert error(answer) == (400, "bad_cursor", "after")


# attachments -------------------------------------------------------------------------------------------


async def test_a_file_is_kept_for_its_sender_alone(client: httpx.AsyncClient, ada: Visitor) -> None:
    kept = await ada.upload("receipt.png", PNG, "image/png")
    assert kept.status_code == 201
    attachment = kept.json()["attachment"]
    assert attachment["id"] == attachment["key"]
    said = await ada.say("", attachments=[attachment["key"]])
    assert said.json()["message"]["attachments"] == [attachment]
    repeated = await ada.say("", attachments=[attachment["key"]])
    assert (repeated.status_code, repeated.json()) == (200, said.json())
    again = await ada.say("again", "2", attachments=[attachment["key"]])
    assert error(again) == (422, "invalid", "attachments")
    fetched = await client.get(attachment["url"], headers=ada.headers)
    assert fetched.content == PNG
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert fetched.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in fetched.headers["content-security-policy"]
    bob = await arrive(client)
    assert error(await client.get(attachment["url"], headers=bob.headers))[0] == 404
    assert error(await bob.say("mine", attachments=[attachment["key"]])) == (422, "invalid", "attachments")
    assert (await client.get(attachment["url"])).status_code == 401


async def test_a_file_is_sent_by_its_key_or_by_all_that_was_said_of_it(ada: Visitor) -> None:
    form = {"attachment": ("receipt.png", PNG, "image/png")}  # whatever the form's field is called
    kept = await ada.client.post("/api/web/attachments", files=form, headers=ada.headers)
    attachment = kept.json()["attachment"]
    said = await ada.say("", attachments=[attachment])
    assert said.json()["message"]["attachments"] == [attachment]


NO_FILES: list[Any] = [
    ("text/html", b"<script>"),
    ("image/svg+xml", b"<svg/>"),
    ("image/png", b"<script>alert(1)</script>"),
    ("image/png", b""),
    ("image/webp", b"RIFF\x00\x00\x00\x00AVI LIST"),
    ("application/pdf", b"MZ"),
    ("application/octet-stream", b"MZ"),
    ("", b"x"),
]


async def test_a_file_that_is_not_what_may_be_sent_is_refused(ada: Visitor, file_store: Store) -> None:
    for media_type, content in NO_FILES:
        assert error(await ada.upload("a.png", content, media_type)) == (415, "type", "file")
        assert await count(file_store, "attachments") == 0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("\u200b.htaccess", "htaccess"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("...", "file"),
        ("Ä" * 300, "Ä" * 120),
        ('"><img src=x onerror=alert(1)>.txt', '"><img src=x onerror=alert(1)>.txt'),
    ],
)
async def test_a_files_name_is_shown_and_never_used(
    ada: Visitor, tmp_path: Path, sent: str, kept: str
) -> None:
    quoted = sent.replace("\\", "\\\\").replace('"', '\\"')
    form = f'--x\r\ncontent-disposition: form-data; name="file"; filename="{quoted}"\r\n'
    form += "content-type: text/plain\r\n\r\nhello\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    attachment = (await ada.post("attachments", form.encode(), headers=headers)).json()["attachment"]
    assert attachment["name"] == kept
    (path,) = (tmp_path / "files").iterdir()
    assert path.name == attachment["key"]
    fetched = await ada.client.get(attachment["url"], headers=ada.headers)
    assert fetched.status_code == 200
    assert "set-cookie" not in fetched.headers


async def test_a_file_has_its_limit(ada: Visitor, tmp_path: Path) -> None:
    limit = 10 * 2**20
    assert (await ada.upload("a.txt", bytes(limit), "text/plain")).status_code == 201
    assert (await ada.upload("a.txt", bytes(limit + 1), "text/plain")).status_code == 413
    assert (await ada.upload("a.txt", bytes(limit + 2**20), "text/plain")).status_code == 413
    assert len(list((tmp_path / "files").iterdir())) == 1


NO_FORMS: list[Any] = [
    (b"", "multipart/form-data"),
    (b"garbage", "multipart/form-data; boundary=x"),
    (
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\njust text\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    (b"{}", "application/json"),
    (b"file=x", "application/x-www-form-urlencoded"),
]


async def test_a_form_that_is_none_is_refused(ada: Visitor) -> None:
    for body, content_type in NO_FORMS:
        answer = await ada.post("attachments", body, headers={"content-type": content_type})
        assert answer.status_code in {400, 422}
        assert error(answer)


async def test_a_file_that_cannot_be_kept_is_asked_for_again(ada: Visitor, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    assert error(await ada.upload("a.txt", b"hello", "text/plain"))[:2] == (503, "unavailable")


# who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["*"], "https://anywhere.example", "*"),
        (["https://shop.example"], "https://shop.example", "https://shop.example"),
        (["https://shop.example"], "https://evil.example", None),
        (["https://shop.example"], "https://shop.example.evil.example", None),
        (["https://shop.example"], "http://shop.example", None),
        (["https://shop.example"], "null", None),
        ([], "https://shop.example", None),
    ],
)
async def test_only_the_sites_named_may_use_the_widget(
    file_store: Store, tmp_path: Path, origins: list[str], origin: str, allowed: str | None
) -> None:
    async with (
        front(file_store, folder=tmp_path, bell=InlineQueue(), origins=origins) as house,
        served(house) as client,
    ):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        asked["access-control-request-headers"] = "authorization,content-type,last-event-id"
        preflight = await client.options("/api/web/messages", headers=asked)
        assert preflight.headers.get("access-control-allow-origin") == allowed
        assert (preflight.status_code == 200) == (allowed is not None)
        session = await client.post("/api/web/session", json={}, headers={"origin": origin})
        if allowed is None:
            assert error(session)[:2] == (403, "foreign_origin")
            assert await count(file_store, "contacts") == 0
        else:
            assert session.headers["access-control-allow-origin"] == allowed


async def test_the_servers_own_pages_need_no_naming(file_store: Store, tmp_path: Path) -> None:
    async with (
        front(file_store, folder=tmp_path, bell=InlineQueue(), origins=[]) as house,
        served(house) as client,
    ):
        own = str(client.base_url).rstrip("/")
        answer = await client.post("/api/web/session", json={}, headers={"origin": own})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["events", "events?after=x", "messages", "attachments/abc"])
async def test_an_embedding_site_can_read_every_refusal(ada: Visitor, path: str) -> None:
    method = "POST" if path == "messages" else "GET"
    for headers in ({}, ada.headers):
        answer = await ada.client.request(
            method, f"/api/web/{path}", headers=headers | {"origin": "https://shop.example"}
        )
        if answer.status_code != 200:
            assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_flood_is_answered_with_the_seconds_to_wait(client: httpx.AsyncClient, ada: Visitor) -> None:
    answers = await asyncio.gather(*(ada.say("again", str(number)) for number in range(60)))
    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) >= 30
    assert len(taken) + len(refused) == 60
    assert error(refused[0])[1] == "too_many"
    assert int(refused[0].headers["retry-after"]) >= 1
    bob = await arrive(client)
    assert (await bob.say()).status_code == 202


async def test_repeats_typing_and_reading_are_no_flood(ada: Visitor) -> None:
    repeats = await asyncio.gather(*(ada.say("Hello?", "1") for _ in range(50)))
    assert sorted(answer.status_code for answer in repeats) == [200] * 49 + [202]
    signs = await asyncio.gather(
        *(ada.post("typing", {"active": True}) for _ in range(20)),
        *(ada.post("read", {"seq": 1}) for _ in range(20)),
    )
    assert {answer.status_code for answer in signs} == {204}
    burst = await asyncio.gather(*(ada.say("more", f"more:{number}") for number in range(20)))
    assert {answer.status_code for answer in burst} == {202}


async def test_opening_streams_without_end_is_a_flood_as_well(
    client: httpx.AsyncClient, ada: Visitor
) -> None:
    await ada.say()
    polls = [await ada.poll(ada.session["cursor"])]
    while polls[-1].status_code == 200 and len(polls) < 2000:
        polls.append(await ada.poll(ada.session["cursor"]))
    assert error(polls[-1]) == (429, "too_many", None)
    assert polls[-1].headers["retry-after"] == "1"
    bob = await arrive(client)
    await bob.say()
    # Eight tabs, all of which come back five times at once: no flood yet.
    tabs = await asyncio.gather(*(bob.poll(bob.session["cursor"]) for _ in range(8 * 6)))
    assert {answer.status_code for answer in tabs} == {200}


async def test_coming_back_until_the_store_answers_again_is_no_flood(
    ada: Visitor, house: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    await ada.say()
    with monkeypatch.context() as patched:
        patched.setattr(house.store.contacts, "find", away)
        statuses = {(await ada.poll(ada.session["cursor"])).status_code for _ in range(200)}
        assert statuses == {503}
    assert (await ada.poll(ada.session["cursor"])).status_code == 200


async def test_typing_without_end_is_a_flood_as_well(ada: Visitor) -> None:
    statuses = [204]
    while statuses[-1] == 204 and len(statuses) < 2000:
        statuses.append((await ada.post("typing", {})).status_code)
    assert statuses[-1] == 429
    assert len(statuses) > 120


# signed identities -------------------------------------------------------------------------------------


def unsigned(**claims: Any) -> str:
    return jwt.encode({"sub": "user-1", "exp": int(time.time()) + 60} | claims, None, "none")


NOT_VOUCHED: list[Any] = [
    identity(secret="another shop's secret, also long enough"),
    identity(algorithm="HS512"),
    unsigned(),
    identity(exp=int(time.time()) - 60),
    identity(exp=None),
    identity(sub=None),
    identity(sub=""),
    identity(sub="a\x00b"),
    identity(name="\ud800"),
    identity(exp="soon"),
    "not.a.jwt",
    "é.é.é",
]


async def test_an_identity_that_is_not_vouched_for_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, file_store: Store
) -> None:
    for token in NOT_VOUCHED:
        answer = await client.post("/api/web/session", json={"identity": token})
        assert error(answer) == (403, "identity_refused", "identity")
    for table in ("contacts", "identities", "conversations"):
        assert await count(file_store, table) == 0


async def test_a_public_key_is_no_secret(file_store: Store, tmp_path: Path) -> None:
    """RS256 confusion: a token signed with the public key as if that were a shared secret."""
    public = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----\n"
    async with (
        front(file_store, folder=tmp_path, bell=InlineQueue(), identity_secret=public) as house,
        served(house) as client,
    ):
        answer = await client.post("/api/web/session", json={"identity": identity()})
        assert error(answer)[:2] == (403, "identity_refused")


async def test_a_signed_identity_has_one_conversation_on_every_device(client: httpx.AsyncClient) -> None:
    laptop = await arrive(client, identity=identity())
    await laptop.say("from the laptop")
    phone = await arrive(client, identity=identity(name="Ada"))
    assert phone.session["conversation_id"] == laptop.session["conversation_id"]
    await phone.say("from the phone")
    laptop = await arrive(client, token=laptop.token)
    assert [each["text"] for each in laptop.session["messages"]] == ["from the laptop", "from the phone"]
    stranger = await arrive(client, identity=identity(sub="user-2"))
    assert stranger.session["messages"] == []


async def test_a_claimed_address_opens_nothing(client: httpx.AsyncClient) -> None:
    owner = await arrive(client, identity=identity(email="ada@example.com"))
    await owner.say("my secret")
    other = await arrive(client, identity=identity(sub="user-2", email="ada@example.com", phone="+491"))
    assert other.session["messages"] == []
    assert other.session["conversation_id"] != owner.session["conversation_id"]
