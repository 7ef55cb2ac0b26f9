"""Mails at the desk: shown whole, safely, and without a word to anybody elsewhere until it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.desk import EMAIL, TRIPWIRE, sign_in
from tests.e2e.test_safety import hostile
from tests.postoffice import PostOffice, post_office
from tests.processes import Switchboard, switchboard, until

pytestmark = pytest.mark.slow  # a mail server and a house of its own


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture(scope="module")
def mailing(
    browser: Browser, office: PostOffice, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switchboard]:
    """`switchboard run` with a mailbox."""
    with switchboard(tmp_path_factory.mktemp("mailing"), settings=office.settings()) as running:
        yield running


@pytest.fixture(scope="module")
def password(mailing: Switchboard) -> str:
    return mailing.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]


@pytest.fixture
def desk(browser: Browser, mailing: Switchboard, password: str) -> Iterator[tuple[Page, list[str]]]:
    """Grace's browser, and what it has asked of others than us."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(TRIPWIRE)
    page, calls = context.new_page(), list[str]()
    page.on("request", lambda request: calls.append(request.url))
    sign_in(page, mailing, password)
    yield page, calls
    context.close()


def opened(page: Page, house: Switchboard, sender: str) -> None:
    """The whole mail of somebody, beside its conversation."""
    wanted = f"SELECT conversation_id FROM messages WHERE address = '{sender}' AND direction = 'in'"
    until(lambda: house.rows(wanted), 30, "the mail")
    page.goto(f"{house.url}/dashboard/conversations/{house.rows(wanted)[0]['conversation_id']}")
    page.get_by_role("button", name="The whole mail").click()


def abroad(calls: list[str], house: Switchboard) -> set[str]:
    return {url for url in calls if not url.startswith((house.url, "data:"))}


def test_a_whole_mail_is_shown_and_its_pictures_only_when_asked_for(
    desk: tuple[Page, list[str]], mailing: Switchboard, office: PostOffice
) -> None:
    page, calls = desk
    body = (
        "<div>Where is my parcel?</div><img src='http://tracker.example/o.gif' alt='Our logo'>"
        "<blockquote>It is on its way.</blockquote><a href='https://shop.example/order'>my order</a>"
    )
    office.write(body, sender="html@customer.example", Content_Type="text/html; charset=utf-8")
    opened(page, mailing, "html@customer.example")
    dialog = page.get_by_role("dialog", name="The whole mail")
    frame = dialog.frame_locator("iframe")
    expect(frame.locator("blockquote")).to_have_text("It is on its way.")
    expect(dialog).to_contain_text("html@customer.example")
    assert abroad(calls, mailing) == set()
    with page.expect_request("https://tracker.example/o.gif"):
        dialog.get_by_role("button", name="Load it").click()
    expect(dialog.get_by_role("button", name="Load it")).to_have_count(0)
    expect(frame.locator("img")).to_have_attribute("src", "https://tracker.example/o.gif")
    expect(frame.locator("blockquote")).to_have_text("It is on its way.")
    assert abroad(calls, mailing) == {"https://tracker.example/o.gif"}
    with page.expect_popup() as beside:
        frame.get_by_role("link", name="my order").click()
    assert beside.value.evaluate("window.opener") is None
    page.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_nothing_hostile_runs_in_a_whole_mail(
    desk: tuple[Page, list[str]], mailing: Switchboard, office: PostOffice, corpora: Path
) -> None:
    page, calls = desk
    payloads = list(dict.fromkeys(hostile(corpora)))
    assert len(payloads) > 200
    body = "".join(f"<div>{each}</div>" for each in payloads) + "<p>The end</p>"
    office.write(
        body.replace("\r", "").replace("\n", "\r\n"), sender="evil@customer.example", Content_Type="text/html"
    )
    opened(page, mailing, "evil@customer.example")
    frame = page.frame_locator("iframe")
    expect(frame.locator("body")).not_to_be_empty()
    [inner] = [each for each in page.frames if each != page.main_frame]
    assert inner.evaluate("window.tripped") == []
    assert page.evaluate("tripped") == []
    assert (
        inner.evaluate("document.querySelectorAll('script,form,iframe,object,link,meta[http-equiv]').length")
        == 0
    )
    assert abroad(calls, mailing) == set()


def test_what_did_not_arrive_stands_on_a_page_until_it_is_sent_again_or_left(
    desk: tuple[Page, list[str]], mailing: Switchboard, office: PostOffice
) -> None:
    page, _ = desk
    page.goto(f"{mailing.url}/dashboard/settings/deliveries")
    expect(page.locator("#deliveries")).to_contain_text("Nobody misses an answer.")
    office.refuses |= {f"{name}@customer.example": "550 5.1.1 no such user" for name in ("gone", "lost")}
    for name in ("gone", "lost"):
        office.write("How long can I return things?", sender=f"{name}@customer.example")
        expect(page.locator("#deliveries")).to_contain_text(f"{name}@customer.example", timeout=40_000)
    cards = page.locator("[data-delivery]")
    expect(cards).to_have_count(2)
    expect(page.locator("#sections .count")).to_have_text("2")
    expect(cards.first).to_contain_text("1 attempt")
    expect(cards.first.locator(".bad")).not_to_be_empty()
    page.get_by_label("Channel").select_option("email")
    expect(cards).to_have_count(2)
    lost = cards.filter(has_text="lost@customer.example")
    lost.get_by_role("button", name="Leave it").click()
    expect(cards).to_have_count(1)
    office.refuses.clear()
    cards.get_by_role("button", name="Send again").click()
    expect(page.locator("#deliveries")).to_contain_text("Nobody misses an answer.")
    office.answers(1, to="gone@customer.example")
    expect(page.locator("#sections .count")).to_have_count(0)
