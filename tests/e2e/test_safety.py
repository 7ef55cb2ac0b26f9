"""What the widget must never do: run what was written to it, tell the token, call elsewhere, weigh much."""

from __future__ import annotations

import gzip
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, expect

from tests.e2e.browser import Chat, visit
from tests.e2e.desk import TRIPWIRE
from tests.e2e.elsewhere import answer, page_with, question
from tests.processes import ROOT, Switchboard

pytestmark = pytest.mark.slow  # corpora in a browser take minutes

# What the widget copies, and what it builds itself.
ALLOWED = (
    "a|b|blockquote|br|code|del|em|h4|hr|i|li|ol|p|pre|s|span|strong|sub|sup|table|tbody|td|th|thead|tr|u|ul"
    "|div|bdi|button|small|svg|path|img"
)
LEFT_OVER = """shadow => {
    const wrong = [];
    for (const node of shadow.querySelectorAll('[role=log] *')) {
        if (!/^(ALLOWED)$/.test(node.localName)) wrong.push(node.localName);
        for (const {name, value} of node.attributes) {
            if (/^on|^style$|^srcdoc$|^xlink/.test(name)) wrong.push(name);
            if (/^(href|src)$/.test(name) && !/^(https?:|mailto:|tel:|blob:)/.test(value)) wrong.push(value);
        }
    }
    return wrong;
}""".replace("ALLOWED", ALLOWED)


def hostile(folder: Path) -> Iterator[str]:
    """Every payload of the three collections."""
    for case in json.loads((folder / "xss-dompurify" / "expect.json").read_text()):
        yield case["payload"]
    for path in sorted((folder / "xss-bleach" / "tests" / "data").glob("*.test")):
        yield path.read_text()
    sheet = (folder / "xss-owasp" / "cheatsheets" / "XSS_Filter_Evasion_Cheat_Sheet.md").read_text()
    for block in re.findall(r"```\w*\n(.*?)```", sheet, re.DOTALL):
        yield block
        yield from block.splitlines()


def test_nothing_hostile_ever_runs(context: BrowserContext, house: Switchboard, corpora: Path) -> None:
    payloads = list(dict.fromkeys(hostile(corpora)))
    assert len(payloads) > 200
    context.add_init_script(TRIPWIRE)
    calls: list[str] = []
    context.on("request", lambda request: calls.append(request.url))
    arriving = [answer(text=each, html=each) for each in payloads]
    arriving += [
        answer(
            text=each,
            author={"kind": "operator", "name": each},
            citations=[{"title": each, "url": each, "quote": each}, {"title": each, "url": "", "quote": ""}],
            attachments=[
                {"key": str(number), "name": each, "media_type": "text/html", "size": 1, "url": each[:200]}
            ],
        )
        for number, each in enumerate(payloads)
    ]
    arriving += [question(each) for each in payloads]
    chat = page_with(context, house, arriving=arriving).open()
    expect(chat.questions).to_have_count(len(payloads), timeout=30_000)
    expect(chat.answers).to_have_count(2 * len(payloads))
    for _ in range(3):  # give what loads late the chance to
        chat.page.evaluate("new Promise(requestIdleCallback)")
    assert chat.page.evaluate("tripped") == []
    assert chat.shadow(LEFT_OVER) == []
    assert {url for url in calls if not url.startswith(house.url)} == set()


def test_what_is_being_written_is_never_markup(chat: Chat, corpora: Path) -> None:
    chat.page.evaluate(TRIPWIRE)
    payloads = [each[:500] for each in hostile(corpora)][:120]
    frames = "".join(
        f"event: delta\ndata: {json.dumps({'turn_id': f't{number}', 'text': each, 'offset': 0})}\n\n"
        for number, each in enumerate(payloads)
        if each
    )
    chat.page.route(
        "**/api/web/events*", lambda route: route.fulfill(content_type="text/event-stream", body=frames)
    )
    chat.page.reload()
    chat.page.evaluate(TRIPWIRE)
    chat.open()
    expect(chat.being_written).not_to_have_count(0)
    assert chat.page.evaluate("tripped") == []
    assert chat.shadow(LEFT_OVER) == []


def test_good_markup_is_shown_as_it_is(context: BrowserContext, house: Switchboard) -> None:
    html = (
        '<h2>Sizes</h2><p>See <a href="https://shop.example/x" onclick="alert(1)">the <b>page</b></a>, '
        '<a href="javascript:alert(1)">not this</a>.</p><ol start="3"><li>three</li></ol>'
        "<table><thead><tr><th>EU</th></tr></thead><tbody><tr><td>42</td></tr></tbody></table>"
        "<img src=x onerror=alert(1)><custom-one>kept words</custom-one>"
    )
    chat = page_with(context, house, arriving=[answer(html=html)]).open()
    shown = chat.answers.evaluate("bubble => bubble.innerHTML")
    assert shown == (
        '<h4>Sizes</h4><p>See <a href="https://shop.example/x" target="_blank" '
        'rel="noopener noreferrer nofollow">the <b>page</b></a>, <span>not this</span>.</p>'
        '<ol start="3"><li>three</li></ol><table><thead><tr><th>EU</th></tr></thead>'
        "<tbody><tr><td>42</td></tr></tbody></table>kept words"
    )


def test_the_token_never_stands_in_an_address_and_nobody_else_is_called(
    context: BrowserContext, house: Switchboard
) -> None:
    calls: list[str] = []
    context.on("request", lambda request: calls.append(f"{request.url} {request.headers.get('referer')}"))
    chat = visit(context, house.url).open()
    chat.ask("How long can I return things?")
    chat.expect_answers(1)
    token = chat.page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    assert len(token) > 20
    assert not [call for call in calls if token in call]
    assert not [call for call in calls if not call.startswith((house.url, "data:", "blob:"))]


def test_the_demo_page_keeps_its_own_strict_policy(context: BrowserContext, house: Switchboard) -> None:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    chat = visit(context, house.url)
    chat.page.get_by_role("button", name="What are Trailmates points?").click()
    chat.expect_answers(1)
    assert complaints == []
    with urllib.request.urlopen(house.url) as page:
        policy = page.headers["content-security-policy"]
    assert "'unsafe" not in policy
    assert "script-src 'self'" in policy


def test_the_widget_weighs_less_than_twenty_kilobytes(house: Switchboard) -> None:
    request = urllib.request.Request(f"{house.url}/widget.js", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answered:
        content: bytes = answered.read()
        compressed = answered.headers["content-encoding"] == "gzip"
    assert len(content if compressed else gzip.compress(content)) < 20_000


def test_the_widget_is_one_file_that_needs_no_other() -> None:
    source = (ROOT / "channels" / "widget" / "widget.js").read_text()
    assert not re.findall(r"^\s*(?:import|export)\b|\bimport\(", source, re.MULTILINE)
    assert not re.findall(r"\.(?:innerHTML|outerHTML|insertAdjacentHTML)\b|document\.write|\beval\(", source)


@pytest.mark.parametrize("where", ["text", "html"])
def test_deeply_nested_markup_does_not_stop_the_page(
    context: BrowserContext, house: Switchboard, where: str
) -> None:
    heavy: dict[str, Any] = {where: "<b><i>" * 15_000 + "end"}
    chat = page_with(context, house, arriving=[answer(**heavy), answer(text="Still here")]).open()
    expect(chat.answers.last).to_have_text("Still here")
