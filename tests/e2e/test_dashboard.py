"""Somebody at the desk and somebody on the website, each in a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.browser import Chat, visit
from tests.e2e.desk import act, entry, listening, sign_in, thread
from tests.processes import Switchboard, until


def test_a_person_is_asked_for_takes_over_answers_and_hands_back(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    desk.get_by_role("link", name=re.compile(r"^Waiting")).click()
    chat.ask("Can I return boots I have worn outside?")
    chat.expect_answers(1)
    chat.page.get_by_role("button", name="Talk to a person").click()
    found = entry(desk, house, "Can I return boots I have worn outside?")
    expect(found).to_contain_text("waiting")
    found.click()
    expect(thread(desk)).to_contain_text("Can I return boots I have worn outside?")
    act(desk, "Why this answer")
    expect(desk.get_by_role("dialog")).to_contain_text("Knowledge")
    act(desk, "Close")
    act(desk, "Take over")
    expect(desk.get_by_role("textbox", name="Reply")).to_be_focused()
    desk.get_by_role("textbox", name="Reply").fill("She has written before.")
    act(desk, "Note")
    expect(thread(desk)).to_contain_text("She has written before.")
    desk.keyboard.type("Yes, within **30 days**.")
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_role("textbox", name="Reply")).to_have_value("")
    expect(chat.thread).to_contain_text("Yes, within 30 days.")
    expect(chat.thread.locator("strong", has_text="30 days")).to_have_count(1)
    expect(chat.thread).not_to_contain_text("She has written before.")
    chat.ask("Thank you, Grace")
    expect(thread(desk).get_by_text("Thank you, Grace", exact=True)).to_have_count(1)
    expect(thread(desk).get_by_text("Read")).not_to_have_count(0)
    act(desk, "Hand back to the bot")
    expect(desk.locator("#head")).to_contain_text("With the bot")
    chat.ask("How long does delivery take?")
    expect(thread(desk)).to_contain_text("How long does delivery take?")
    act(desk, "Resolve")
    expect(desk.locator("#head")).to_contain_text("Resolved")
    expect(desk.get_by_role("button", name="Reopen")).to_be_visible()


def test_the_bot_is_stopped_in_the_middle_of_a_word(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("Hello to the desk")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Hello to the desk").click()
    chat.write("What does delivery to Austria cost?")
    expect(thread(desk).locator("#written")).not_to_be_empty()  # read along while it is written
    act(desk, "Take over")
    expect(thread(desk).locator("#writing")).to_be_hidden()
    desk.get_by_role("textbox", name="Reply").fill("Grace here, let me look.")
    act(desk, "Send")
    expect(chat.thread).to_contain_text("Grace here, let me look.")
    expect(chat.being_written).to_have_count(0)
    expect(thread(desk)).to_contain_text("What the bot was about to say")
    expect(desk.locator(".message.bot[data-seq]")).to_have_count(1)
    expect(chat.answers).to_have_count(2)
    assert chat.answers.last.inner_text() == "Grace here, let me look."


def test_hostile_words_are_only_words_at_the_desk(desk: Page, house: Switchboard, chat: Chat) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script> <b>bold</b>"
    chat.ask(hostile)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, hostile).click()
    expect(thread(desk).get_by_text(hostile)).to_be_visible()
    expect(thread(desk).locator("img, script, b:not(.author)")).to_have_count(0)
    desk.get_by_role("textbox", name="Reply").fill(f"{hostile} [x](javascript:alert(3))")
    act(desk, "Send")
    expect(thread(desk).locator(".message.operator")).to_contain_text(hostile)
    expect(thread(desk).locator("img, script, [href^=javascript]")).to_have_count(0)


def test_who_opens_a_conversation_by_keyboard_begins_at_its_heading(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Opened by keyboard?")
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Opened by keyboard?").press("Enter")
    heading = desk.locator("h1#contact")
    expect(heading).to_be_focused()
    chat.ask("Hello?")  # the heading is drawn anew around the focus
    expect(thread(desk).get_by_text("Hello?", exact=True)).to_be_visible()
    expect(heading).to_be_focused()


def test_no_keystroke_is_lost(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("Is anybody there?")
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Is anybody there?").click()
    box = desk.get_by_role("textbox", name="Reply")
    listening(desk)
    box.fill("Half a sentence")
    desk.reload()
    expect(box).to_have_value("Half a sentence")
    chat.ask("Hello?")  # the page refreshes around the box
    expect(thread(desk).get_by_text("Hello?", exact=True)).to_be_visible()
    expect(box).to_have_value("Half a sentence")
    desk.context.set_offline(True)
    act(desk, "Send")
    expect(desk.get_by_role("alert")).to_contain_text("No connection")
    expect(box).to_have_value("Half a sentence")
    desk.context.set_offline(False)
    act(desk, "Send")
    expect(thread(desk).get_by_text("Half a sentence")).to_have_count(1)
    expect(chat.thread.get_by_text("Half a sentence")).to_have_count(1)


def test_what_happens_while_the_network_is_lost_is_made_up_for_when_it_is_back(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Can you hear me?")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Can you hear me?").click()
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    desk.context.set_offline(True)
    expect(desk.locator("#connection")).to_be_visible()
    desk.get_by_role("textbox", name="Reply").press_sequentially("Typed in a tunnel")
    chat.ask("And can you hear me now?")
    desk.context.set_offline(False)
    expect(thread(desk).get_by_text("And can you hear me now?", exact=True)).to_have_count(1)
    expect(desk.locator("#connection")).to_be_hidden()
    expect(desk.get_by_role("textbox", name="Reply")).to_have_value("Typed in a tunnel")
    until(
        lambda: house.rows("SELECT text FROM reply_drafts WHERE text = 'Typed in a tunnel'"),
        15,
        "the draft on the server, without another key",
    )


def test_it_works_on_a_narrow_screen(browser: Browser, house: Switchboard, password: str, chat: Chat) -> None:
    chat.ask("Written to a telephone")
    context: BrowserContext = browser.new_context(viewport={"width": 360, "height": 700})
    page = context.new_page()
    sign_in(page, house, password)
    page.get_by_role("link", name="All", exact=True).click()
    expect(page).to_have_url(re.compile(r"tab=all"))
    listening(page)
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wide)
    entry(page, house, "Written to a telephone").click()
    expect(thread(page)).to_contain_text("Written to a telephone")
    listening(page)
    assert not page.evaluate(wide)
    expect(page.locator(".inbox")).to_be_hidden()
    page.get_by_role("link", name="Back to the conversations").click()
    expect(page).to_have_url(re.compile(r"/dashboard/conversations\?tab=all"))
    context.close()


def test_who_signs_out_is_out(desk: Page, house: Switchboard) -> None:
    act(desk, "Sign out")
    expect(desk.get_by_role("button", name="Sign in")).to_be_visible()
    desk.goto(f"{house.url}/dashboard/conversations")
    expect(desk.get_by_role("button", name="Sign in")).to_be_visible()


def test_everything_a_visitor_says_is_seen_once_in_two_tabs(
    desk: Page, context: BrowserContext, house: Switchboard, chat: Chat
) -> None:
    second = visit(context, house.url).open()
    chat.ask("Seen in both tabs?")
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Seen in both tabs?").click()
    desk.get_by_role("textbox", name="Reply").fill("Seen.")
    act(desk, "Send")
    for each in (chat, second):
        expect(each.thread.get_by_text("Seen.", exact=True)).to_have_count(1)
    expect(thread(desk).get_by_text("Seen.", exact=True)).to_have_count(1)


def test_two_operators_see_each_other_and_what_the_other_arranges(
    desk: Page, other_desk: Page, house: Switchboard, chat: Chat
) -> None:
    linus = other_desk
    chat.ask("Who of you answers me?")
    chat.expect_answers(1)
    for page in (desk, linus):
        page.get_by_role("link", name="All", exact=True).click()
        entry(page, house, "Who of you answers me?").click()
    expect(desk.locator("#others")).to_have_text("Linus is looking")
    linus.get_by_role("textbox", name="Reply").press_sequentially("I am on it")
    expect(desk.locator("#others")).to_have_text("Linus is writing")
    linus.locator("#side").get_by_label("Add a label").fill("vip")
    linus.locator("#side").get_by_label("Add a label").press("Enter")
    linus.locator("#side").get_by_label("Priority").select_option(label="Urgent")
    shown = entry(desk, house, "Who of you answers me?")
    expect(shown).to_contain_text("vip")
    expect(shown).to_contain_text("Urgent")
    linus.locator("#side").get_by_label("Assigned to").select_option(label="Grace")
    expect(desk.locator("#head")).to_contain_text("With a person: you")
    desk.get_by_role("link", name="Mine").click()
    expect(entry(desk, house, "Who of you answers me?")).to_be_visible()
    expect(linus.locator("#others")).to_have_text("")
    linus.locator("#side").get_by_label("Snooze").select_option(label="For an hour")
    expect(linus.locator("#head")).to_contain_text("Snoozed")
    linus.get_by_role("button", name="Take off vip").click()
    expect(linus.get_by_role("button", name="Take off vip")).to_have_count(0)


def test_what_was_begun_in_one_browser_is_there_in_the_next(
    desk: Page, browser: Browser, house: Switchboard, password: str, chat: Chat
) -> None:
    chat.ask("Somebody begins to write")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Somebody begins to write").click()
    with desk.expect_response(
        lambda each: each.url.endswith("/draft") and "Dear visitor" in (each.request.post_data or "")
    ):
        desk.get_by_role("textbox", name="Reply").press_sequentially("Dear visitor")
    context = browser.new_context()
    elsewhere = context.new_page()
    sign_in(elsewhere, house, password)
    elsewhere.goto(desk.url)
    expect(elsewhere.get_by_role("textbox", name="Reply")).to_have_value("Dear visitor")
    act(elsewhere, "Send")
    expect(thread(elsewhere)).to_contain_text("Dear visitor")
    context.close()
    desk.reload()
    expect(desk.get_by_role("textbox", name="Reply")).to_have_value("")


def test_conversations_are_found_by_words_and_narrowed(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("Have you seen my zebra-striped umbrella?")
    chat.expect_answers(1)
    desk.get_by_label("Search conversations").fill("zebra umbr")
    desk.get_by_label("Search conversations").press("Enter")
    desk.get_by_role("link", name="All", exact=True).click()
    desk.get_by_label("Search conversations").fill("zebra umbr")
    desk.get_by_label("Search conversations").press("Enter")
    expect(desk.locator(".entry")).to_have_count(1)
    expect(entry(desk, house, "Have you seen my zebra-striped umbrella?")).to_be_visible()
    desk.get_by_label("Filter").click()
    desk.get_by_label("Channel").select_option(label="WhatsApp")
    expect(desk.get_by_text("Nothing was found.")).to_be_visible()
    desk.get_by_role("link", name="Show all of them").click()
    expect(desk.locator(".entry")).not_to_have_count(0)


def test_the_keyboard_is_enough(desk: Page, house: Switchboard, chat: Chat) -> None:
    chat.ask("Answered without a mouse")
    chat.expect_answers(1)
    desk.keyboard.press("g")
    desk.keyboard.press("p")
    expect(desk.get_by_role("heading", name="Contacts")).to_be_visible()
    listening(desk)
    desk.keyboard.press("?")
    expect(desk.get_by_role("dialog", name="Keyboard")).to_contain_text("take over")
    desk.keyboard.press("Escape")
    expect(desk.get_by_role("dialog", name="Keyboard")).to_have_count(0)
    desk.keyboard.press("Control+k")
    palette = desk.get_by_role("dialog", name="Everything, by its name")
    palette.get_by_role("combobox").fill("without a mouse")
    expect(palette.get_by_role("option").first).to_contain_text("Visitor")
    desk.keyboard.press("Enter")
    expect(thread(desk)).to_contain_text("Answered without a mouse")
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    desk.keyboard.press("t")
    expect(desk.get_by_role("textbox", name="Reply")).to_be_focused()
    expect(desk.locator("#head")).to_contain_text("With a person: you")
    desk.keyboard.type("jk?te")  # words, no shortcuts
    desk.keyboard.press("Control+Enter")
    expect(thread(desk).get_by_text("jk?te", exact=True)).to_have_count(1)


@contextmanager
def late(page: Page, address: str) -> Iterator[None]:
    """What the page asks for there it gets only after what is done meanwhile."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(address, hold)
    yield
    assert held
    for each in held:
        each.continue_()
    page.unroute(address)


def test_who_types_on_while_a_reply_is_sent_loses_no_letter(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Does anybody type fast?")
    chat.expect_answers(1)
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    entry(desk, house, "Does anybody type fast?").click()
    box = desk.get_by_role("textbox", name="Reply")
    box.fill("I do.")
    listening(desk)
    with late(desk, "**/messages"):
        with desk.expect_request("**/messages"):
            desk.keyboard.press("Control+Enter")
        desk.keyboard.type("And more.")
        desk.keyboard.press("Control+Enter")
        desk.keyboard.type("!")
    for said in ("I do.", "And more.!"):
        expect(thread(desk).get_by_text(said, exact=True)).to_have_count(1)
    expect(box).to_have_value("")


def test_what_is_done_before_the_scripts_have_come_is_done_when_they_have(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Is somebody quick there?")
    chat.expect_answers(1)
    (row,) = house.rows("SELECT conversation_id FROM messages WHERE text = 'Is somebody quick there?'")
    address = f"{house.url}/dashboard/conversations/{row['conversation_id']}?tab=all"
    with late(desk, "**/conversation.js"):
        desk.goto(address, wait_until="commit")
        desk.get_by_role("textbox", name="Reply").fill("At your service.")
        desk.get_by_role("button", name="Send", exact=True).click()
    expect(thread(desk).get_by_text("At your service.", exact=True)).to_have_count(1)
    expect(desk.get_by_role("textbox", name="Reply")).to_have_value("")
    with late(desk, "**/conversation.js"):
        desk.goto(address, wait_until="commit")
        desk.get_by_role("textbox", name="Reply").fill("Sent by keyboard.")
        desk.keyboard.press("Control+Enter")
    expect(thread(desk).get_by_text("Sent by keyboard.", exact=True)).to_have_count(1)
    with late(desk, "**/keys.js"):
        desk.goto(address, wait_until="commit")
        expect(thread(desk)).to_be_visible()
        desk.keyboard.type("/tea")  # where the search is, once the slash has brought it there
    expect(desk.get_by_label("Search conversations")).to_have_value("tea")
    expect(desk.locator("#head")).to_contain_text("With a person: you")
    with late(desk, "**/conversation.js"):
        desk.goto(address, wait_until="commit")
        desk.get_by_role("button", name="Hand back to the bot", exact=True).click()
    expect(desk.locator("#head")).to_contain_text("With the bot")


def test_a_canned_answer_is_taken_with_its_names_filled_in(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    desk.goto(f"{house.url}/dashboard/settings/canned")
    desk.get_by_label("Short name").first.fill("shipping")
    desk.get_by_label("Text").first.fill("I am {{operator}}; it is on its way.")
    act(desk, "Add")
    expect(desk.get_by_label("Short name")).to_have_count(2)
    chat.ask("Has it been sent?")
    chat.expect_answers(1)
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    entry(desk, house, "Has it been sent?").click()
    reply = desk.get_by_role("textbox", name="Reply")
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    reply.press_sequentially("Hello, /shi")
    offered = desk.get_by_role("listbox", name="Canned answers").get_by_role("option")
    expect(offered).to_have_count(1)
    desk.keyboard.press("Enter")
    expect(reply).to_have_value("Hello, I am Grace; it is on its way.")
    desk.keyboard.press("Control+Enter")
    expect(chat.thread).to_contain_text("I am Grace; it is on its way.")


def test_times_are_the_readers_and_do_not_move_when_scripts_say_them(
    browser: Browser, house: Switchboard, password: str, chat: Chat
) -> None:
    chat.ask("What time is it where you are?")
    (row,) = house.rows(
        "SELECT conversation_id AS id FROM messages WHERE text = 'What time is it where you are?'"
    )
    context = browser.new_context(
        locale="en-US", timezone_id="Asia/Tokyo", viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    sign_in(page, house, password)
    until(lambda: "Asia/Tokyo" in [each["value"] for each in context.cookies()], 15, "the zone")
    with page.expect_response(re.compile(r"/conversations/cnv")) as answered:
        page.goto(f"{house.url}/dashboard/conversations/{row['id']}")
    moment = thread(page).locator(".message.contact time").first
    expect(moment).to_have_attribute("title", re.compile(r"GMT\+9"))
    assert f">{moment.inner_text()}</time>" in answered.value.text()
    page.goto(f"{house.url}/dashboard/settings/you")
    page.get_by_label("Time zone").select_option("America/Toronto")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("data-zone", "America/Toronto")
    page.goto(f"{house.url}/dashboard/conversations/{row['id']}")
    expect(moment).to_have_attribute("title", re.compile(r"E[SD]T"))
    context.close()
