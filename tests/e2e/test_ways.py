"""By which channel an operator answers: the window counts down, an approved template after it, or mail."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.doubles.twilio import Twilio
from tests.e2e.desk import EMAIL, TRIPWIRE, act, listening, sign_in, thread
from tests.postoffice import PostOffice, parts, post_office
from tests.processes import Switchboard, switchboard, until

pytestmark = pytest.mark.slow  # a mail server, a Twilio and a house of its own

T = TypeVar("T")
ADA = "whatsapp:+4915112345678"
MAIL = "ada@customer.example"
NOBODY = "http://127.0.0.1:1"  # what Twilio signs for; it posts to the house itself
UPDATE, PARCEL = "HX" + "1" * 32, "HX" + "2" * 32
TEXTS = {
    UPDATE: "Hello {{1}}, about your question: {{2}} Write back any time.",
    PARCEL: "Good news, {{1}}: your parcel {{2}} is on its way.",
}
BOT = f"""
[email]
authserv_id = "mx.northwind.example"
[whatsapp]
template = "update"
[whatsapp.templates.update]
sid = "{UPDATE}"
language = "en"
text = "{TEXTS[UPDATE]}"
variables = {{ "1" = "{{name}}", "2" = "{{text}}" }}
labels = {{ "1" = "Name", "2" = "Our answer" }}
[whatsapp.templates."Parcel has left"]
sid = "{PARCEL}"
text = "{TEXTS[PARCEL]}"
variables = {{ "1" = "{{name}}" }}
labels = {{ "1" = "Name", "2" = "Parcel number" }}
"""


class Line:
    """A Twilio whose events are seen to beside the test, which blocks."""

    def __init__(self) -> None:
        self.twilio = Twilio(public_url=NOBODY)
        self.twilio.templates |= TEXTS
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @contextlib.contextmanager
    def open(self) -> Iterator[Line]:
        self._thread.start()
        self.do(self.twilio.start())
        yield self
        self.do(self.twilio.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(kw_only=True)
class Shop:
    house: Switchboard
    line: Line
    office: PostOffice
    password: str

    def window(self, seconds: float) -> None:
        """Free text reaches people on WhatsApp for so long."""
        path = self.house.data_dir / "switchboard.db"
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as store:
            ends = int((time.time() + seconds) * 1e6)
            store.execute("UPDATE identities SET window_until = ? WHERE channel = 'whatsapp'", (ends,))
            store.commit()


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("ways")
    (folder / "bot.toml").write_text(BOT)
    with Line().open() as line, post_office() as office:
        settings = {
            **line.twilio.settings,
            **office.settings(),
            "BOT_CONFIG": str(folder / "bot.toml"),
            "PUBLIC_URL": NOBODY,
        }
        with switchboard(folder, settings=settings) as house:
            line.twilio.webhooks[:] = [house.url]
            password = house.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]
            yield Shop(house=house, line=line, office=office, password=password)


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """Grace's browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.add_init_script(TRIPWIRE)
    page = context.new_page()
    sign_in(page, shop.house, shop.password)
    yield page
    assert page.evaluate("tripped") == []
    context.close()


def test_a_template_after_the_window_and_mail_instead(page: Page, shop: Shop) -> None:
    twilio = shop.line.twilio
    ada = twilio.customer(ADA, "Ada")
    shop.line.do(ada.write("Where is my parcel?"))
    proof = f"mx.northwind.example; dmarc=pass header.from={MAIL.partition('@')[2]}"
    shop.office.write("Where is it?", sender=f"Ada <{MAIL}>", authentication_results=proof)
    known = f"SELECT contact_id FROM identities WHERE address = '{MAIL}' AND verified"
    until(lambda: shop.house.rows(known), 60, "Ada's mail")
    found = shop.house.rows("SELECT id, contact_id FROM conversations WHERE channel = 'whatsapp'")
    at = f"{shop.house.url}/dashboard/conversations/{found[0]['id']}"

    # While the window is open its end is counted down, and nothing is asked.
    shop.window(7200.5)
    page.goto(at)
    act(page, "Take over")
    expect(page.locator("#head .status")).to_contain_text("you")
    windows = page.locator("#windows")
    expect(windows).to_contain_text(re.compile(r"Free replies for another (2 h 0|1 h 5\d) min"))
    box = page.get_by_role("group", name="Approved template")
    expect(box).to_be_hidden()
    reply = page.get_by_role("textbox", name="Reply", exact=True)

    # After it templates are offered, and what was typed stays.
    reply.fill("It is at the <b>post office</b>,\nuntil Friday.")
    shop.window(-1)
    page.reload()
    expect(box).to_be_visible()
    expect(windows).to_contain_text("only an approved template reaches them")
    expect(reply).to_have_value("It is at the <b>post office</b>,\nuntil Friday.")
    preview = box.get_by_role("group", name="As they will read it")
    words = "It is at the <b>post office</b>, until Friday."
    first = f"Hello Ada, about your question: {words} Write back any time."
    expect(preview).to_have_text(first)

    # Another one: what is missing is told, and survives a reload.
    box.get_by_label("Template").select_option("Parcel has left")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Fill in “Parcel number” first.")
    box.get_by_label("Parcel number").fill("A 17")
    page.reload()
    listening(page)
    second = "Good news, Ada: your parcel A 17 is on its way."
    expect(preview).to_have_text(second)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(thread(page).locator(".message.operator").last).to_contain_text(second)
    expect(thread(page).locator(".message.operator").last).to_contain_text("Parcel has left")
    expect(thread(page).locator(".message.operator .delivery").last).to_have_text("Delivered")
    expect(reply).to_have_value("It is at the <b>post office</b>,\nuntil Friday.")

    # And the first, with the text that was in the box all the time.
    box.get_by_label("Template").select_option("update")
    expect(preview).to_have_text(first)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(thread(page).locator(".message.operator").last).to_contain_text(first)
    expect(thread(page).locator(".message.operator .delivery").last).to_have_text("Delivered")
    expect(reply).to_have_value("")
    told = [each for each in twilio.sent if each.content_sid]
    assert [(each.content_sid, each.content_variables) for each in told] == [
        (PARCEL, {"1": "Ada", "2": "A 17"}),
        (UPDATE, {"1": "Ada", "2": words}),
    ]
    assert [each.body for each in told] == [second, first]

    # Mail instead, once it is known that the address is theirs.
    mailed = shop.house.rows(known)[0]["contact_id"]
    merged = page.evaluate(
        """async ([into, from]) => (await fetch(`/api/contacts/${into}/merge`, {method: 'POST',
            headers: {'Content-Type': 'application/json',
                'X-CSRF-Token': document.querySelector('meta[name=csrf-token]').content},
            body: JSON.stringify({contact_id: from})})).status""",
        [found[0]["contact_id"], mailed],
    )
    assert merged == 200
    page.reload()
    listening(page)
    page.get_by_label("By", exact=True).select_option("email")
    expect(box).to_be_hidden()
    expect(windows).not_to_contain_text("template", use_inner_text=True)
    reply.fill("We have written to you on WhatsApp as well.")
    page.get_by_role("button", name="Send", exact=True).click()
    last = thread(page).locator(".message.operator").last
    expect(last).to_contain_text("We have written to you on WhatsApp as well.")
    expect(last.locator(".delivery")).to_have_text("Sent")
    assert "We have written to you on WhatsApp as well." in parts(shop.office.answers(1, to=MAIL)[-1])[1]
    assert len([each for each in twilio.sent if each.content_sid]) == 2


def test_the_window_ends_before_the_operators_eyes(page: Page, shop: Shop) -> None:
    bob = shop.line.twilio.customer("whatsapp:+4915112345679", "Bob")
    shop.line.do(bob.write("Do you sell skis?"))
    rows = "SELECT conversation_id FROM messages WHERE text = 'Do you sell skis?'"
    conversation_id = shop.house.rows(rows)[0]["conversation_id"]
    shop.window(20)
    page.goto(f"{shop.house.url}/dashboard/conversations/{conversation_id}")
    box = page.get_by_role("group", name="Approved template")
    expect(box).to_be_visible(timeout=40_000)
    expect(page.locator("#head .window")).to_contain_text("is over")
    shop.line.do(bob.write("Still there?"))
    expect(box).to_be_hidden()
    expect(page.locator("#windows")).to_contain_text(re.compile(r"Free replies for another 23 h 5\d min"))
