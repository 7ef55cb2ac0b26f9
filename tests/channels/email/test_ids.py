"""Message-IDs of ours, the chain of a thread, signed addresses, subjects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.headers import ids
from channels.email.ids import (
    OurPart,
    PlusAddresses,
    automatic,
    chain,
    message_id,
    one_line,
    ours,
    reply_subject,
)

MESSAGE = "msg_0190f3c2a1b5e7d94c60a8f13b2d5e7"
DOMAINS = ("Example.com", "example.org")
KEY = b"a key of this test's own"


def plus(address: str = "support@example.com", key: bytes = KEY) -> PlusAddresses:
    return PlusAddresses(address, key=key)


def test_an_id_of_ours_is_the_same_at_every_attempt_and_names_its_message() -> None:
    part = OurPart(message=MESSAGE, part=2)
    given_out = message_id(part, "EXAMPLE.com")
    assert given_out == message_id(part, "example.com") == f"{MESSAGE}.2@example.com"
    assert ours(given_out, DOMAINS) == part


def test_an_id_says_that_nobody_read_the_mail_whosever_it_is() -> None:
    part = OurPart(message=MESSAGE, part=1, automatic=True)
    given_out = message_id(part, "example.com")
    assert ours(given_out, DOMAINS) == part
    assert automatic(given_out)
    assert automatic(f"<{MESSAGE.upper()}.1.AUTO@southwind.example>")
    for a_persons in (f"{MESSAGE}.1@example.com", "msg_1.1.auto@example.com", "CAF+x.auto@mail.example", ""):
        assert not automatic(a_persons)


@pytest.mark.parametrize(
    "header",
    [
        f"<{MESSAGE}.1@example.com>",
        f"{MESSAGE}.1@example.com",
        f"<{MESSAGE}.1@EXAMPLE.COM>",
        f"<{MESSAGE.upper()}.1@Example.com>",
        f"<{MESSAGE}.1\r\n @example.com>",
        f"\r\n\t<{MESSAGE}.1@example.com>",
        f"<first@elsewhere.example>\r\n <{MESSAGE}.1@example.com>",
        f"first@elsewhere.example {MESSAGE}.1@example.com",
    ],
)
def test_an_id_of_ours_is_known_as_clients_give_it_back(header: str) -> None:
    assert [found for each in ids(header) if (found := ours(each, DOMAINS))] == [
        OurPart(message=MESSAGE, part=1)
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "<>",
        "@example.com",
        f"{MESSAGE}.1@example.com.attacker.example",
        f"{MESSAGE}.1@attacker.example",
        f"{MESSAGE}@example.com",
        f"{MESSAGE}.0@example.com",
        f"{MESSAGE}.1x@example.com",
        f"{MESSAGE}.99999@example.com",
        f"x {MESSAGE}.1@example.com",
        f"{MESSAGE}.1@example.com@attacker.example",
        "CAF+abc.1@example.com",
    ],
)
def test_what_we_never_gave_out_is_not_ours(reference: str) -> None:
    assert ours(reference, DOMAINS) is None


def test_a_reply_continues_the_chain() -> None:
    assert chain(message="c@x", references=["a@x", "b@x"], in_reply_to="b@x") == ("a@x", "b@x", "c@x")
    assert chain(message="b@x", in_reply_to="a@x") == ("a@x", "b@x")
    assert chain(message="a@x") == ("a@x",)
    assert chain(message="") == ()


def test_a_chain_names_each_message_once_and_the_answered_one_last() -> None:
    assert chain(message="b@x", references=["a@x", "b@x", "a@x", "c@x"]) == ("a@x", "c@x", "b@x")


def test_a_long_chain_keeps_its_first_and_its_latest() -> None:
    whole = [f"{each:060}@mail.example" for each in range(200)]
    assert chain(message=whole[-1], references=whole) == tuple(whole)
    longer = [f"{each:060}@mail.example" for each in range(5_000)]
    kept = chain(message="last@x", references=longer)
    assert (kept[0], kept[-2:]) == (longer[0], (longer[-1], "last@x"))
    assert kept[1:-1] == tuple(longer[2 - len(kept) :])
    assert 15_900 < len(" ".join(f"<{each}>" for each in kept)) <= 16_000


@pytest.mark.parametrize(
    "spoilt", ["a@x>\r\nBcc: b@x", "a b@x", "a\0@x", "é@x", "a@x<b@x", "x" * 501, "a\x7f@x", "a\u2028@x"]
)
def test_what_would_spoil_the_header_is_left_out(spoilt: str) -> None:
    assert chain(message="m@x", references=["a@x", spoilt]) == ("a@x", "m@x")
    assert chain(message=spoilt, references=["a@x"]) == ("a@x",)


@pytest.mark.parametrize(
    "written", ["CAJ=q_1+2$3@mail.gmail.com", "no-at-sign", "1:2@[10.0.0.1]", '"quoted"@x', "a..b@x"]
)
def test_strange_ids_of_others_keep_their_threads(written: str) -> None:
    assert chain(message=written) == (written,)


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Order 1234", "Re: Order 1234"),
        ("Re: Order 1234", "Re: Order 1234"),
        ("RE: AW: Re: SV: Order 1234", "Re: Order 1234"),
        ("RE[2]: Order", "Re: Order"),
        ("Re(3): Order", "Re: Order"),
        ("Re*2: Order", "Re: Order"),
        ("RE : Commande", "Re: Commande"),
        ("RE\u00a0: Commande", "Re: Commande"),
        ("Odp: Zamówienie", "Re: Zamówienie"),
        ("VÁ: Rendelés", "Re: Rendelés"),
        ("回复：订单", "Re: 订单"),
        ("Απ: Παραγγελία", "Re: Παραγγελία"),
        ("Re: Fwd: Order", "Re: Fwd: Order"),
        ("Fwd: Re: Order", "Re: Fwd: Re: Order"),
        ("WG: Order", "Re: WG: Order"),
        ("Response times", "Re: Response times"),
        ("Red: the colour", "Re: Red: the colour"),
        ("Refund: where is it?", "Re: Refund: where is it?"),
        ("", "Re:"),
        ("Re:", "Re:"),
        ("=?utf-8?q?AW=3A_Gr=C3=BC=C3=9Fe?=", "Re: Grüße"),
        ("=?utf-8?b?UmU6IE9yZGVy?=", "Re: Order"),
        ("=?nonsense?x?y?=", "Re: =?nonsense?x?y?="),
        ("Order\r\nBcc: everybody@example.com", "Re: Order Bcc: everybody@example.com"),
        ("=?utf-8?q?Order=0D=0ABcc=3A_everybody=40example.com?=", "Re: Order Bcc: everybody@example.com"),
        ("Order\0\x1b[31m\u2028two", "Re: Order[31m two"),
    ],
)
def test_a_reply_says_re_once(subject: str, answer: str) -> None:
    assert reply_subject(subject) == answer
    assert reply_subject(answer) == answer


@given(st.text())
def test_any_subject_gives_one_line_that_stays_as_it_is(subject: str) -> None:
    answer = reply_subject(subject)
    assert answer.startswith("Re:")
    assert len(answer) <= 1_000
    assert answer.splitlines() == [answer]
    assert answer.isprintable() or set(filter(lambda char: not char.isprintable(), answer)) <= set(
        "\u200c\u200d\u200e\u200f"
    )


def test_joiners_stay_in_a_line() -> None:
    assert one_line("👩\u200d🔧  می\u200cخواهم\n") == "👩\u200d🔧 می\u200cخواهم"


def test_a_subject_of_re_alone_takes_no_time() -> None:
    assert reply_subject("Re: " * 250_000 + "x") == "Re: x"
    assert reply_subject("re" * 250_000).startswith("Re: rere")


def test_a_plus_address_names_the_message_it_was_signed_for() -> None:
    address = plus().sign(MESSAGE)
    assert re.fullmatch(r"support\+[a-z2-7]{42}@example\.com", address)
    assert plus().names(["Somebody@else.example", address]) == MESSAGE


def test_a_plus_address_survives_the_folding_of_case() -> None:
    address = plus().sign(MESSAGE)
    assert plus().names([address.upper()]) == MESSAGE
    assert plus("Support@Example.COM").names([address]) == MESSAGE


def test_no_changed_letter_is_taken_for_signed() -> None:
    address = plus().sign(MESSAGE)
    for at, char in enumerate(address):
        for other in "abcdefghijklmnopqrstuvwxyz234567+@. \0é":
            if other != char:
                assert plus().names([address[:at] + other + address[at + 1 :]]) is None


def test_a_plus_address_of_another_key_or_mailbox_is_not_ours() -> None:
    assert plus().names([plus(key=b"another").sign(MESSAGE)]) is None
    assert plus().names([plus("sales@example.com").sign(MESSAGE)]) is None
    token = plus("sales@example.com").sign(MESSAGE).partition("+")[2].partition("@")[0]
    assert plus().names([f"support+{token}@example.com"]) is None


@given(st.text())
def test_no_address_whatsoever_is_taken_for_signed(token: str) -> None:
    assert plus().names([f"support+{token}@example.com", token]) is None


def test_letters_that_fold_to_others_are_no_token() -> None:
    address = plus().sign(MESSAGE)
    assert plus().names([address.replace("i", "ı").replace("s", "ſ")]) is None


def test_an_address_too_long_for_a_token_is_refused_at_once() -> None:
    plus("a" * 21 + "@example.com").sign(MESSAGE)
    with pytest.raises(ValueError, match="allows 21 characters"):
        plus("a" * 22 + "@example.com")


def test_only_stored_messages_are_signed_for() -> None:
    with pytest.raises(ValueError, match="not the id"):
        plus().sign("msg_1@x\r\nBcc: b@x")
