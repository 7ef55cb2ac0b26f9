"""The dashboard in the reader's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from bot.dashboard.catalogue import extracted
from bot.dashboard.languages import COOKIE, LOCALE, SOURCE, languages
from bot.store import Store
from tests.office import office

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
