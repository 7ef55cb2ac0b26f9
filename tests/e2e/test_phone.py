"""The telephone of the Twilio double: by hand one trusts what it shows."""

from __future__ import annotations

import base64
import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.doubles.twilio_rules import ACCOUNT_SID, AUTH_TOKEN, WHATSAPP_FROM
from tests.processes import TwilioProcess, twilio_double

pytestmark = pytest.mark.slow

ADA = "whatsapp:+4915112345678"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def twilio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwilioProcess]:
    """Twilio with nobody behind the public address."""
    with twilio_double(tmp_path_factory.mktemp("twilio"), public_url="http://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def phone(browser: Browser, twilio: TwilioProcess) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(twilio.url)
    yield page
    assert not complaints
    assert "owned" not in page.title()
    context.close()


def send(twilio: TwilioProcess, text: str) -> int:
    """Send to Ada as Switchboard does; the answer's status."""
    parts = urlsplit(twilio.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    known = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    connection.request(
        "POST",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
        urlencode({"To": ADA, "From": WHATSAPP_FROM, "Body": text}),
        {"Authorization": f"Basic {known}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    return connection.getresponse().status


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def test_what_either_side_writes_is_shown_as_text(phone: Page, twilio: TwilioProcess) -> None:
    thread = phone.get_by_role("log", name="Conversation")
    write(phone, HOSTILE)
    expect(thread.locator(".mine").last).to_contain_text(HOSTILE)
    expect(thread.get_by_text("Switchboard did not answer").first).to_be_visible()
    assert send(twilio, f"*bold* _slanted_ ~gone~ `code` {HOSTILE} javascript:alert(1)") == 201
    answer = thread.locator(".theirs:not(.dots)").last
    expect(answer).to_contain_text(HOSTILE)
    for tag, words in (("strong", "bold"), ("em", "slanted"), ("s", "gone"), ("code", "code")):
        expect(answer.locator(tag)).to_have_text(words)
    expect(answer.locator(".ticks")).to_have_attribute("title", "read")
    assert answer.locator(".words img, .words script, .words a").count() == 0


def test_a_day_later_free_text_does_not_arrive_until_the_customer_writes(
    phone: Page, twilio: TwilioProcess
) -> None:
    thread = phone.get_by_role("log", name="Conversation")
    write(phone, "Hello?")
    expect(phone.get_by_text("24 h window open")).to_be_visible()
    phone.get_by_role("button", name="24 hours later").click()
    expect(phone.get_by_text("24 h window closed")).to_be_visible()
    assert send(twilio, "too late") == 201
    expect(thread.get_by_text("Not delivered: the 24 hours for free text are over (63016)")).to_be_visible()
    write(phone, "Hello again")
    expect(phone.get_by_text("24 h window open")).to_be_visible()


def test_every_kind_of_message_can_be_sent_with_a_button(phone: Page, tmp_path: Path) -> None:
    thread = phone.get_by_role("log", name="Conversation")
    phone.get_by_role("button", name="Sigrid Nordmann").click()
    for name, shown in (
        ("Picture", "img[alt='hills.png']"),
        ("Voice note", "audio"),
        ("Document", ".card:has-text('order-4711.pdf')"),
        ("Contact", ".card:has-text('Grace Hopper.vcf')"),
        ("Location", ".card:has-text('Northwind Oslo')"),
        ("STOP", ".words:has-text('STOP')"),
    ):
        phone.get_by_label("Send something else").click()
        phone.get_by_role("button", name=name, exact=True).click()
        expect(thread.locator(shown)).to_be_visible()
    expect(phone.get_by_text("stopped: nothing is sent here")).to_be_visible()
    own = tmp_path / "own.txt"
    own.write_text("mine")
    phone.locator("input[type=file]").set_input_files(own)
    expect(thread.locator(".card:has-text('own.txt')")).to_be_visible()


def test_a_twilio_that_is_told_to_fail_fails(phone: Page, twilio: TwilioProcess) -> None:
    mood = phone.get_by_label("Twilio is")
    mood.select_option("failing")
    with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
        for _ in range(50):
            if send(twilio, "again") == 500:
                break
        else:
            pytest.fail("fifty calls in a row went well")
    mood.select_option("well")
