"""Takes the pictures of every page: `python -m tests.e2e.screenshots [FOLDER]` (docs/screenshots)."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.browser import Chat, Scheme, chromium, find_chromium, visit
from tests.e2e.desk import EMAIL, OTHER_EMAIL, listening, sign_in
from tests.e2e.learned import wait_until_learned
from tests.e2e.scenes import SCENES
from tests.processes import ROOT, Switchboard, switchboard, until

WIDE, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
_SCHEMES: Sequence[Scheme] = ("light", "dark")
_RETURNS = "How long can I return things?"
_JACKET = "How do I wash a down jacket?"
_QUESTIONS = (
    _RETURNS,
    "Where is order 123456, and can I still return the shoes?",
    "Do you deliver to Norway?",
    _JACKET,
    "Please refund my order 123456, it arrived damaged",
    "I want to talk to a person",
)
_MANY_COLOURS = 5_000
_COMMON = 48  # colours of surfaces and of plain text
_LARGEST = 250_000  # bytes of one picture: a README is read on phones, too
# Of an opened page: what the operator does in their own name.
_ACT = """([path, body]) => fetch(path, {
    method: 'POST',
    headers: {
        'Content-Type': 'application/json',
        'X-CSRF-Token': document.querySelector('meta[name=csrf-token]').content,
    },
    body: JSON.stringify(body),
}).then(answer => { if (!answer.ok) throw new Error(`${path}: ${answer.status}`) })"""


def of_the_chat(house: Switchboard, browser: Browser, folder: Path) -> Iterator[Path]:
    """The demo page with the chat on it, closed and after an answer; the help centre."""
    views: Sequence[tuple[str, Scheme, ViewportSize, str, bool]] = (
        ("demo-light", "light", WIDE, "", False),
        ("demo-dark", "dark", WIDE, "", False),
        ("chat-light", "light", WIDE, "", True),
        ("chat-dark", "dark", WIDE, "", True),
        ("chat-phone", "light", PHONE, "", True),
        ("help", "light", WIDE, "/help/returns/return-an-item", False),
    )
    for name, scheme, size, path, asking in views:
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        chat = visit(context, f"{house.url}{path}")
        if asking:
            _answered(chat)
        yield _taken(chat.page, folder / f"{name}.png")
        context.close()


def of_the_desk(
    house: Switchboard,
    browser: Browser,
    folder: Path,
    *,
    password: str,
    places: Mapping[str, str],
    scheme: Scheme,
    phone: bool = False,
) -> Iterator[Path]:
    """The dashboard's pages and what opens over them; on a phone those that are looked at there most."""
    context = browser.new_context(
        viewport=PHONE if phone else WIDE, color_scheme=scheme, reduced_motion="reduce", locale="en-US"
    )
    page = context.new_page()
    page.goto(f"{house.url}/dashboard/sign-in")
    yield _taken(page, folder / f"sign-in-{'phone' if phone else scheme}.png")
    sign_in(page, house, password)
    for scene in SCENES:
        if phone and not scene.phone:
            continue
        page.goto(f"{house.url}/dashboard/{scene.address.format_map(places)}")
        listening(page)
        expect(page.locator("main h1").first).to_be_attached()
        scene.opens(page)
        yield _taken(page, folder / f"{scene.name}-{'phone' if phone else scheme}.png")
    context.close()


def prepared(house: Switchboard, browser: Browser) -> tuple[str, Mapping[str, str]]:
    """A desk at work: customers have asked, labels were put on, one was taken over. Grace's password, and the
    ids that scenes need."""
    password = house.command("operator", "add", EMAIL, "--name", "Grace", "--role", "admin").split()[-1]
    house.command("operator", "add", OTHER_EMAIL, "--name", "Linus")
    for question in _QUESTIONS:
        context = browser.new_context()
        chat = visit(context, house.url).open()
        chat.ask(question)
        chat.expect_answers(1)
        context.close()
    asked = {
        row["text"]: row
        for row in house.rows(
            "SELECT m.text, c.id, c.contact_id FROM messages m"
            " JOIN conversations c ON c.id = m.conversation_id WHERE m.direction = 'in'"
        )
    }
    answered, held = asked[_RETURNS], asked[_JACKET]
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    sign_in(page, house, password)
    for path, body in (
        (f"/api/conversations/{answered['id']}/labels", {"labels": ["returns", "vip"]}),
        (f"/api/conversations/{answered['id']}/priority", {"priority": "high"}),
        (f"/api/conversations/{held['id']}/take", {}),
        (f"/api/contacts/{answered['contact_id']}", {"name": "Ada Lovelace"}),
        (f"/api/contacts/{held['contact_id']}", {"name": "Jürgen Müller"}),
        ("/api/views", {"name": "Returns", "query": "tab=all&label=returns", "shared": True}),
        ("/api/canned", {"name": "thanks", "text": "Thank you for your patience!"}),
    ):
        page.evaluate(_ACT, [path, body])
    until(lambda: house.rows("SELECT 1 FROM calls WHERE state = 'pending'") != [], 20, "a refund waits")
    context.close()
    return password, {"answered": answered["id"], "held": held["id"], "contact": answered["contact_id"]}


def _taken(page: Page, path: Path) -> Path:
    """A picture of the page as it is. Of 256 colours it is a third as large and looks the same, skies aside:
    what has very many colours keeps them."""
    taken = page.screenshot()
    with Image.open(io.BytesIO(taken)) as picture:
        whole = picture.convert("RGB")
    if whole.getcolors(_MANY_COLOURS):
        of_few_colours(whole).save(path, optimize=True)
    else:
        path.write_bytes(taken)
    return path


def of_few_colours(whole: Image.Image) -> Image.Image:
    """The picture with its commonest colours as they are, since surfaces show every tint, and for all others
    the nearest of 256."""
    pixels = np.asarray(whole, dtype=np.int64)
    colours, places, counts = np.unique(
        pixels.reshape(-1, 3) @ (1 << 16, 1 << 8, 1), return_inverse=True, return_counts=True
    )
    colours = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    common = colours[np.argsort(-counts)[:_COMMON]]
    rest = whole.quantize(256 - _COMMON, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = np.concatenate([common, np.array(rest, dtype=np.int64).reshape(-1, 3)])
    nearest = np.square(colours[:, None] - palette[None]).sum(axis=2).argmin(axis=1)
    few = Image.fromarray(nearest[places].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    few.putpalette(palette.astype(np.uint8).tobytes())
    return few


def _answered(chat: Chat) -> None:
    chat.open().ask(_RETURNS)
    expect(chat.sources.first).to_be_visible()
    chat.box.blur()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is needed to take pictures")
    expect.set_options(timeout=15_000)
    made = 0
    with (
        tempfile.TemporaryDirectory() as data,
        switchboard(Path(data)) as house,
        chromium(path) as browser,
    ):
        wait_until_learned(house.url)
        password, places = prepared(house, browser)
        for pictures in (
            of_the_chat(house, browser, folder),
            *(
                of_the_desk(
                    house, browser, folder, password=password, places=places, scheme=scheme, phone=phone
                )
                for scheme, phone in (*((each, False) for each in _SCHEMES), ("light", True))
            ),
        ):
            for picture in pictures:
                if picture.stat().st_size > _LARGEST:
                    raise SystemExit(f"{picture} is larger than {_LARGEST} bytes")
                made += 1
    sys.stdout.write(f"{made} pictures in {folder}\n")


if __name__ == "__main__":
    main()
