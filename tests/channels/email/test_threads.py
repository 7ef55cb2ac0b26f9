"""Replies to a letter of ours as mail programs write them: each finds its thread, and is answered in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels.base import Quoted
from channels.email.ids import OurPart, PlusAddresses, chain, message_id, ours, reply_subject
from channels.email.mail import Mail
from channels.email.parse import parse
from channels.email.trim import trim
from channels.email.write import Letter, write

REPLIES = Path(__file__).parents[2] / "payloads" / "mail" / "replies"
LETTER = OurPart(message="msg_0190f3c2a1b5e7d94c60a8f13b2d5e7", part=1)
FIRST = "CAJ8kXw=first2Qm4v@mail.gmail.com"  # the customer's, which our letter answered
DOMAINS = ["northwind.example"]
ALL = sorted(each.name for each in REPLIES.glob("*.eml"))
BY_REFERENCES = [each for each in ALL if each != "no-references-plus-address.eml"]


def read(name: str) -> Mail:
    return parse((REPLIES / name).read_bytes())


def nearest(mail: Mail) -> OurPart | None:
    """What a mail answers: In-Reply-To first, then References from the latest on."""
    found = (ours(each, DOMAINS) for each in (mail.in_reply_to, *reversed(mail.references)))
    return next((each for each in found if each is not None), None)


def test_there_is_one_of_each_great_program() -> None:
    assert len(ALL) == 9
    assert {each.partition("-")[0] for each in ALL} >= {"apple", "gmail", "outlook", "thunderbird"}


@pytest.mark.parametrize("name", BY_REFERENCES)
def test_a_reply_names_the_letter_it_answers(name: str) -> None:
    assert nearest(read(name)) == LETTER


def test_a_reply_without_references_is_known_by_the_address_it_went_to() -> None:
    mail = read("no-references-plus-address.eml")
    plus = PlusAddresses("support@northwind.example", key=b"a key of this test's own")
    assert nearest(mail) is None
    assert plus.names(each.address for each in mail.to) == LETTER.message


@pytest.mark.parametrize("name", ALL)
def test_own_words_stand_alone(name: str) -> None:
    mail = read(name)
    assert mail.sender is not None
    assert mail.sender.address == "zoe@customer.example"
    own = [line for line in trim(mail.text).text.splitlines() if line and not line.startswith(">")]
    assert " ".join(own) in {
        "Perfect, thank you! Do I need the original box?",
        "Perfekt, danke! Brauche ich den Originalkarton?",
    }


@pytest.mark.parametrize("name", ALL)
def test_the_next_answer_stays_in_the_thread_of_its_reader(name: str) -> None:
    mail = read(name)
    thread = chain(message=mail.message_id, references=mail.references, in_reply_to=mail.in_reply_to)
    letter = Letter(
        message_id=message_id(OurPart(message="msg_next", part=1), "northwind.example"),
        date=datetime(2026, 3, 5, 11, 0, tzinfo=UTC),
        sender="support@northwind.example",
        sender_name="Ada",
        recipient="zoe@customer.example",
        subject=reply_subject(mail.subject),
        text="No.",
        html="<p>No.</p>",
        quoted=Quoted(who="Zoë", when=datetime(2026, 3, 5, 10, 20, tzinfo=UTC), text=trim(mail.text).text),
        in_reply_to=mail.message_id,
        references=thread,
    )
    answer = parse(write(letter))
    assert answer.subject in {"Re: Größe 42", "Re: Groesse 42"}
    assert answer.in_reply_to == mail.message_id == answer.references[-1]
    assert list(answer.references) == [*mail.references, mail.message_id]
    if FIRST in mail.references:
        assert answer.references[0] == FIRST
    assert trim(answer.text).text == "No."
    signed = parse(write(replace(letter, signature="Ada")))
    assert trim(signed.text).text == "No."
