"""A visitor asks and is answered: everything once and in order, whatever happens in between."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from channels.website import TEXT_LIMIT
from tests.e2e.browser import Chat, fast_forward_while_hidden, set_hidden, visit
from tests.processes import Switchboard

RETURNS = "How long can I return things?"
ANSWER = "60 days"
COST = "What does a return from Austria cost?"


def test_an_answer_is_seen_being_written_and_says_where_it_is_from(chat: Chat) -> None:
    chat.write(RETURNS)
    expect(chat.being_written).to_be_visible()
    chat.thread.locator(".row.live").evaluate("row => row.id = 'watched'")
    chat.expect_answers(1)
    expect(chat.answers).to_contain_text(ANSWER)
    expect(chat.sources.first).to_have_text("Return an item")
    expect(chat.sources.first).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(chat.thread.locator("#watched")).to_contain_text(ANSWER)  # the same element: nothing jumped
    assert [kind for kind, _ in chat.said()] == ["in", "out"]


def test_a_source_shows_the_passage_it_stands_for(chat: Chat) -> None:
    chat.ask(RETURNS)
    chat.expect_answers(1)
    toggle = chat.thread.locator(".source button").first
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(toggle).to_have_accessible_name(f"Quote from {chat.sources.first.inner_text()}")
    toggle.click()
    expect(chat.thread.locator(".quote").first).to_be_visible()
    expect(chat.thread.locator(".quote").first).to_contain_text(ANSWER)


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(chat: Chat) -> None:
    chat.write(RETURNS)
    expect(chat.being_written).to_be_visible()
    chat.page.reload()
    chat.open()
    chat.expect_answers(1)
    expect(chat.answers).to_contain_text(ANSWER)
    assert [kind for kind, _ in chat.said()] == ["in", "out"]


def test_a_page_loaded_again_is_as_it_was_left(
    chat: Chat, context: BrowserContext, house: Switchboard
) -> None:
    chat.page.reload()
    expect(chat.panel).to_be_visible()
    other = visit(context, house.url)  # another tab decides for itself
    expect(other.panel).to_be_hidden()
    chat.page.get_by_role("button", name="Close chat").click()
    chat.page.reload()
    expect(chat.launcher).to_be_visible()
    expect(chat.panel).to_be_hidden()


def test_an_answer_that_came_while_the_page_was_loaded_again_is_new(chat: Chat) -> None:
    chat.ask(RETURNS)
    chat.page.keyboard.press("Escape")
    chat.page.reload()
    expect(chat.launcher.locator(".badge")).to_have_text("1")
    expect(chat.launcher).to_have_accessible_description("New messages: 1")


def test_two_tabs_show_the_same_conversation(chat: Chat, context: BrowserContext, house: Switchboard) -> None:
    other = visit(context, house.url).open()
    chat.ask(RETURNS)
    chat.expect_answers(1)
    other.expect_answers(1)
    other.ask("What does express delivery cost?")
    other.expect_answers(2)
    chat.expect_answers(2)
    chat.expect_the_same_as(other)
    assert [kind for kind, _ in chat.said()] == ["in", "out", "in", "out"]


def test_a_message_that_could_not_leave_survives_a_reload_and_is_sent_once(chat: Chat) -> None:
    chat.page.route("**/api/web/messages", lambda route: route.abort())
    chat.write(RETURNS)
    expect(chat.state(RETURNS)).to_have_text("Sending…")
    chat.page.reload()
    chat.open()
    expect(chat.state(RETURNS)).to_have_text("Sending…")
    chat.page.unroute_all()
    expect(chat.state(RETURNS)).to_contain_text("Sent")
    chat.expect_answers(1)
    assert [kind for kind, _ in chat.said()] == ["in", "out"]


def test_an_answer_lost_on_its_way_does_not_send_a_message_twice(chat: Chat) -> None:
    taken: list[int] = []

    def lose_the_first(route: Route) -> None:
        answer = route.fetch()
        taken.append(answer.status)
        if len(taken) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    chat.page.route("**/api/web/messages", lose_the_first)
    chat.write(RETURNS)
    chat.expect_answers(1)
    expect(chat.state(RETURNS)).to_contain_text("Sent")
    chat.page.wait_for_function("Object.keys(localStorage).every(key => !key.includes(':out:'))")
    assert taken == [202, 200]
    assert [kind for kind, _ in chat.said()] == ["in", "out"]


def test_messages_written_offline_are_sent_in_order_when_the_network_is_back(
    chat: Chat, context: BrowserContext
) -> None:
    chat.ask("Hello")
    chat.expect_answers(1)
    context.set_offline(True)
    expect(chat.offline).to_be_visible()
    wishes = [f"Please note number {number}" for number in range(1, 4)]
    for wish in wishes:
        chat.write(wish)
        expect(chat.state(wish)).to_have_text("Sending…")
    context.set_offline(False)
    expect(chat.offline).to_be_hidden()
    expect(chat.thread.get_by_text("Sending…")).to_have_count(0)
    chat.page.reload()
    chat.open()
    expect(chat.questions).to_have_text(["Hello", *wishes])


def test_a_message_the_server_refuses_is_kept_until_the_visitor_decides(chat: Chat) -> None:
    refusal = {"error": {"code": "invalid", "message": "not today"}}
    chat.page.route("**/api/web/messages", lambda route: route.fulfill(status=422, json=refusal))
    chat.write("Take it or leave it")
    state = chat.state("Take it or leave it")
    expect(state).to_contain_text("Could not be sent")
    chat.page.reload()
    chat.open()
    expect(state).to_contain_text("Could not be sent")
    chat.page.unroute_all()
    state.get_by_role("button", name="Try again").click()
    expect(state).to_contain_text("Sent")
    expect(chat.questions).to_have_count(1)


def test_what_is_too_long_is_said_before_it_is_sent_and_nothing_is_lost(chat: Chat) -> None:
    send = chat.page.get_by_role("button", name="Send")
    told = chat.panel.get_by_text("Too long: 8,001 / 8,000")
    text = "🏔" * (TEXT_LIMIT + 1)
    chat.box.fill(text)
    expect(told).to_be_visible()
    expect(send).to_have_attribute("aria-disabled", "true")
    chat.box.press("Enter")
    expect(chat.box).to_have_value(text)
    chat.box.fill(text[1:])
    expect(told).to_be_hidden()
    send.click()
    expect(chat.state(text[1:])).to_contain_text("Sent")


def test_what_the_page_sends_and_is_too_long_says_so(chat: Chat) -> None:
    chat.page.evaluate(f"switchboard.send('a'.repeat({TEXT_LIMIT + 1}))")
    expect(chat.state("aaa")).to_contain_text("Too long: 8,001 / 8,000")
    expect(chat.page.get_by_role("button", name="Try again")).to_have_count(0)
    chat.page.get_by_role("button", name="Remove").click()
    expect(chat.questions).to_have_count(0)


def test_a_refused_message_can_be_removed(chat: Chat) -> None:
    chat.page.route("**/api/web/messages", lambda route: route.fulfill(status=413, json={}))
    chat.write("Too much")
    chat.state("Too much").get_by_role("button", name="Remove").click()
    expect(chat.questions).to_have_count(0)


def test_a_busy_server_is_given_the_time_it_asks_for(chat: Chat) -> None:
    statuses = iter([429, 503])

    def refuse_twice(route: Route) -> None:
        status = next(statuses, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={})

    chat.page.route("**/api/web/messages", refuse_twice)
    chat.write(RETURNS)
    expect(chat.state(RETURNS)).to_contain_text("Sent")
    assert next(statuses, None) is None


def test_a_token_nobody_knows_begins_a_new_session_and_keeps_what_was_written(chat: Chat) -> None:
    chat.ask("Hello")
    chat.page.evaluate(
        "Object.keys(localStorage).forEach(key => key.endsWith(':token') && (localStorage[key] = 'forged'))"
    )
    chat.write(RETURNS)
    expect(chat.state(RETURNS)).to_contain_text("Sent")
    expect(chat.thread.get_by_text("Sending…")).to_have_count(0)
    token = chat.page.evaluate("Object.entries(localStorage).find(([key]) => key.endsWith(':token'))[1]")
    assert token != "forged"


@pytest.mark.slow
def test_the_server_killed_and_started_again_in_the_middle_of_an_answer(
    chat: Chat, house: Switchboard
) -> None:
    chat.ask("What does express delivery cost?")
    chat.expect_answers(1)
    chat.write(RETURNS)
    expect(chat.being_written).to_be_visible()
    house.webs[0].end(signal.SIGKILL)
    expect(chat.offline).to_be_visible()
    chat.write("And from Norway?")
    house.webs[0].start()
    expect(chat.offline).to_be_hidden()
    expect(chat.state("And from Norway?")).to_contain_text("Sent")
    # the two may be answered in one reply or in two, but after both and once
    last = chat.thread.locator(".row").last
    expect(last).to_have_class(re.compile(r"\bout\b(?!.*live)"), timeout=45_000)
    said = chat.said()
    questions = [text for kind, text in said if kind == "in"]
    assert questions == ["What does express delivery cost?", RETURNS, "And from Norway?"]
    assert len({text for kind, text in said if kind == "out"}) in {2, 3}
    chat.page.reload()
    chat.open()
    expect(chat.questions).to_have_count(3)
    assert chat.said()[: len(said)] == said


def test_a_hidden_page_lets_its_stream_go_and_catches_up_when_seen_again(
    context: BrowserContext, house: Switchboard
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(house.url)
    page.wait_for_function("window.switchboard")
    chat = Chat(page).open()
    chat.ask("Hello")
    chat.expect_answers(1)
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        fast_forward_while_hidden(page, 31)
    other = visit(context, house.url).open()
    other.ask(RETURNS)
    other.expect_answers(2)
    expect(chat.answers).to_have_count(1)
    set_hidden(page, hidden=False)
    chat.expect_answers(2)
    chat.expect_the_same_as(other)


def test_where_streams_are_held_back_the_widget_polls(chat: Chat) -> None:
    polled: list[str] = []

    def hold(route: Route) -> None:
        if "text/event-stream" in route.request.headers["accept"]:
            return  # as a proxy that keeps everything until the end, which never comes
        polled.append(route.request.url)
        route.continue_()

    chat.page.route("**/api/web/events*", hold)
    chat.page.reload()
    chat.open()
    with chat.page.expect_request(lambda request: request.headers.get("accept") == "application/json"):
        chat.ask(RETURNS)
    chat.expect_answers(1)
    assert polled


def test_talking_to_a_person_is_asked_for_and_confirmed(chat: Chat) -> None:
    person = chat.page.get_by_role("button", name="Talk to a person")
    person.click()
    expect(chat.thread.locator(".system")).to_be_visible()
    expect(chat.panel.get_by_text("A person will answer you here")).to_be_visible()
    chat.page.reload()
    chat.open()
    expect(chat.panel.get_by_text("A person will answer you here")).to_be_visible()
    expect(person).to_have_attribute("aria-disabled", "true")


@pytest.mark.slow
def test_twenty_reloads_at_any_moment_of_an_answer_show_it_once(chat: Chat) -> None:
    for number in range(20):
        chat.write((RETURNS, COST)[number % 2])  # who asks the same three times is handed to a person
        expect(chat.questions).to_have_count(number + 1)
        chat.page.wait_for_timeout(number * 60)
        chat.page.reload()
        chat.open()
        chat.expect_answers(number + 1)
    assert [kind for kind, _ in chat.said()] == ["in", "out"] * 20
