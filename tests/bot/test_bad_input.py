"""Whatever is thrown at the website's door: the right status, a clear error, and nothing kept."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest

from bot.store import Store
from tests.front import front, served

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
MEGABYTE = "x" * 2**20


@dataclass(kw_only=True)
class Door:
    """The website as anybody reaches it, with one visitor's token."""

    http: httpx.AsyncClient
    token: str
    cursor: str
    path: Path
    files: Path

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, content: bytes, **headers: str) -> httpx.Response:
        return await self.http.post("/api/web/messages", content=content, headers=self.bearer | headers)

    def kept(self) -> Mapping[str, int]:
        """How much there is of everything a visitor can leave behind."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            tables = ("messages", "attachments", "ratings", "events", "turns")
            counted = {
                table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables
            }
        return counted | {"files": len(list(self.files.glob("*")))}

    @contextlib.contextmanager
    def nothing_is_kept(self) -> Iterator[None]:
        before = self.kept()
        yield
        assert self.kept() == before


@pytest.fixture
async def door(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    store = await Store.open(sqlite_url)
    try:
        async with front(store, folder=tmp_path) as house, served(house) as http:
            session = (await http.post("/api/web/session", json={})).json()
            yield Door(
                http=http,
                token=session["token"],
                cursor=session["cursor"],
                path=Path(sqlite_url.removeprefix("sqlite:///")),
                files=tmp_path / "files",
            )
    finally:
        await store.close()


async def stranger(door: Door) -> Door:
    """Somebody else at the same door."""
    session = (await door.http.post("/api/web/session", json={})).json()
    return Door(
        http=door.http, token=session["token"], cursor=session["cursor"], path=door.path, files=door.files
    )


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    """An error in the contract's shape, which tells nothing of our inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert (error["code"], error.get("field")) == (code, field)
    assert error["message"]
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 422, "missing", "client_id"),
        (b"{", 400, "not_json", None),
        (b"null", 400, "not_an_object", None),
        (b'["a"]', 400, "not_an_object", None),
        (b"client_id=a&text=hello", 400, "not_json", None),
        (b'{"client_id":"a","text":"caf\xe9"}', 400, "not_json", None),
        (b'{"client_id":"a","text":"\\ud800"}', 400, "not_json", None),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "not_json", None),
        (b'{"text":"hello"}', 422, "missing", "client_id"),
        (b'{"client_id":7,"text":"hello"}', 422, "invalid", "client_id"),
        (b'{"client_id":"","text":"hello"}', 422, "empty", "client_id"),
        (b'{"client_id":"a b","text":"hello"}', 422, "invalid", "client_id"),
        (b'{"client_id":"../a","text":"hello"}', 422, "invalid", "client_id"),
        (b'{"client_id":"%s","text":"hello"}' % (b"a" * 101), 422, "invalid", "client_id"),
        (b'{"client_id":"a"}', 422, "missing", "text"),
        (b'{"client_id":"a","text":null}', 422, "missing", "text"),
        (b'{"client_id":"a","text":["hello"]}', 422, "invalid", "text"),
        (b'{"client_id":"a","text":""}', 422, "empty", "text"),
        (b'{"client_id":"a","text":" \\n\\t "}', 422, "empty", "text"),
        (b'{"client_id":"a","text":"\\u0000"}', 422, "empty", "text"),
        (b'{"client_id":"a","text":"%s"}' % (b"x" * 8001), 413, "too_long", "text"),
        (b'{"client_id":"a","text":"hello","attachments":"k"}', 422, "invalid", "attachments"),
        (b'{"client_id":"a","text":"hello","attachments":[1]}', 422, "invalid", "attachments"),
        (b'{"client_id":"a","text":"hello","attachments":["none-of-mine"]}', 422, "invalid", "attachments"),
        (
            b'{"client_id":"a","text":"hello","attachments":[%s]}' % b",".join([b'"k"'] * 11),
            422,
            "too_many",
            "attachments",
        ),
    ],
)
async def test_a_message_that_is_none_is_refused_and_not_kept(
    door: Door, body: bytes, status: int, code: str, field: str | None
) -> None:
    with door.nothing_is_kept():
        refused(await door.post(body), status, code, field)


async def test_a_megabyte_is_refused_unread_however_it_is_sent(door: Door) -> None:
    body = ('{"client_id":"a","text":"%s"}' % MEGABYTE).encode()  # noqa: UP031

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    with door.nothing_is_kept():
        refused(await door.post(body), 413, "too_large")
        answer = await door.http.post("/api/web/messages", content=in_pieces(), headers=door.bearer)
        refused(answer, 413, "too_large")
        refused(await door.http.post("/api/web/session", content=body), 413, "too_large")


_FORGED = [
    "",
    "Bearer",
    "Bearer x",
    "Bearer a.b.c",
    "Basic dXNlcjpwYXNz",
    f"Bearer {jwt.encode({'sub': 'v', 'aud': 'switchboard-visitor'}, 'k' * 40, algorithm='HS256')}",
    f"Bearer {jwt.encode({'sub': 'v', 'aud': 'switchboard-visitor'}, None, algorithm='none')}",
    "Bearer " + "A" * 20_000,
]
_DOORS = [
    ("POST", "/api/web/messages"),
    ("GET", "/api/web/events"),
    ("POST", "/api/web/typing"),
    ("POST", "/api/web/read"),
    ("POST", "/api/web/rating"),
    ("POST", "/api/web/handoff"),
    ("POST", "/api/web/attachments"),
    ("GET", "/api/web/attachments/0123456789abcdef"),
]


@pytest.mark.parametrize("authorization", _FORGED)
async def test_without_a_token_of_ours_no_door_opens(door: Door, authorization: str) -> None:
    with door.nothing_is_kept():
        for method, path in _DOORS:
            answer = await door.http.request(
                method,
                f"{path}?token={door.token}&after={door.cursor}",
                headers={"Authorization": authorization} if authorization else {},
                json={"client_id": "a", "text": "hello"} if method == "POST" else None,
            )
            refused(answer, 401, "no_token" if not authorization.startswith("Bearer ") else "bad_token")


async def test_every_changed_byte_of_a_token_breaks_it(door: Door) -> None:
    # Not the very last character: of a signature's it carries bits that mean nothing.
    for place in range(0, len(door.token) - 1, 7):
        other = "A" if door.token[place] != "A" else "B"
        changed = f"{door.token[:place]}{other}{door.token[place + 1 :]}"
        answer = await door.http.post(
            "/api/web/read", json={"seq": 0}, headers={"Authorization": f"Bearer {changed}"}
        )
        refused(answer, 401, "bad_token")


async def test_another_visitors_file_can_be_neither_read_nor_sent(door: Door) -> None:
    uploaded = await door.http.post(
        "/api/web/attachments", files={"file": ("a.png", PNG, "image/png")}, headers=door.bearer
    )
    file = uploaded.json()["attachment"]
    other = await stranger(door)
    with door.nothing_is_kept():
        refused(await door.http.get(file["url"], headers=other.bearer), 404, "not_found")
        body = b'{"client_id":"a","text":"mine now","attachments":["%s"]}' % file["key"].encode()
        refused(await other.post(body), 422, "invalid", "attachments")
    assert (await door.http.get(file["url"], headers=door.bearer)).content == PNG


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_another_visitors_cursor_shows_nothing(door: Door, accept: str) -> None:
    answer = await door.post(b'{"client_id":"a","text":"my secret"}')
    assert answer.status_code == 202
    other = await stranger(door)
    for cursor in (door.cursor, "0", "x.1", "'; DROP TABLE events; --", "9" * 400, "..", f"{door.cursor}0"):
        answer = await door.http.get(
            "/api/web/events", params={"after": cursor}, headers=other.bearer | {"Accept": accept}
        )
        refused(answer, 400, "bad_cursor", "after")
        assert "my secret" not in answer.text


async def test_another_visitors_client_id_is_nobodys_repeat(door: Door) -> None:
    mine = await door.post(b'{"client_id":"a","text":"mine"}')
    other = await stranger(door)
    theirs = await other.post(b'{"client_id":"a","text":"theirs"}')
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert theirs.json()["message"]["text"] == "theirs"
    assert theirs.json()["message"]["conversation_id"] != mine.json()["message"]["conversation_id"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "<svg/onload=alert(1)>",
        "[click](javascript:alert(1))",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "</p><iframe src=//evil.example></iframe>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<style>*{display:none}</style><form action=//evil.example><input name=password>",
        "\u202e<b>reversed</b>\u200b",
    ],
)
async def test_hostile_markup_is_kept_as_text_and_shown_as_text(door: Door, text: str) -> None:
    answer = await door.http.post(
        "/api/web/messages", json={"client_id": "a", "text": text}, headers=door.bearer
    )
    message = answer.json()["message"]
    assert message["text"] == text
    bare = message["html"].removeprefix("<p>").removesuffix("</p>").replace("<br>", "").replace("<br />", "")
    assert "<" not in bare
    assert "javascript:" not in message["html"] or "href" not in message["html"]


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (("page.html", b"<script>alert(1)</script>", "text/html"), 415, "type"),
        (("image.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"), 415, "type"),
        (("image.png", b"<script>alert(1)</script>", "image/png"), 415, "type"),
        (("archive.zip", b"PK\x03\x04", "application/zip"), 415, "type"),
        (("huge.txt", b"x" * (10 * 2**20 + 1), "text/plain"), 413, "too_large"),
        (("larger.txt", b"x" * (11 * 2**20), "text/plain"), 413, "too_large"),
    ],
    ids=["html", "svg", "not-a-png", "zip", "a-byte-too-many", "far-too-many"],
)
async def test_a_file_that_may_not_be_sent_is_not_kept(
    door: Door, file: tuple[str, bytes, str], status: int, code: str
) -> None:
    with door.nothing_is_kept():
        answer = await door.http.post("/api/web/attachments", files={"file": file}, headers=door.bearer)
        refused(answer, status, code, "file")


async def test_an_upload_that_is_no_form_is_not_kept(door: Door) -> None:
    upload = "/api/web/attachments"
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    with door.nothing_is_kept():
        refused(await door.http.post(upload, json={"file": "a"}, headers=door.bearer), 422, "invalid", "file")
        refused(await door.http.post(upload, data={"file": "a"}, headers=door.bearer), 422, "invalid", "file")
        answer = await door.http.post(upload, content=b"--y\r\nnothing", headers=door.bearer | broken)
        assert answer.status_code in {400, 422}
        assert answer.json()["error"]["code"] in {"bad_request", "invalid"}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00b.png", "\u200b.htaccess", "C:\\x\\y.png", "." * 300]
)
async def test_a_hostile_file_name_is_only_ever_a_label(door: Door, name: str) -> None:
    answer = await door.http.post(
        "/api/web/attachments", files={"file": (name, PNG, "image/png")}, headers=door.bearer
    )
    assert answer.status_code == 201
    kept = answer.json()["attachment"]
    assert not set(kept["name"]) & set("/\\\0\u200b")
    assert [path.name for path in door.files.iterdir()] == [kept["key"]]
    read = await door.http.get(kept["url"], headers=door.bearer)
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("seq", [-1, 1.5, True, "1", None, 2**53, [1]])
async def test_only_a_seq_can_be_read(door: Door, seq: object) -> None:
    answer = await door.http.post("/api/web/read", json={"seq": seq}, headers=door.bearer)
    refused(answer, 422, "invalid", "seq")


@pytest.mark.parametrize("score", [0, 6, -1, 4.5, True, "5", None])
async def test_only_one_to_five_is_a_rating(door: Door, score: object) -> None:
    await door.post(b'{"client_id":"a","text":"hello"}')
    answer = await door.http.post("/api/web/rating", json={"score": score}, headers=door.bearer)
    refused(answer, 422, "invalid", "score")
    assert door.kept()["ratings"] == 0


async def test_nul_is_refused_whatever_the_database(store: Store, tmp_path: Path) -> None:
    async with front(store, folder=tmp_path) as house, served(house) as http:
        session = (await http.post("/api/web/session", json={})).json()
        bearer = {"Authorization": f"Bearer {session['token']}"}
        for after in ("%00.1", "%00", f"{session['cursor']}%00", f"%00{session['cursor']}"):
            answer = await http.get(f"/api/web/events?after={after}", headers=bearer)
            refused(answer, 400, "bad_cursor", "after")
        for key in ("%00", "a%00b"):
            answer = await http.get(f"/api/web/attachments/{key}", headers=bearer)
            refused(answer, 404, "not_found")
        body = {"client_id": "a", "text": "hello", "attachments": ["\x00"]}
        answer = await http.post("/api/web/messages", headers=bearer, json=body)
        refused(answer, 422, "invalid", "attachments")


async def test_ways_that_lead_nowhere_say_so_in_json(door: Door) -> None:
    refused(await door.http.get("/api/web/nothing"), 404, "not_found")
    refused(await door.http.get("/api/web/messages"), 405, "method_not_allowed")
    refused(await door.http.delete("/api/web/session"), 405, "method_not_allowed")
    refused(await door.http.get("/nowhere/../../etc/passwd"), 404, "not_found")


async def test_a_flood_of_one_visitor_is_told_to_wait_and_nobody_else_is(door: Door) -> None:
    statuses = []
    for number in range(40):
        answer = await door.post(b'{"client_id":"c%d","text":"again"}' % number)
        statuses.append(answer.status_code)
    assert 429 in statuses
    assert int(answer.headers["retry-after"]) >= 1
    refused(answer, 429, "too_many")
    assert door.kept()["messages"] == statuses.count(202)
    other = await stranger(door)
    assert (await other.post(b'{"client_id":"a","text":"hello"}')).status_code == 202


async def test_a_page_that_is_not_ours_may_not_post(sqlite_url: str, tmp_path: Path) -> None:
    store = await Store.open(sqlite_url)
    async with (
        front(store, folder=tmp_path, origins=("https://shop.example",)) as house,
        served(house) as http,
    ):
        session = (await http.post("/api/web/session", json={})).json()
        door = Door(
            http=http,
            token=session["token"],
            cursor=session["cursor"],
            path=Path(sqlite_url.removeprefix("sqlite:///")),
            files=tmp_path / "files",
        )
        with door.nothing_is_kept():
            for origin in ("https://evil.example", "null", "https://shop.example.evil.example"):
                answer = await door.post(b'{"client_id":"a","text":"hello"}', Origin=origin)
                refused(answer, 403, "foreign_origin")
        answer = await door.post(b'{"client_id":"a","text":"hello"}', Origin="https://shop.example")
        assert answer.status_code == 202
    await store.close()
