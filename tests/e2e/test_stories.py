"""Two operators and a customer at once, told whole for each channel, in Chromium and real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.doubles.till import till
from tests.doubles.twilio import Twilio
from tests.e2e.beside import beside, on
from tests.e2e.browser import visit
from tests.e2e.customers import SOON, ByMail, Customer, OnWhatsApp, Visitor, has_got
from tests.e2e.desk import EMAIL, OTHER_EMAIL, act, at_the_desk, seen_writing, thread
from tests.e2e.story import ENDURING, WATCHED, Company, Operator, company, spoken
from tests.postoffice import post_office
from tests.processes import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LEASE = 30.0  # seconds after which a dead reader's mailbox is another's
HELLO = "How long does delivery to Norway take?"
QUESTION = "And what does express delivery cost?"


def test_on_the_website(browser: Browser, context: BrowserContext, tmp_path: Path) -> None:
    with till(keeps_keys=frozenset({"refund"})) as paid, company(tmp_path, paid, {}) as us:
        tell(browser, us, Visitor(chat=visit(context, us.house.url).open()))


def test_on_whatsapp(browser: Browser, tmp_path: Path) -> None:
    with till(keeps_keys=frozenset({"refund"})) as paid, beside() as loop:
        twilio = Twilio()
        on(loop, twilio.start())
        try:
            with company(tmp_path, paid, twilio.settings) as us:
                twilio.webhooks.append(us.house.url)
                telephone = twilio.customer("whatsapp:+4915112345678", "Zoë Müller")
                tell(browser, us, OnWhatsApp(loop=loop, twilio=twilio, telephone=telephone))
        finally:
            on(loop, twilio.stop())


def test_by_mail(browser: Browser, tmp_path: Path) -> None:
    with (
        till(keeps_keys=frozenset({"refund"})) as paid,
        post_office() as office,
        company(tmp_path, paid, office.settings()) as us,
    ):
        tell(browser, us, ByMail(office=office))


def tell(browser: Browser, us: Company, customer: Customer) -> None:
    """The story, whatever the channel."""
    passwords = [
        us.house.command("operator", "add", address, "--name", name).split()[-1]
        for name, address in (("Grace", EMAIL), ("Linus", OTHER_EMAIL))
    ]
    with (
        at_the_desk(browser, us.house, passwords[0], email=EMAIL) as first,
        at_the_desk(browser, us.house, passwords[1], email=OTHER_EMAIL) as second,
    ):
        grace, linus = Operator(name="Grace", page=first), Operator(name="Linus", page=second)
        conversation = both_see_it_come(us, customer, grace, linus)
        grace_takes_over_in_the_middle_of_a_word(us, customer, grace, linus)
        linus_writes_a_note(customer, grace, linus)
        graces_network_is_lost(customer, grace, linus)
        the_answer_to_a_reply_is_lost(customer, grace, linus)
        the_house_is_killed(us, customer, grace, linus, conversation)
        grace_hands_back(grace, linus)
        linus_approves_with_an_edit(us, customer, grace, linus)
        linus_resolves(grace, linus)
        all_agree(us, customer, grace, linus, conversation)


def both_see_it_come(us: Company, customer: Customer, grace: Operator, linus: Operator) -> str:
    for each in (grace, linus):
        each.waits_at_the_list(us.house)
    customer.write(HELLO)
    conversation = us.conversation(HELLO)
    for each in (grace, linus):
        each.opens(conversation)
        each.sees(HELLO)
    has_got(customer, "We deliver to all countries of the European Union")
    for each in (grace, linus):
        each.sees("We deliver to all countries of the European Union")
    return conversation


def grace_takes_over_in_the_middle_of_a_word(
    us: Company, customer: Customer, grace: Operator, linus: Operator
) -> None:
    us.model.usually = ENDURING
    customer.write(QUESTION)
    for each in (grace, linus):
        expect(each.being_written).not_to_be_empty()
    act(grace.page, "Take over")
    for each in (grace, linus):
        expect(thread(each.page).locator("#writing")).to_be_hidden()
        expect(each.head).to_contain_text("With a person")
        expect(thread(each.page)).to_contain_text("What the bot was about to say")
    (draft,) = us.house.rows("SELECT text FROM drafts")
    assert draft["text"]
    expect(grace.page.locator(".draft p")).to_have_text(draft["text"], use_inner_text=False)
    us.model.usually = WATCHED
    expect(linus.others).to_have_text("Grace is looking")
    grace.box.press_sequentially("Grace here. ")
    seen_writing(grace.page, linus.page, grace.name)
    grace.box.press_sequentially("Express costs 12.90.")
    grace.presses_send()
    has_got(customer, "Grace here. Express costs 12.90.")
    linus.sees("Grace here. Express costs 12.90.")


def linus_writes_a_note(customer: Customer, grace: Operator, linus: Operator) -> None:
    linus.box.fill("She has written to us before.")
    act(linus.page, "Note")
    grace.sees("She has written to us before.")


def graces_network_is_lost(customer: Customer, grace: Operator, linus: Operator) -> None:
    grace.box.press_sequentially("It arrives on ")
    grace.page.context.set_offline(True)
    customer.write("I order before noon.")
    linus.sees("I order before noon.")
    grace.has_no_connection()
    grace.box.press_sequentially("the next working day.")
    grace.presses_send()
    expect(grace.page.get_by_role("alert")).to_contain_text("No connection")
    expect(grace.message("I order before noon.")).to_have_count(0)
    grace.page.context.set_offline(False)
    grace.is_connected()
    grace.sees("I order before noon.")
    expect(grace.box).to_have_value("It arrives on the next working day.")
    grace.presses_send()
    has_got(customer, "It arrives on the next working day.")
    linus.sees("It arrives on the next working day.")


def the_answer_to_a_reply_is_lost(customer: Customer, grace: Operator, linus: Operator) -> None:
    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    grace.page.route("**/messages", lose, times=1)
    grace.box.fill("Is there anything else?")
    grace.presses_send()
    expect(grace.page.get_by_role("alert")).to_contain_text("No connection")
    expect(grace.box).to_have_value("Is there anything else?")
    grace.presses_send()
    expect(grace.box).to_have_value("")
    has_got(customer, "Is there anything else?")
    for each in (grace, linus):
        each.sees("Is there anything else?")


def the_house_is_killed(
    us: Company, customer: Customer, grace: Operator, linus: Operator, conversation: str
) -> None:
    grace.box.press_sequentially("Let me look ")
    customer.write("Yes, about my last order.")
    us.kill()
    for each in (grace, linus):
        each.has_no_connection()
    grace.box.press_sequentially("at that for you.")
    us.come_back()
    for each in (grace, linus):
        each.is_connected()
        each.sees("Yes, about my last order.", within=LEASE + SOON)
    expect(grace.others).to_have_text("Linus is looking")
    expect(grace.box).to_have_value("Let me look at that for you.")
    drafts = f"SELECT text FROM reply_drafts WHERE conversation_id = '{conversation}'"
    until(
        lambda: [row["text"] for row in us.house.rows(drafts)] == ["Let me look at that for you."],
        15,
        "the draft on the server, as it was written meanwhile",
    )
    grace.page.reload()
    expect(grace.box).to_have_value("Let me look at that for you.")
    expect(grace.page.locator("#contact")).to_be_focused()
    grace.presses_send()
    has_got(customer, "Let me look at that for you.")
    linus.sees("Let me look at that for you.")


def grace_hands_back(grace: Operator, linus: Operator) -> None:
    act(grace.page, "Hand back with a note to the bot")
    asking = grace.page.get_by_role("dialog", name="Hand back with a note to the bot")
    expect(asking.get_by_role("textbox")).to_be_focused()
    grace.page.keyboard.type("They may have their money back.")
    act(grace.page, "Hand back")
    for each in (grace, linus):
        expect(each.head).to_contain_text("With the bot")
        each.sees("They may have their money back.")


def linus_approves_with_an_edit(us: Company, customer: Customer, grace: Operator, linus: Operator) -> None:
    customer.write("Please refund my order 123456.")
    has_got(customer, "I have asked a colleague to allow it")
    for each in (grace, linus):
        expect(each.page.get_by_role("article", name="Refund")).to_contain_text("123456")
    assert us.till.ledger == []
    card = linus.page.get_by_role("article", name="Refund")
    card.get_by_role("button", name="Edit").click()
    card.get_by_label("Order id").fill("123457")
    card.get_by_label("A word to the customer").fill("You meant order 123457.")
    card.get_by_role("button", name="Approve").click()
    has_got(customer, "You meant order 123457.")
    for each in (grace, linus):
        each.sees("You meant order 123457.")
        expect(each.page.get_by_role("button", name="Approve")).to_have_count(0)
    assert us.till.ledger == [("refund", "123457")]


def linus_resolves(grace: Operator, linus: Operator) -> None:
    act(linus.page, "Resolve")
    for each in (grace, linus):
        expect(each.head).to_contain_text("Resolved")


def all_agree(us: Company, customer: Customer, grace: Operator, linus: Operator, conversation: str) -> None:
    """Word for word and in order, and only operators know what was not for the customer."""
    assert [spoken(each) for each in customer.thread()] == us.said(conversation)
    for each in (grace, linus):
        assert each.read() == us.said(conversation, private=True)
