"""What users of the great providers are told."""

from __future__ import annotations

import pytest

from channels.email.providers import on_refused_login, on_unvouched_senders


@pytest.mark.parametrize("sending", [True, False])
@pytest.mark.parametrize("token", [True, False])
def test_others_are_told_nothing_of_them(token: bool, sending: bool) -> None:
    assert on_refused_login("mail.northwind.example", token=token, sending=sending) == ""


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("IMAP.gmail.com", "mx.google.com"),
        ("outlook.office365.com", "none can be relied on"),
        ("mail.northwind.example", "the name that begins"),
    ],
)
def test_how_senders_come_to_be_vouched_for(host: str, says: str) -> None:
    assert says in on_unvouched_senders(host)
