"""The widget for everybody: by keyboard, by ear, in twelve languages, on a phone, in any colour."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.browser import Chat, Scheme, visit
from tests.e2e.elsewhere import answer, page_with, question
from tests.processes import ROOT, Switchboard

NAMES = {
    "de": ("Chat öffnen", "Mit einem Menschen sprechen"),
    "fr": ("Ouvrir le chat", "Parler à une personne"),
    "es": ("Abrir el chat", "Hablar con una persona"),
    "it": ("Apri la chat", "Parla con una persona"),
    "nl": ("Chat openen", "Met een mens praten"),
    "pt": ("Abrir o chat", "Falar com uma pessoa"),
    "pl": ("Otwórz czat", "Porozmawiaj z człowiekiem"),
    "sv": ("Öppna chatten", "Prata med en människa"),
    "da": ("Åbn chatten", "Tal med et menneske"),
    "tr": ("Sohbeti aç", "Bir insanla görüş"),
    "ar": ("فتح المحادثة", "التحدث إلى شخص"),
    "en": ("Open chat", "Talk to a person"),
}
CONTRAST = """shadow => {
    const rgb = css => css.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const linear = c => c > .04045 ? ((c + .055) / 1.055) ** 2.4 : c / 12.92;
    const light = css => rgb(css).map(c => linear(c / 255))
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const ratio = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + .05) / (low + .05);
    };
    const style = selector => getComputedStyle(shadow.querySelector(selector));
    const panel = style('.panel').backgroundColor;
    return {
        header: ratio(style('header').color, style('header').backgroundColor),
        question: ratio(style('.in .bubble').color, style('.in .bubble').backgroundColor),
        answer: ratio(style('.out .bubble').color, style('.out .bubble').backgroundColor),
        source: ratio(style('.sources a').color, panel),
        link: ratio(style('.sources a').color, style('.out .bubble').backgroundColor),
        dim: ratio(style('.meta').color, panel),
        person: ratio(style('.foot button').color, panel),
    };
}"""


def in_focus(page: Page) -> str:
    """The accessible name of what has the focus, inside the widget or out."""
    name: str = page.evaluate(
        """() => {
            let node = document.activeElement;
            while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
            return node?.getAttribute('aria-label') || node?.textContent || '';
        }"""
    )
    return name


def test_every_control_has_the_name_the_contract_gives_it(chat: Chat) -> None:
    for name in ("Close chat", "Send", "Talk to a person"):
        expect(chat.page.get_by_role("button", name=name)).to_have_count(1)
    expect(chat.box).to_have_count(1)
    expect(chat.thread).to_have_count(1)
    expect(chat.panel).to_have_attribute("aria-modal", "true")
    unnamed = chat.shadow(
        "shadow => [...shadow.querySelectorAll('button, textarea, [role]')]"
        ".filter(each => !each.ariaLabel && !each.textContent && !each.hasAttribute('aria-labelledby'))"
        ".filter(each => each.getClientRects().length).map(each => each.outerHTML)"
    )
    assert unnamed == []


def test_the_keyboard_alone_is_enough(context: BrowserContext, house: Switchboard) -> None:
    chat = visit(context, house.url)
    page = chat.page
    chat.launcher.focus()
    page.keyboard.press("Enter")
    expect(chat.panel).to_be_visible()
    assert in_focus(page) == "Message"
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    expect(chat.questions).to_have_text("First line\nsecond line")
    assert in_focus(page) == "Message"
    page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    assert in_focus(page) == "Open chat"


def test_the_focus_goes_round_inside_the_open_chat(chat: Chat) -> None:
    forwards = []
    for _ in range(12):
        chat.page.keyboard.press("Tab")
        forwards.append(in_focus(chat.page))
    assert {"Close chat", "Message", "Send", "Talk to a person"} <= set(forwards)
    assert forwards[0] in forwards[1:]
    for _ in range(12):
        chat.page.keyboard.press("Shift+Tab")
        assert chat.page.evaluate("document.activeElement.localName") == "switchboard-chat"


def test_escape_puts_the_menu_away_before_the_chat(chat: Chat) -> None:
    chat.page.get_by_role("button", name="Menu").click()
    sound = chat.page.get_by_role("button", name="Sound")
    expect(sound).to_be_focused()
    expect(sound).to_have_attribute("aria-pressed", "false")
    chat.page.keyboard.press("Escape")
    expect(sound).to_be_hidden()
    expect(chat.panel).to_be_visible()
    assert in_focus(chat.page) == "Menu"


def test_the_menu_is_left_and_walked_by_keyboard(chat: Chat) -> None:
    keyboard = chat.page.keyboard
    menu = chat.page.get_by_role("button", name="Menu")
    menu.focus()
    keyboard.press("Enter")
    for key, name in (
        ("ArrowDown", "Rate this conversation"),
        ("ArrowDown", "Sound"),
        ("ArrowUp", "Rate this conversation"),
        ("ArrowUp", "Sound"),
    ):
        keyboard.press(key)
        assert in_focus(chat.page) == name
    keyboard.press("Enter")
    expect(menu).to_be_focused()
    expect(menu).to_have_attribute("aria-expanded", "false")
    keyboard.press("Enter")
    expect(chat.page.get_by_role("button", name="Sound")).to_have_attribute("aria-pressed", "true")


def test_a_screen_reader_hears_whole_answers_and_no_pieces(chat: Chat) -> None:
    chat.shadow(
        """shadow => {
            window.heard = [];
            new MutationObserver(() => heard.push(shadow.querySelector('[aria-live=polite]').textContent))
                .observe(shadow.querySelector('[aria-live=polite]'), {childList: true, subtree: true});
        }"""
    )
    expect(chat.thread).to_have_attribute("aria-live", "off")
    chat.ask("How long can I return things?")
    chat.expect_answers(1)
    heard: list[str] = chat.page.evaluate("window.heard")
    assert len(heard) == 1
    assert "60 days" in heard[0]


def test_the_conversation_can_be_rated_by_keyboard_and_the_rating_explained(
    chat: Chat, house: Switchboard
) -> None:
    page = chat.page
    chat.ask("Hello")
    chat.expect_answers(1)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Rate this conversation").click()
    assert in_focus(page) == "1 of 5 stars"
    comment = page.get_by_role("textbox", name="Comment")
    expect(comment).to_be_hidden()
    page.get_by_role("button", name="4 of 5 stars").focus()
    with page.expect_response("**/api/web/rating") as answer:
        page.keyboard.press("Enter")
    assert answer.value.status == 204
    expect(chat.thread.get_by_text("Thank you!")).to_be_visible()
    expect(page.get_by_role("button", name="4 of 5 stars")).to_have_attribute("aria-pressed", "true")
    expect(comment).to_be_focused()
    text = f"Quick.\nBut the link was hard to find. {time.time_ns()}"
    page.keyboard.insert_text(text)
    with page.expect_response("**/api/web/rating") as answer:
        page.get_by_role("button", name="2 of 5 stars").click()  # on second thoughts
    assert answer.value.status == 204
    expect(comment).to_be_focused()
    expect(comment).to_have_value(text)
    expect(page.get_by_role("button", name="4 of 5 stars")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Tab")
    assert in_focus(page) == "Done"
    page.keyboard.press("Enter")
    expect(comment).to_have_count(0)
    expect(chat.thread.get_by_text("Thank you!")).to_be_visible()
    expect(chat.box).to_be_focused()
    assert house.rows(f"SELECT score FROM ratings WHERE comment = '{text}'") == [{"score": 2}]


def test_a_rating_that_could_not_be_sent_says_so_and_can_be_given_again(chat: Chat) -> None:
    page = chat.page
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Rate this conversation").click()
    page.route("**/api/web/rating", lambda route: route.abort())
    page.get_by_role("button", name="5 of 5 stars").click()
    expect(chat.thread.get_by_text("Could not be sent")).to_be_visible()
    page.unroute("**/api/web/rating")
    page.get_by_role("button", name="5 of 5 stars").click()
    expect(page.get_by_role("textbox", name="Comment")).to_be_focused()
    page.get_by_role("button", name="Done").click()  # a comment is nobody's duty
    expect(chat.thread.get_by_text("Thank you!")).to_be_visible()


def test_unread_answers_are_counted_on_the_button_until_they_are_seen(chat: Chat) -> None:
    chat.page.evaluate("window.counts = []; switchboard.on('unread', count => counts.push(count))")
    chat.write("How long can I return things?")
    expect(chat.being_written).to_be_visible()
    chat.page.keyboard.press("Escape")
    badge = chat.launcher.locator(".badge")
    expect(badge).to_have_text("1")
    expect(chat.launcher).to_have_accessible_description("New messages: 1")
    chat.page.reload()
    expect(badge).to_have_text("1")
    with chat.page.expect_response("**/api/web/read"):
        chat.open()
    chat.page.keyboard.press("Escape")
    expect(badge).to_be_hidden()


def test_who_reads_further_up_is_not_pulled_down(chat: Chat) -> None:
    chat.page.set_viewport_size({"width": 1280, "height": 430})
    chat.ask("How long can I return things?")
    chat.expect_answers(1)
    chat.write("What does express delivery cost?")
    expect(chat.being_written).to_be_visible()
    chat.thread.evaluate("log => log.scrollTop = 0")
    chat.expect_answers(2)
    pill = chat.page.get_by_role("button", name="New messages")
    expect(pill).to_be_visible()
    assert chat.thread.evaluate("log => log.scrollTop") == 0
    pill.click()
    expect(pill).to_be_hidden()
    expect(chat.answers.last).to_be_in_viewport()


def test_twelve_languages_name_everything(context: BrowserContext, house: Switchboard) -> None:
    chat = visit(context, house.url)
    seen: set[str] = set()
    for locale, (open_chat, person) in NAMES.items():
        chat.page.evaluate("locale => switchboard.setLocale(locale)", locale)
        chat.page.get_by_role("button", name=open_chat, exact=True).click()
        expect(chat.page.get_by_role("button", name=person, exact=True)).to_be_visible()
        labels: list[str] = chat.page.evaluate(
            "[...document.querySelector('switchboard-chat').shadowRoot.querySelectorAll('[aria-label]')]"
            ".map(each => each.getAttribute('aria-label'))"
        )
        assert all(labels), locale
        seen.add("|".join(labels))
        chat.page.evaluate("switchboard.close()")
    assert len(seen) == len(NAMES)


def test_a_change_of_language_does_not_tell_of_a_connection_lost(
    context: BrowserContext, house: Switchboard
) -> None:
    chat = visit(context, house.url)
    chat.page.evaluate("switchboard.open()")
    chat.page.evaluate("switchboard.setLocale('de')")
    expect(chat.page.get_by_role("button", name="Chat schließen")).to_be_visible()
    expect(chat.panel.get_by_text("Keine Verbindung")).to_be_hidden()
    context.set_offline(True)
    expect(chat.panel.get_by_text("Keine Verbindung")).to_be_visible()
    chat.page.evaluate("switchboard.setLocale('fr')")
    expect(chat.panel.get_by_text("Pas de connexion")).to_be_visible()


def test_every_language_has_every_word() -> None:
    source = (ROOT / "channels" / "widget" / "widget.js").read_text()
    keys = re.search(r"const KEYS = \((.*?)\)\.split", source, re.DOTALL)
    assert keys is not None
    count = len("".join(re.findall(r"'(.*?)'", keys[1])).split())
    words = dict(re.findall(r"^  ([a-z]{2}): '(.*)',$", source, re.MULTILINE))
    assert set(words) == set(NAMES)
    for locale, told in words.items():
        assert len(told.split("|")) == count, locale
        assert all(told.split("|")), locale


@pytest.mark.parametrize("locale", ["ar", "he"])
def test_right_to_left_is_mirrored(context: BrowserContext, house: Switchboard, locale: str) -> None:
    chat = page_with(context, house, f'data-locale="{locale}" data-open')
    expect(chat.panel).to_be_visible()
    box = chat.panel.bounding_box()
    assert box is not None
    assert box["x"] < 100
    assert chat.shadow("shadow => getComputedStyle(shadow.querySelector('.panel')).direction") == "rtl"
    middles: Any = chat.shadow(
        "shadow => ['.face', '.names', 'header .round:last-child'].map(each => {"
        "const box = shadow.querySelector(each).getBoundingClientRect(); return box.x + box.width / 2 })"
    )
    assert middles == sorted(middles, reverse=True)


def test_nothing_moves_for_who_wants_no_motion(browser: Browser, house: Switchboard) -> None:
    context = browser.new_context(reduced_motion="reduce")
    chat = visit(context, house.url).open()
    moving = chat.shadow(
        "shadow => [...shadow.querySelectorAll('*')].map(getComputedStyle)"
        ".filter(style => style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0).length"
    )
    assert moving == 0
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "colour",
    [
        "#ffd400",
        "#163a2f",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("#fff", "#000", "teal", "oklch(0.7 0.2 30)")
        ),
    ],
)
def test_any_colour_can_be_read(browser: Browser, house: Switchboard, colour: str, scheme: Scheme) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    chat = page_with(
        context, house, f'data-color="{colour}"', arriving=[question(), answer(html="<p>See it</p>")]
    ).open()
    expect(chat.sources).to_be_visible()
    ratios = chat.shadow(CONTRAST)
    assert isinstance(ratios, dict)
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
    context.close()


def test_on_a_phone_the_chat_fills_the_screen(browser: Browser, house: Switchboard) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, reduced_motion="reduce"
    )
    long = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 4
    chat = page_with(context, house, "", arriving=[answer(text=long)]).open()
    assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(chat.answers).to_be_visible()
    assert chat.thread.evaluate("log => log.scrollWidth <= log.clientWidth")
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 390
    size: Any = chat.box.evaluate("box => parseFloat(getComputedStyle(box).fontSize)")
    assert size >= 16  # below that, phones zoom in
    context.close()


def test_at_twice_the_size_everything_is_still_there(browser: Browser, house: Switchboard) -> None:
    context = browser.new_context(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    chat = visit(context, house.url).open()
    for control in (chat.box, chat.page.get_by_role("button", name="Talk to a person")):
        expect(control).to_be_in_viewport(ratio=1)
    context.close()


def test_the_pages_styles_do_not_reach_in_and_ours_do_not_leak_out(
    context: BrowserContext, house: Switchboard
) -> None:
    hostile = (
        "* { font-size: 40px !important; letter-spacing: 1em !important; color: red !important }"
        "button { display: none !important } switchboard-chat { opacity: 0; transform: scale(9) }"
    )
    plain = page_with(context, house, "data-open")
    styled = page_with(context, house, "data-open", hostile)
    measure = (
        "shadow => ['.panel', '.names h2', 'textarea', '.foot button', 'form .send'].map(each => {"
        "const node = shadow.querySelector(each);"
        "const style = getComputedStyle(node), box = node.getBoundingClientRect();"
        "return [style.fontSize, style.letterSpacing, style.color, style.display,"
        " ...[box.width, box.height].map(size => Math.round(size * 64) / 64)] })"  # layout's own unit
    )
    for chat in (plain, styled):  # the panel is transformed on its way in
        expect(chat.panel).to_be_visible()
        chat.shadow(
            "shadow => Promise.all(shadow.getAnimations().map(each => each.finished)).then(() => null)"
        )
    assert styled.shadow(measure) == plain.shadow(measure)
    own = plain.page.get_by_role("button", name="Its own")
    assert own.evaluate("own => getComputedStyle(own).borderTopWidth") != "0px"
    assert plain.page.locator("style, link").count() == 1  # the page's own


def test_the_page_can_speak_to_the_widget(context: BrowserContext, house: Switchboard) -> None:
    chat = page_with(context, house, 'data-title="Ask away" data-position="left"')
    page = chat.page
    page.evaluate(
        """() => {
            window.told = [];
            for (const event of ['ready', 'opened', 'closed', 'message', 'unread', 'error'])
                switchboard.on(event, () => told.push(event));
            switchboard.on('opened', () => { throw new Error('the page is wrong here') });
        }"""
    )
    page.evaluate("switchboard.toggle()")
    expect(page.get_by_role("dialog", name="Ask away")).to_be_visible()
    page.evaluate("switchboard.send('Hello from the page')")
    chat.expect_answers(1)
    page.evaluate("switchboard.close()")
    told: list[str] = page.evaluate("told")
    assert [event for event in told if event != "unread"] == [
        "ready",
        "opened",
        "message",
        "message",
        "closed",
    ]
    page.evaluate("switchboard.reset(); switchboard.open()")
    expect(chat.questions).to_have_count(0)
    assert page.evaluate("document.querySelectorAll('switchboard-chat').length") == 1
