"""Only our own mail server vouches for a sender."""

from __future__ import annotations

import pytest

from channels.email.parse import parse
from channels.email.vouched import authenticated
from tests.channels.email.mails import mail, payload

SERVER = "mx.northwind.example"


def test_thunderbirds_mail_is_vouched_for_by_our_server_and_no_other() -> None:
    found = parse(payload("thunderbird-inline"))
    assert authenticated(found, SERVER)
    assert authenticated(found, SERVER.upper())
    assert not authenticated(found, "mx.home.example")
    assert not authenticated(found, "")


@pytest.mark.parametrize(
    ("results", "vouched"),
    [
        ("dmarc=pass header.from=home.example", True),
        ("dmarc=pass (p=none; dis=none) header.from=home.example", True),
        ("dmarc=pass", True),
        ("dmarc=pass header.from=evil.example", False),
        ("dmarc=fail header.from=home.example", False),
        ("dkim=pass header.d=home.example", True),
        ("dkim=pass header.i=@home.example header.s=s1", True),
        ("dkim=pass header.d=evil.example", False),
        ("dkim=pass header.d=example", False),
        ("dkim=pass", False),
        ("spf=pass smtp.mailfrom=anna@home.example", True),
        ("spf=pass smtp.mailfrom=home.example", True),
        ("spf=pass smtp.mailfrom=home.example.evil.example", False),
        ("spf=pass smtp.mailfrom=nothome.example", False),
        ("spf=softfail smtp.mailfrom=home.example", False),
        ("spf=pass smtp.helo=home.example", False),
        ("spf=fail (dmarc=pass; header.from=home.example) smtp.mailfrom=evil.example", False),
        ('spf=fail reason="; dmarc=pass"', False),
        ("dkim=fail header.d=home.example; spf=pass smtp.mailfrom=home.example", True),
        ('spf=pass smtp.mailfrom="a; dmarc=pass"@evil.example', False),
        ("spf=pass (a) dmarc=pass; (b) smtp.mailfrom=evil.example; dmarc=fail", False),
        ("spf=fail ) ; dmarc=pass", False),
        ("spf=fail (((; dmarc=pass)))", False),
        ("spf=fail (( ; dmarc=pass", False),
        ("spf=pass smtp.mailfrom==?utf-8?q?x;_dmarc=3Dpass?=@evil.example", False),
        ("spf=pass smtp.mailfrom==?utf-8?q?x?= ; =?utf-8?q?dmarc=3Dpass?=", False),
        ("dmarc/1=fail header.from=home.example; spf=pass smtp.mailfrom=home.example", False),
        ("dmarc/1=pass header.from=home.example", True),
        ("spf=fail smtp.mailfrom=x;dmarc=pass@evil.example", False),
        ("spf=pass smtp.mailfrom=a@evil.example smtp.helo=smtp.mailfrom=home.example", False),
        ("spf=pass smtp.helo=smtp.mailfrom=home.example", False),
        ("spf=pass smtp.mailfrom=a@evil.example smtp.mailfrom=home.example", False),
        ("none", False),
        ("", False),
    ],
)
def test_results_vouch_for_the_domain_in_from(results: str, vouched: bool) -> None:
    assert authenticated(mail(authentication_results=f"{SERVER}; {results}"), SERVER) is vouched


def test_a_subdomain_is_vouched_for_by_its_parent_but_not_by_a_public_ending() -> None:
    sender = {"from": "anna@post.home.example"}
    assert authenticated(
        mail(authentication_results=f"{SERVER}; dkim=pass header.d=home.example", **sender), SERVER
    )
    shop = {"from": "anna@shop.co.uk"}
    assert not authenticated(
        mail(authentication_results=f"{SERVER}; dkim=pass header.d=co.uk", **shop), SERVER
    )


def test_a_forged_result_below_ours_is_not_read() -> None:
    for ours in (
        f"{SERVER}; dmarc=none header.from=home.example",
        f"{SERVER}; spf=fail (()",
        f"{SERVER}; none",
        f"(a; b) {SERVER}; none",
    ):
        forged = f"{ours}\r\nAuthentication-Results: {SERVER}; dmarc=pass"
        assert not authenticated(mail(authentication_results=forged), SERVER)


def test_results_of_others_above_ours_are_passed_over() -> None:
    ours = f"{SERVER} 1; dmarc=pass header.from=home.example"
    results = f"relay.example; dmarc=fail\r\nAuthentication-Results: {ours}"
    assert authenticated(mail(authentication_results=results), SERVER)


@pytest.mark.parametrize(
    "sender",
    [
        "anna@home.example, eve@evil.example",
        "anna@home.example\r\nFrom: eve@evil.example",
        "nobody",
        "=?utf-8?q?anna?=@home.example",
        "anna@=?utf-8?q?home.example?=",
        "eve@evil.example (x) <anna@home.example>",
        "anna@home.example eve@evil.example",
    ],
)
def test_several_senders_or_none_are_vouched_for_by_nobody(sender: str) -> None:
    passed = mail(authentication_results=f"{SERVER}; dmarc=pass", **{"from": sender})
    assert not authenticated(passed, SERVER)
