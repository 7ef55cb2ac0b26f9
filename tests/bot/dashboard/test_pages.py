"""The dashboard's pages over HTTP: who sees them, and that nothing written by others runs in them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bot.dashboard import words
from bot.dashboard.why import explain
from bot.store import Store
from bot.store.sendings import WITHDRAWN
from bot.trace import Step, StepKind
from channels.base import Attachment, RemoteFile
from tests.doubles.orchestra import RETURNS
from tests.front import wrote
from tests.office import PASSWORD, Office, office, sign_in

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</textarea><script>alert(1)</script>",
    "{{ 7 * 7 }} {% raw %}",
    "[x](javascript:alert(1))",
    "'-alert(1)-'",
)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style" or (value or "").strip().startswith("javascript:"):
                self.bad.append(f"{tag} {name}={value}")
        if tag == "script" and not dict(attrs).get("src"):
            self.bad.append("inline script")


async def test_whoever_is_not_signed_in_signs_in_and_goes_on_where_they_wanted(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        visitor = await place.visitor("Hello?")
        browser = place.browser()
        wanted = f"/dashboard/conversations/{visitor.conversation_id}?tab=bot"
        asked = await browser.get(wanted)
        assert asked.status_code == 303
        assert parse_qs(urlsplit(asked.headers["location"]).query)["next"] == [wanted]
        wrong = await browser.post(asked.headers["location"], data={"email": email, "password": "a guess"})
        assert wrong.status_code == 401
        assert email in wrong.text
        assert "a guess" not in wrong.text
        right = await browser.post(asked.headers["location"], data={"email": email, "password": PASSWORD})
        assert right.headers["location"] == wanted
        page = await browser.get(wanted)
        assert page.status_code == 200
        assert "Hello?" in page.text


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/dashboard/\\x"]
)
async def test_signing_in_never_leads_elsewhere(target: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        form = {"email": await place.hire(), "password": PASSWORD}
        answer = await place.browser().post("/dashboard/sign-in", params={"next": target}, data=form)
        assert answer.headers["location"] == "/dashboard/conversations"


async def test_signing_out_needs_our_own_page_and_ends_the_session(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        browser = place.browser()
        csrf = (await sign_in(browser, await place.hire())).json()["csrf_token"]
        assert (await browser.post("/dashboard/sign-out")).status_code == 403
        assert (await browser.get("/dashboard/conversations")).status_code == 200
        assert (await browser.post("/dashboard/sign-out", data={"csrf": csrf})).status_code == 303
        assert (await browser.get("/dashboard/conversations")).status_code == 303


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_markup_is_text_wherever_it_stands(hostile: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor(hostile)
        await sqlite.database.change("UPDATE contacts SET name = :name", name=hostile)
        operator = await place.operator(name="Grace")
        await sqlite.database.change("UPDATE operators SET name = :name", name=hostile)
        at = f"/api/conversations/{visitor.conversation_id}"
        for kind in ("reply", "note"):
            body = {"client_id": kind, "text": hostile, "kind": kind}
            assert (await operator.post(f"{at}/messages", json=body)).status_code == 201
        for address in ("", f"/{visitor.conversation_id}"):
            page = await operator.get(f"/dashboard/conversations{address}?tab=all")
            tags = Tags()
            tags.feed(page.text)
            assert tags.bad == []
            assert tags.tags.count("img") == 1  # our own mark
            ours = re.findall(
                r'<script (?:type="module" )?src="/dashboard/static/\w+\.js"></script>', page.text
            )
            assert page.text.count("<script") == len(ours) > 0


async def test_pages_have_a_strict_policy_and_nothing_inline(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        for path in ("sign-in", "conversations", f"conversations/{visitor.conversation_id}"):
            client = place.browser() if path == "sign-in" else operator
            page = await client.get(f"/dashboard/{path}")
            assert page.status_code == 200
            policy = page.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert page.headers["cache-control"] == "no-store"
            tags = Tags()
            tags.feed(page.text)
            assert tags.bad == []
            for asset in re.findall(r'(?:src|href)="(/dashboard/static/[^"]+)"', page.text):
                assert (await client.get(asset)).status_code == 200, asset
                assert "cache-control" in (await client.get(asset)).headers


async def test_what_is_not_there_is_said_so(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        page = await operator.get("/dashboard/conversations/cnv_00000000000000000000000000")
        assert page.status_code == 404
        assert "does not exist" in page.text
        assert (await operator.get("/dashboard/static/../routes.py")).status_code == 404
        for query in ("?tab=nothing", "?page=nonsense", "?tab=all&page=1.x"):
            assert (await operator.get(f"/dashboard/conversations{query}")).status_code == 200


def row(page: str, conversation_id: str) -> str:
    """A conversation's row in the list, as it is read."""
    found = re.search(rf'id="entry-{conversation_id}".*?</a>', page, re.DOTALL)
    assert found, "it is not in the list"
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


async def test_a_list_shows_words_without_their_marks(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Is **this** mine?")
        operator = await place.operator()
        page = await operator.get("/dashboard/conversations?tab=all")
        assert "Is **this** mine?" in row(page.text, visitor.conversation_id)  # as they typed it
        long = "## Yes\n\n- *one* of `ours` [1]\n\n" + "x " * 40 + "[see here](https://x.example/" + "y" * 99
        body = {"client_id": "1", "text": long}
        await operator.post(f"/api/conversations/{visitor.conversation_id}/messages", json=body)
        page = await operator.get("/dashboard/conversations?tab=all")
        shown = row(page.text, visitor.conversation_id)
        assert "Operator: Yes one of ours x x" in shown
        assert "x see here" in shown
        assert not re.search(r"[*`#\[\]]|https", shown)


async def test_a_picture_is_seen_and_a_list_says_that_it_came(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        png, pdf = b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"

        async def bring(*files: tuple[str, bytes, str]) -> tuple[str, str]:
            """The page of a visitor who sends files without a word, and their row in the list."""
            visitor = await place.visitor()
            client = place.browser(authorization=f"Bearer {visitor.token}")
            keys = []
            for file in files:
                answer = await client.post("/api/web/attachments", files={"file": file})
                assert answer.status_code == 201, answer.text
                keys.append(answer.json()["attachment"]["key"])
            body = {"client_id": "1", "text": "", "attachments": keys}
            assert (await client.post("/api/web/messages", json=body)).status_code == 202
            page = await operator.get(f"/dashboard/conversations/{visitor.conversation_id}?tab=all")
            return page.text, row(page.text, visitor.conversation_id)

        page, listed = await bring(("tent <1>.png", png, "image/png"))
        assert '<img src="/api/conversations/' in page
        assert 'alt="tent &lt;1&gt;.png"' in page
        assert "1 picture" in listed
        assert "2 pictures" in (await bring(("a", png, "image/png"), ("b", png, "image/png")))[1]
        assert "2 files" in (await bring(("a", png, "image/png"), ("b", pdf, "application/pdf")))[1]
        page, listed = await bring(("bill.pdf", pdf, "application/pdf"))
        assert '<img src="/api/' not in page
        assert "bill.pdf" in listed


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("audio/ogg; codecs=opus", "Voice message"),
        ("image/jpeg", "Picture"),
        ("video/mp4", "Video"),
        ("application/pdf", "Document (PDF)"),
        ("text/vcard", "Contact card"),
        ("application/zip", "File"),
    ],
)
async def test_a_file_without_a_name_is_called_by_its_kind(
    media_type: str, name: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        remote = RemoteFile(url="https://provider.example/1", media_type=media_type, name="")
        sent = replace(wrote("", channel="memory"), remote=(remote,))
        recorded = await place.front.desk.take_in(sent)
        operator = await place.operator()
        address = f"/dashboard/conversations/{recorded.message.conversation_id}?tab=all"
        assert f"<bdi>{name}</bdi> <span>is being fetched…" in (await operator.get(address)).text


async def test_a_voice_message_is_heard_on_the_page(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        place.front.memory.files.append(b"OggS")
        remote = RemoteFile(url="https://provider.example/1", media_type="audio/ogg", name="")
        sent = replace(wrote("", channel="memory"), remote=(remote,))
        recorded = await place.front.desk.take_in(sent)
        await place.front.desk.fetch(recorded.message.attachments[0].key)
        operator = await place.operator()
        page = await operator.get(f"/dashboard/conversations/{recorded.message.conversation_id}?tab=all")
        (source,) = re.findall(r'<audio controls [^>]*src="([^"]+)" aria-label="Voice message"', page.text)
        heard = await operator.get(source)
        assert heard.content == b"OggS"
        assert "Voice message.og" in unquote(heard.headers["content-disposition"])
        assert "Voice message" in row(page.text, recorded.message.conversation_id)


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", "application/pdf", ""])
def test_nothing_that_may_hold_script_is_shown_as_a_picture(media_type: str) -> None:
    assert not words.is_picture(media_type)


async def test_why_an_answer_is_what_it_is_stands_there_in_words(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("How long can I return something?")
        await place.work()
        operator = await place.operator()
        thread = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        (turn,) = thread["turns"]
        page = (await operator.get(f"/dashboard/turns/{turn['id']}")).text
        essentials = " ".join(re.sub(r"<[^>]+>", " ", page.partition("Step by step")[0]).split())
        assert "Taken as A question for the help pages, in English" in essentials
        assert "Written by No model: quoted from the pages, word for word" in essentials
        assert RETURNS.quote in essentials
        assert RETURNS.title in essentials
        assert "{" not in essentials


async def test_a_conversation_that_is_open_stays_in_the_list(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        address = f"/dashboard/conversations/{visitor.conversation_id}?tab=unassigned"
        assert "now with" not in row((await operator.get(address)).text, visitor.conversation_id)
        await operator.post(f"/api/conversations/{visitor.conversation_id}/take", json={})
        assert "now with Grace" in row((await operator.get(address)).text, visitor.conversation_id)
        listed = await operator.get("/dashboard/conversations?tab=unassigned")
        assert visitor.conversation_id not in listed.text


def step(kind: StepKind, name: str, **given: Any) -> Step:
    return Step(kind=kind, name=name, **{"status": "ok"} | given)


async def test_what_was_not_as_it_should_be_is_said_in_words(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("How long can I return something?")
        await place.work()
        operator = await place.operator()
        thread = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        turn = await sqlite.turns.get(thread["turns"][0]["id"])
    assert turn is not None
    steps = (
        step("route", "message", output={"kind": "person", "language": "de"}),
        step("knowledge", "lookup", output={"degraded": True, "nearest": [{"title": "Returns", "url": ""}]}),
        step("model", "small", status="failed", error="it rests", tokens_in=1200),
        step("fallback", "large", input={"reason": "the model before it failed"}),
        step("model", "large", output={"removed": ["https://evil.example"]}, tokens_in=900, tokens_out=12),
    )
    why = explain(replace(turn, steps=steps), [])
    assert why.taken_as == "A wish to speak to a person, in German"
    asked = step("route", "message", output={"kind": "question", "language": "en"})
    routed = step("route", "intent", output={"intent": "refund", "language": "en"})
    plan = step("route", "plan", output={"subtasks": []})
    why_this = explain(replace(turn, steps=(asked, routed, plan)), [])
    assert why_this.taken_as == "A question for the help pages, in English: refund"
    assert why.read == [("Returns", "")]
    assert why.written_by == "large, from the pages below"
    assert why.tokens == "2,100 in, 12 out"
    assert why.trouble == [
        "The index did not answer; its copy of the last learning was searched",
        "Model “small” failed: it rests",
        "large was asked: the model before it failed",
        "Taken out of the answer: https://evil.example",
    ]


@pytest.mark.parametrize(
    ("error", "words_for_it", "again"),
    [
        (
            "nobody can tell whether this was sent (503); ask before sending it again",
            "Perhaps delivered: nobody can tell",
            True,
        ),
        ("it is not known yet whether this was sent", "Perhaps delivered, being looked up: it is not", False),
        (None, "Perhaps delivered, being looked up<", False),
    ],
)
async def test_what_is_still_looked_up_is_not_offered_to_be_sent_again(
    error: str | None, words_for_it: str, again: bool, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        page = await page_of_sent(place, "uncertain", error)
        assert words_for_it in page
        assert ("data-again" in page) is again


async def test_what_was_withdrawn_is_said_calmly_and_may_be_sent_after_all(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        page = await page_of_sent(place, "failed", WITHDRAWN)
        assert 'data-state="withdrawn">Held back: a person took over first<' in page
        assert "Not delivered" not in page
        assert "data-again" in page


async def test_what_failed_may_be_sent_again(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        page = await page_of_sent(place, "failed", "no such number")
        assert "Not delivered: no such number" in page
        assert "data-again" in page


async def test_a_closed_window_promises_no_template(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        recorded = await place.front.desk.take_in(wrote("Hello?", channel="memory"))
        await sqlite.database.change("UPDATE identities SET window_until = 1")
        operator = await place.operator()
        page = await operator.get(f"/dashboard/conversations/{recorded.message.conversation_id}?tab=all")
        assert "free replies don’t reach them until they write" in page.text
        assert "no approved template is set up: they have to write first" in page.text
        assert "only an approved template" not in page.text


async def page_of_sent(place: Office, status: str, error: str | None) -> str:
    """The page of a conversation whose answer has come so far."""
    recorded = await place.front.desk.take_in(wrote("Hello", channel="memory"))
    await place.work()
    await place.store.database.change(
        "UPDATE deliveries SET status = :status, error = :error", status=status, error=error
    )
    operator = await place.operator()
    page = await operator.get(f"/dashboard/conversations/{recorded.message.conversation_id}?tab=all")
    return page.text


async def test_it_shows_who_wrote_from_where_and_what_a_note_is_about(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        first = await place.front.desk.take_in(
            replace(wrote("Hello", sender="zoe@home.example"), sender_name="Zoë", verified=True)
        )
        asking = replace(wrote("Me too", sender="eve@home.example"), sender_name="eve@home.example")
        note = replace(asking, wants="nothing", note=f"See {first.message.conversation_id} <b>!</b>")
        second = await place.front.desk.take_in(note)
        browser = await place.operator("Grace")
        page = (await browser.get(f"/dashboard/conversations/{first.message.conversation_id}")).text
        assert "<bdi>Zoë</bdi></b> <bdi>zoe@home.example</bdi>" in page
        assert "verified" in page
        page = (await browser.get(f"/dashboard/conversations/{second.message.conversation_id}")).text
        said = page.partition('id="messages"')[2].partition('id="composer"')[0]
        assert said.count("<bdi>eve@home.example</bdi></b>") == 1
        assert f'<a href="/dashboard/conversations/{first.message.conversation_id}">' in page
        assert "&lt;b&gt;!" in page


def test_a_files_size_is_told_as_people_say_it() -> None:
    told = [
        words.size(Attachment(key="k", name="n", media_type="t", size=n)) for n in (0, 320, 4_800, 25_000_000)
    ]
    assert told == ["0 B", "320 B", "5 KB", "25.0 MB"]
