"""People are told from machines: only people are answered."""

from __future__ import annotations

import pytest

from channels.email.bounces import Bounce
from channels.email.kinds import Automatic, Complaint, Form, Listed, Ordinary, Ours, OutOfOffice, judge
from channels.email.mail import Address
from channels.email.parse import parse
from tests.channels.email.mails import mail, payload

OWN = {"help@northwind.example"}


@pytest.mark.parametrize("name", ["gmail-reply", "outlook-reply", "apple-mail-reply", "thunderbird-inline"])
def test_a_customers_mail_is_ordinary(name: str) -> None:
    assert judge(parse(payload(name)), OWN) == Ordinary()


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Delivery failed", "My parcel could not be delivered, the driver said the address was unknown."),
        ("Undelivered parcel", "Your courier was unable to deliver. It was returned to sender!"),
        ("Mail delivery problem", "I never got your mail. Was it rejected?\n\nOriginal message:\nHello"),
        ("Returned boots", "550 for a pair is too much, I returned them."),
        ("Question", "I am out of office next week, can you deliver on Friday?"),
        ("Auto: Ersatzteil gesucht", "Ich suche einen Spiegel."),
        ("On vacation", "I leave on Monday. Will the boots come before?"),
        ("Fwd: Undelivered Mail Returned to Sender", "This came when I wrote to you. Why?"),
    ],
)
def test_a_customer_who_writes_of_deliveries_and_absences_is_ordinary(subject: str, body: str) -> None:
    assert judge(mail(body, subject=subject, return_path="<anna@home.example>"), OWN) == Ordinary()


def test_a_report_names_whom_it_is_about_and_why() -> None:
    assert judge(parse(payload("postfix-bounce")), OWN) == Bounce(
        recipients=("nobody@home.example",),
        original_message_id="m7.204518@northwind.example",
        status="5.1.1",
        permanent=True,
        words="550 5.1.1 <nobody@home.example>: Recipient address rejected: User unknown",
    )


def test_a_delay_is_not_permanent_and_an_arrival_is_no_bounce() -> None:
    delayed = (
        payload("postfix-bounce")
        .replace(b"Action: failed", b"Action: delayed")
        .replace(b": 5.1.1", b": 4.4.1")
    )
    found = judge(parse(delayed), OWN)
    assert isinstance(found, Bounce)
    assert not found.permanent
    arrived = payload("postfix-bounce").replace(b"Action: failed", b"Action: delivered")
    assert isinstance(judge(parse(arrived), OWN), Automatic)


def test_a_bounce_without_a_report_is_known_by_who_writes_and_what() -> None:
    body = (
        "I wasn't able to deliver your message to the following addresses.\n\n"
        "<nobody@home.example>:\n192.0.2.7 does not like recipient.\n"
        "Remote host said: 550 no mailbox here\n\n--- Below this line is a copy of the message.\n\n"
        "Message-ID: <m7.204518@northwind.example>\nTo: nobody@home.example\n"
    )
    found = judge(
        mail(
            body, subject="failure notice", **{"from": "MAILER-DAEMON@mx.home.example", "return-path": "<>"}
        ),
        OWN,
    )
    assert isinstance(found, Bounce)
    assert found.recipients == ("nobody@home.example",)
    assert found.original_message_id == "m7.204518@northwind.example"
    assert (found.status, found.permanent) == ("5.0.0", True)


def test_what_a_person_says_around_a_return_is_for_a_person() -> None:
    body = (
        "Hello, my order never came and what I wrote to you could not be delivered, see below. Help!\n\n"
        "-------- Forwarded Message --------\nReceived: from home.example by mx.home.example\n"
        "Message-ID: <old@home.example>\nTo: help@northwind.example\n"
    )
    found = judge(mail(body, subject="Fwd: Undelivered Mail Returned to Sender"), OWN)
    assert isinstance(found, Bounce)
    assert found.by_hand


def test_an_absence_names_the_mail_it_answers() -> None:
    found = judge(parse(payload("exchange-absence")), OWN)
    assert found == OutOfOffice(original_message_id="m1.204518@northwind.example")


@pytest.mark.parametrize(
    "headers",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-generated (by a cron job)"},
        {"x_auto_response_suppress": "All"},
        {"x_autoreply": "yes"},
        {"x_autorespond": "Thank you"},
        {"precedence": "auto_reply"},
        {"return_path": "<>"},
        {"subject": "Automatic reply: Boots"},
        {"subject": "Autosvar: Boots"},
        {"subject": "[home.example] Auto-Reply: Boots"},
        {"subject": "自動返信: Boots"},
        {"from": "no-reply@home.example"},
        {"from": "donotreply@home.example"},
        {"from": "no-reply@home.example", "reply_to": "Help <help@home.example>"},
        {"from": "no-reply@home.example", "reply_to": "a@anna.example, b@anna.example"},
        {"from": "no-reply@home.example", "reply_to": "noreply@anna.example"},
        {"from": "no-reply@home.example", "reply_to": "help@northwind.example"},
        {"from": "no-reply@home.example", "reply_to": "help+token@northwind.example"},
        {"from": "no-reply@forms.example", "reply_to": "a@anna.example", "auto_submitted": "auto-generated"},
        {"from": "dmarc@home.example", "subject": "Report Domain: northwind.example Submitter: home.example"},
        {"from": "postmaster@home.example"},
        {"content_type": "multipart/report; report-type=disposition-notification; boundary=x"},
    ],
)
def test_machines_are_never_ordinary(headers: dict[str, str]) -> None:
    assert isinstance(judge(mail("Thank you for your message.", **headers), OWN), Automatic)


def test_auto_submitted_no_is_a_person() -> None:
    assert judge(mail(auto_submitted="no"), OWN) == Ordinary()


@pytest.mark.parametrize(
    "headers",
    [
        {"list_id": "Walkers <walkers.lists.example>"},
        {"list_unsubscribe": "<mailto:leave@lists.example>"},
        {"precedence": "bulk"},
        {"x_mailing_list": "walkers@lists.example"},
    ],
)
def test_lists_are_known(headers: dict[str, str]) -> None:
    assert isinstance(judge(mail(**headers), OWN), Listed)


def test_a_group_whose_address_is_ours_hands_on_customers() -> None:
    headers = {"precedence": "list", "list_id": "<help.northwind.example>"}
    assert judge(mail(list_post="<mailto:help@northwind.example>", **headers), OWN) == Ordinary()
    assert isinstance(judge(mail(list_post="<mailto:walkers@lists.example>", **headers), OWN), Listed)


def test_a_complaint_names_the_mail_somebody_did_not_want() -> None:
    raw = (
        "From: feedback@home.example\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=cut\n\n"
        "--cut\nContent-Type: text/plain\n\nA complaint.\n"
        "--cut\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        "Original-Rcpt-To: <anna@home.example>\n\n"
        "--cut\nContent-Type: message/rfc822\n\nMessage-ID: <m7@northwind.example>\n\nHi\n--cut--\n"
    )
    assert judge(parse(raw.encode()), OWN) == Complaint(
        recipients=("anna@home.example",), original_message_id="m7@northwind.example"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"x_switchboard": "1"},
        {"x_loop": "<Help@northwind.example>"},
        {"message_id": "<msg_0190f3c2a1b5e7d94c60a8f13b2d5e7.1.auto@southwind.example>"},
        {"from": "Northwind <Help@Northwind.example>"},
        {"from": "Northwind <help+abc@northwind.example>"},
    ],
)
def test_our_own_mail_is_known(headers: dict[str, str]) -> None:
    assert judge(mail(**headers), OWN) == Ours()


@pytest.mark.parametrize("form", ["noreply@forms.example", "wordpress@northwind.example"])
def test_a_form_names_who_filled_it_in(form: str) -> None:
    found = judge(mail(**{"from": f"A form <{form}>", "reply_to": "Anna Bell <Anna@home.example>"}), OWN)
    assert found == Form(writer=Address(address="Anna@home.example", name="Anna Bell"))


def test_what_a_person_puts_into_reply_to_makes_nobody_else_of_them() -> None:
    written = mail(**{"from": "anna@home.example", "reply_to": "Eve <eve@elsewhere.example>"})
    assert judge(written, OWN) == Ordinary()


def test_a_list_that_sends_as_nobody_is_no_form() -> None:
    headers = {"from": "noreply@lists.example", "reply_to": "a@home.example", "list_id": "<l.lists.example>"}
    assert isinstance(judge(mail(**headers), OWN), Automatic)
