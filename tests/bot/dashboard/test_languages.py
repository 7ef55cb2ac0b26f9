"""The dashboard in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from bot.dashboard.catalogue import extracted
from bot.languages import COOKIE, LOCALE, SOURCE, languages
from bot.store import Store
from channels.website import FILE_LIMIT
from tests.office import office
from tests.processes import ROOT

# What is refused in words that another place has, which the catalogues know from there.
_FROM_ELSEWHERE = {
    "bot/api/approvals.py: why",
    "bot/api/attachments.py: why['message']",
    "bot/api/conversations.py: error.why",
}
_FIELDS = re.compile(r"%(?:\((\w+)\))?[sd]")


@pytest.mark.parametrize("code", [code for code in languages() if code != SOURCE])
def test_everything_said_is_translated_with_its_values(code: str) -> None:
    with (LOCALE / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    said = {each.id for each in extracted() if each.id}
    assert said == {each.id for each in catalogue if each.id}, "run `make words`"
    for each in catalogue:
        if each.id:
            assert _values(each, each.string) == _values(each, each.id), each.id


def _values(message: Message, text: object) -> list[set[str]]:
    forms = [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload]
    assert all(forms), f"{message.id} has no translation; `make words` lists what is missing"
    return [set(_FIELDS.findall(form)) for form in forms]


def _refusals() -> Iterator[tuple[str, str]]:
    """Every refusal in the code: its words, or the place they come from where they do not stand in it."""
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refusal":
                match node.args[2]:
                    case ast.Constant(value=str(text)):
                        yield text, ""
                    case other:
                        yield "", f"{path.relative_to(ROOT)}: {ast.unparse(other)}"


def test_the_catalogues_have_whatever_is_refused() -> None:
    refusals = list(_refusals())
    said = {each.id for each in extracted() if each.id}
    assert {text for text, _ in refusals if text} <= said
    assert {place for _, place in refusals if place} == _FROM_ELSEWHERE


async def test_what_is_refused_is_told_in_the_readers_language(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        made = (await ada.post("/api/tokens", json={"name": "CRM"})).json()
        program = place.browser(authorization=f"Bearer {made['token']}")
        at, blank, gone = (
            "/api/canned",
            {"name": "x", "text": " "},
            {"ids": ["conv_0123456789"], "act": "resolve"},
        )

        async def told(by: httpx.AsyncClient, **headers: str) -> list[str]:
            refused = (await by.post(at, json=blank, headers=headers)).json()["error"]
            assert (refused["code"], refused["field"]) == ("empty", "text")
            answer = await by.post("/api/conversations/bulk", json=gone, headers=headers)
            long = await by.post(at, json={"name": "x", "text": "x" * 90_000}, headers=headers)
            return [
                refused["message"],
                answer.json()["results"][0]["error"]["message"],
                long.json()["error"]["message"],
            ]

        english = await told(program)
        assert english[:2] == ["write something first", "there is no such conversation"]
        assert re.fullmatch(r"at most \d+ characters", english[2])
        assert await told(ada) == english
        german = await told(ada, **{"accept-language": "de-AT, en;q=0.5"})
        assert german[:2] == ["schreiben Sie zuerst etwas", "nicht (mehr) vorhanden: Gespräch"]
        assert re.fullmatch(r"höchstens \d+ Zeichen", german[2])
        assert await told(program) == english
        ada.cookies.set(COOKIE, "de")
        assert await told(ada, **{"accept-language": "en"}) == german


async def test_a_file_is_refused_in_the_readers_language(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor, grace = await place.visitor("Hello"), await place.operator()
        at = f"/api/conversations/{visitor.conversation_id}/attachments"
        german = {"accept-language": "de"}

        async def told(content: bytes) -> str:
            file = ("a.png", content, "image/png")
            refused = await grace.post(at, files={"file": file}, headers=german)
            return f"{refused.status_code} {refused.json()['error']['message']}"

        broken = await grace.post(at, content=b"x", headers=german | {"content-type": "multipart/form-data"})
        assert broken.status_code == 400
        assert await told(b"<html>") == "415 hier lassen sich Bilder, PDF und reiner Text senden"
        assert await told(b"x" * (FILE_LIMIT + 1)) == "413 hier lassen sich Dateien bis 10 MB senden"


async def test_a_page_of_trouble_speaks_the_readers_language(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        reader = place.browser(accept="text/html", **{"accept-language": "de"})
        page = await reader.get("/dashboard/nowhere/at/all")
    assert page.status_code == 404
    assert '<html lang="de">' in page.text
    assert "Diese Seite gibt es nicht" in page.text
    assert "Zurück zum Dashboard" in page.text
    assert "Accept-Language" in page.headers["vary"]


@pytest.mark.parametrize(
    ("accept", "cookie", "spoken"),
    [
        ("", "", "en"),
        ("de-AT,de;q=0.9,en;q=0.5", "", "de"),
        ("en;q=0.3, de;q=0.8", "", "de"),
        ("xx, fr;q=0.9, *;q=0.1", "", "en"),
        ("de;q=0, en", "", "en"),
        ("de;q=nonsense", "", "en"),
        ("de", "en", "en"),
        ("en", "de", "de"),
        ("de", "../../etc", "de"),
    ],
)
async def test_pages_speak_the_readers_language(
    accept: str, cookie: str, spoken: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        browser = place.browser(**{"accept-language": accept})
        if cookie:
            browser.cookies.set(COOKIE, cookie)
        page = await browser.get("/dashboard/sign-in")
        assert f'<html lang="{spoken}">' in page.text
        assert page.headers["content-language"] == spoken
        assert ("Anmelden" if spoken == "de" else "Sign in") in page.text
        words = await browser.get("/dashboard/static/catalogue.js")
        assert ("Verbindet sich neu" in words.text) == (spoken == "de")


async def test_a_name_in_a_translated_sentence_runs_nothing(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator(name="<b>Grace</b>")
        at = f"/conversations/{visitor.conversation_id}"
        assert (await grace.post(f"/api{at}/take")).status_code == 200
        page = await grace.get(f"/dashboard{at}?tab=waiting", headers={"accept-language": "de"})
    assert "jetzt bei &lt;b&gt;Grace&lt;/b&gt;" in page.text
    assert "<b>Grace</b>" not in page.text
