"""Files on their way to the shop: chosen, pasted or dropped, seen before they leave."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import FilePayload, expect

from tests.e2e.browser import Chat


def png(width: int, height: int) -> bytes:
    """An orange picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xd9\x64\x2c" * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png(160, 90)
TENT = FilePayload(name="torn <b>tent.png", mimeType="image/png", buffer=PICTURE)


def give(chat: Chat, *files: FilePayload) -> None:
    chat.panel.locator("input[type=file]").set_input_files(list(files))


def hand_over(chat: Chat, event: str, kind: str, *, padding: int = 0) -> None:
    """A file by drag or clipboard, as the browser tells the page of it; `padding`: bytes added."""
    chat.shadow(
        f"""shadow => {{
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob('{base64.b64encode(PICTURE).decode()}'), c => c.charCodeAt(0));
            const parts = [bytes, new Uint8Array({padding})];
            data.items.add(new File(parts, '{event}.png', {{type: 'image/png'}}));
            const how = {{bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data}};
            shadow.querySelector('textarea').dispatchEvent(new {kind}('{event}', how));
        }}"""
    )


def test_a_picture_is_seen_before_it_leaves_and_after(chat: Chat) -> None:
    give(chat, TENT)
    card = chat.panel.locator(".tray .file")
    expect(card).to_contain_text("torn <b>tent.png")
    expect(card.locator("small")).to_be_visible()  # uploaded: its size stands there
    chat.write("The pole went through the fly")
    expect(card).to_have_count(0)
    picture = chat.questions.get_by_role("img", name="torn <b>tent.png")
    expect(picture).to_be_visible()
    chat.page.reload()
    chat.open()
    expect(picture).to_be_visible()
    with chat.page.expect_download() as download:
        picture.click()
    assert download.value.path().read_bytes() == PICTURE


def test_a_file_may_go_without_words(chat: Chat) -> None:
    give(chat, TENT)
    send = chat.page.get_by_role("button", name="Send")
    expect(send).to_have_attribute("aria-disabled", "false")
    send.click()
    expect(chat.questions.get_by_role("img")).to_be_visible()


def test_a_file_can_be_pasted_or_dropped(chat: Chat) -> None:
    hand_over(chat, "paste", "ClipboardEvent")
    hand_over(chat, "drop", "DragEvent")
    cards = chat.panel.locator(".tray .file")
    expect(cards).to_have_count(2)
    expect(cards.locator("small")).to_have_count(2)


def test_a_file_can_be_taken_back(chat: Chat) -> None:
    give(chat, TENT)
    chat.page.get_by_role("button", name="Remove torn").click()
    expect(chat.panel.locator(".tray .file")).to_have_count(0)
    expect(chat.box).to_be_focused()


def test_what_is_too_large_or_of_the_wrong_kind_is_said_at_once(chat: Chat) -> None:
    posted: list[str] = []
    chat.page.on("request", lambda request: posted.append(request.url))
    hand_over(chat, "drop", "DragEvent", padding=11 * 1024 * 1024)
    give(chat, FilePayload(name="setup.exe", mimeType="application/x-msdownload", buffer=b"MZ"))
    alerts = chat.panel.get_by_role("alert")
    expect(alerts.first).to_contain_text("Larger than 10 MB")
    expect(alerts.last).to_contain_text("This kind of file can’t be sent")
    assert not [url for url in posted if "attachments" in url]
    expect(chat.page.get_by_role("button", name="Send")).to_have_attribute("aria-disabled", "true")


def test_files_waiting_to_be_sent_leave_the_newest_message_in_view(chat: Chat) -> None:
    for number in range(6):
        chat.page.evaluate("switchboard.send(`Line ${" + str(number) + "}\\nof\\nsome\\nlength`)")
    expect(chat.questions).to_have_count(6)
    expect(chat.questions.last).to_be_in_viewport(ratio=1)
    for _ in range(4):
        give(chat, TENT)
    expect(chat.panel.locator(".tray .file")).to_have_count(4)
    chat.page.wait_for_function(
        """() => {
            const log = document.querySelector('switchboard-chat').shadowRoot.querySelector('[role=log]');
            return log.scrollTop + log.clientHeight >= log.scrollHeight - 1;
        }"""
    )


def test_a_file_that_is_not_what_it_says_is_refused_kindly(chat: Chat) -> None:
    give(chat, FilePayload(name="fake.png", mimeType="image/png", buffer=b"<script>alert(1)</script>"))
    expect(chat.panel.get_by_role("alert")).to_contain_text("This kind of file can’t be sent")
