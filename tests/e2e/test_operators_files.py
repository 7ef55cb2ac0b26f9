"""Files from the desk: chosen, pasted and dropped, taken back, kept over a reload, and at the customer's."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import act, entry, thread
from tests.e2e.test_files import PICTURE
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # several people, each in a browser

NAME = "label <img src=x onerror=alert(1)>.png"
LABEL = FilePayload(name=NAME, mimeType="image/png", buffer=PICTURE)


def hand_over(page: Page, event: str, kind: str) -> None:
    """A file by drag or clipboard, as the browser tells the page of it."""
    page.get_by_role("textbox", name="Reply").evaluate(
        f"""box => {{
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob('{base64.b64encode(PICTURE).decode()}'), c => c.charCodeAt(0));
            data.items.add(new File([bytes], '{event}.png', {{type: 'image/png'}}));
            const how = {{bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data}};
            box.dispatchEvent(new {kind}('{event}', how));
        }}"""
    )


def test_files_go_along_with_a_reply(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("Where is the label for my parcel?")
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Where is the label for my parcel?").click()
    tray = desk.get_by_role("list", name="Files that go along")
    picker = desk.locator("input[type=file]")
    picker.set_input_files([LABEL])
    expect(tray.get_by_role("listitem")).to_have_count(1)
    expect(tray.locator("[data-key] img")).to_have_count(1)
    hand_over(desk, "paste", "ClipboardEvent")
    hand_over(desk, "drop", "DragEvent")
    expect(tray.locator("[data-key]")).to_have_count(3)
    desk.reload()  # they lie with the draft, on the server
    expect(tray.locator("[data-key]")).to_have_count(3)
    desk.get_by_role("button", name="Remove paste.png").click()
    desk.get_by_role("button", name="Remove drop.png").click()
    picker.set_input_files([FilePayload(name="run.exe", mimeType="application/x-msdownload", buffer=b"MZ")])
    expect(desk.get_by_role("alert")).to_contain_text("pictures, PDF and plain text can be sent")
    desk.get_by_role("textbox", name="Reply").fill("Here is your label.")
    act(desk, "Send")
    expect(desk.get_by_role("alert")).to_contain_text("Remove it first")
    desk.get_by_role("button", name="Remove run.exe").click()
    act(desk, "Send")
    expect(tray.get_by_role("listitem")).to_have_count(0)
    expect(thread(desk).get_by_role("img", name=NAME)).to_be_visible()
    expect(chat.answers.last).to_contain_text("Here is your label.")
    picture = chat.thread.get_by_role("img", name=NAME)
    expect(picture).to_be_visible()
    with chat.page.expect_download() as download:
        picture.click()
    assert download.value.path().read_bytes() == PICTURE
    with desk.expect_download() as saved:
        thread(desk).get_by_role("img", name=NAME).click()
    assert saved.value.path().read_bytes() == PICTURE
    assert re.fullmatch(r"label [^<>/\\]*\.png", saved.value.suggested_filename)


def test_a_file_may_go_without_words(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("May I see the boots once more?")
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "May I see the boots once more?").click()
    desk.locator("input[type=file]").set_input_files([LABEL])
    expect(desk.get_by_role("list", name="Files that go along").get_by_role("listitem")).to_have_count(1)
    act(desk, "Send")  # while it may still be on its way up
    expect(chat.thread.get_by_role("img", name=NAME)).to_be_visible()


def test_a_picture_is_loaded_once_while_it_is_shown_and_gone_after_signing_out(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Do the boots come in blue?")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Do the boots come in blue?").click()
    desk.locator("input[type=file]").set_input_files([LABEL])
    expect(desk.get_by_role("list", name="Files that go along").locator("[data-key]")).to_have_count(1)
    desk.get_by_role("textbox", name="Reply").fill("They do.")
    act(desk, "Send")
    picture = thread(desk).get_by_role("img", name=NAME)
    expect(picture).to_be_visible()
    address = str(picture.get_attribute("src"))
    desk.reload()
    expect(picture).to_be_visible()
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url) if address in request.url else None)
    for words in ("And in green?", "And in red?"):
        chat.ask(words)
        expect(thread(desk).get_by_text(words)).to_be_visible()
    assert asked == []
    act(desk, "Sign out")
    expect(desk.get_by_role("button", name="Sign in")).to_be_visible()
    status = desk.evaluate("src => fetch(src, {cache: 'force-cache'}).then(answer => answer.status)", address)
    assert status == 401
    desk.go_back()
    expect(desk.get_by_role("button", name="Sign in")).to_be_visible()
