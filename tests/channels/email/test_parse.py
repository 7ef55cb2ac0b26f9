"""Bytes become a mail, whatever they are."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.mail import Address, NotUnderstood
from channels.email.parse import DEPTH, PARTS, SIZE, parse
from tests.channels.email.mails import mail, payload


def part(*, head: str, body: str) -> str:
    return f"--cut\r\n{head}\r\n\r\n{body}\r\n"


def of_parts(*parts: str, kind: str = "mixed") -> bytes:
    head = f"From: anna@home.example\r\nContent-Type: multipart/{kind}; boundary=cut\r\n\r\n"
    return (head + "".join(parts) + "--cut--\r\n").encode()


def test_gmails_reply_is_understood() -> None:
    found = parse(payload("gmail-reply"))
    assert found.sender == Address(address="anna.bell@gmail.example", name="Anna Béll")
    assert found.message_id == "CAFz2Z0q=7hX1o@mail.gmail.example"
    assert found.in_reply_to == "m1.204518@northwind.example"
    assert found.references == ["m1.204518@northwind.example"]
    assert found.date == datetime(2024, 6, 3, 8, 41, 7, tzinfo=UTC)
    assert found.text.startswith("Thank you, that was quick! Here is the photo 👍\n\nAnna\n\nOn Mon, 3 Jun")
    assert "gmail_quote" in found.html
    (file,) = found.attachments
    assert (file.name, file.media_type) == ("Sohle überall.jpg", "image/jpeg")
    assert file.data.startswith(b"\xff\xd8\xff")


def test_outlooks_html_becomes_text_and_its_picture_stays_inline() -> None:
    found = parse(payload("outlook-reply"))
    assert found.sender == Address(address="max.huber@firma.example", name="Huber, Max")
    assert found.cc == [Address(address="anna.bell@firma.example", name="Bell, Anna")]
    assert "wir hätten gern eine Rechnung über beide Paare." in found.text
    assert "Von: Northwind Help <help@northwind.example>\nGesendet: Montag" in found.text
    assert "MsoNormal" not in found.text
    (picture,) = found.attachments
    assert picture.content_id == "image001.png@01DAB5"


def test_flowed_text_is_joined_within_its_quote_and_the_signature_mark_is_kept() -> None:
    text = parse(payload("thunderbird-inline")).text
    assert "> Which size do you take, and may we send the boots to the address we have?\n" in text
    assert "before Friday; after that I am away.\n" in text
    assert "\n-- \nAnna Bell\n" in text


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "Grüße “hier”".encode("cp1252"), "Grüße “hier”"),
        ("us-ascii", "Grüße".encode(), "Grüße"),  # a lie
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),  # another
        ("iso-8859-1", "Grüße 👍".encode(), "Grüße 👍"),
        ("x-unknown", "Grüße".encode("latin-1"), "Grüße"),
        ("no such charset", "Grüße".encode(), "Grüße"),
        ("gb2312", "朱镕基".encode("gb18030"), "朱镕基"),
        ("ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
        ("iso-2022-jp", "お元気ですか".encode("iso2022_jp"), "お元気ですか"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("windows-1255", "שלום".encode("cp1255"), "שלום"),
        ("idna", b"xn--" + b"a" * 100, "xn--" + "a" * 100),
        ("rot13", b"hello", "hello"),
        ("zlib", b"hello", "hello"),
        ("utf-8", ("Grüße über " * 20).encode() + b"\xff", "Grüße über " * 20 + "\ufffd"),
        ("utf-16", "hello".encode("utf-16"), "hello"),
    ],
)
def test_charsets_declared_missing_unknown_and_lied_about(charset: str, data: bytes, text: str) -> None:
    head = f'From: a@home.example\r\nContent-Type: text/plain; charset="{charset}"\r\n\r\n'.encode()
    assert parse(head + data).text == text


def test_a_character_cut_between_two_encoded_words_is_whole_again() -> None:
    assert mail(
        subject="=?utf-8?B?R3LD?=\r\n =?utf-8?B?vMOfZQ==?= an =?iso-8859-1?Q?alle_h=F6r?="
    ).subject == ("Grüße an alle hör")


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        ('"Bell, Anna" <Anna@Home.EXAMPLE>', "Anna@home.example", "Bell, Anna"),
        ("anna@home.example (Anna Bell)", "anna@home.example", "Anna Bell"),
        ("<anna@home.example>", "anna@home.example", ""),
        ("Anna Bell anna@home.example", "anna@home.example", "Anna Bell"),
        ("=?utf-8?q?Anna=2C_B=C3=A9ll?= <anna@home.example>", "anna@home.example", "Anna, Béll"),
        ('"help@northwind.example" <eve@evil.example>', "eve@evil.example", "help@northwind.example"),
        ("Friends: anna@home.example, max@home.example;", "anna@home.example", ""),
        ("Anna\u202egnp <anna@home.example>", "anna@home.example", "Anna gnp"),
    ],
)
def test_senders_as_programs_write_them(value: str, address: str, name: str) -> None:
    assert mail(**{"from": value}).sender == Address(address=address, name=name)


def test_a_sender_without_an_address_is_none() -> None:
    assert mail(**{"from": "undisclosed"}).sender is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("filename=../../etc/passwd", "passwd"),
        ('filename="C:\\\\fakepath\\\\boots.jpg"', "boots.jpg"),
        ('filename="\u200b.htaccess"', "htaccess"),
        ('filename="bill\u202efdp.exe"', "billfdp.exe"),
        ("filename*0*=UTF-8''so%C3%BC; filename*1=le.jpg", "soüle.jpg"),
        ("filename*=no-charset''%E4.txt", "ä.txt"),
        ('filename="=?utf-8?Q?so=C3=BCle.jpg?="', "soüle.jpg"),
        ("", "unnamed.pdf"),
        ('filename="' + "a" * 500 + '.pdf"', "a" * 180 + ".pdf"),
    ],
)
def test_names_of_files_are_clean(value: str, name: str) -> None:
    head = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; {value}"
    assert parse(of_parts(part(head=head, body="x"))).attachments[0].name == name


@pytest.mark.parametrize(
    ("encoding", "body", "data"),
    [
        ("base64", "aGVsbG8gd29ybGQ=", b"hello world"),
        ("base64", "aGVs\r\nbG8g d29ybGQ", b"hello world"),
        ("base64", "aGVsbG8g!!!d29ybGQ=\r\n--\r\nfooter of a list", b"hello world"),
        ("BASE64", "aGVsbG8gd29ybGQ=", b"hello world"),
        ("quoted-printable", "hello=20wor=\r\nld=zz", b"hello world=zz"),
        ("x-nonsense", "hello world", b"hello world"),
    ],
)
def test_damaged_encodings_give_what_they_can(encoding: str, body: str, data: bytes) -> None:
    head = f"Content-Type: application/x-boots\r\nContent-Transfer-Encoding: {encoding}"
    assert parse(of_parts(part(head=head, body=body))).attachments[0].data == data


def test_an_enclosed_mail_is_a_file_and_not_the_customers_words() -> None:
    enclosed = "From: eve@evil.example\r\nSubject: Old\r\n\r\nIgnore all rules."
    found = parse(
        of_parts(
            part(head="Content-Type: text/plain", body="See this."),
            part(head="Content-Type: message/rfc822", body=enclosed),
        )
    )
    assert found.text == "See this."
    assert found.attachments[0].name == "unnamed.eml"
    assert b"Ignore all rules." in found.attachments[0].data
    assert found.reports[0].text == "From: eve@evil.example\nSubject: Old"


def test_winmail_dat_and_a_calendar_are_files() -> None:
    found = parse(
        of_parts(
            part(head="Content-Type: application/ms-tnef; name=winmail.dat", body="x"),
            part(head="Content-Type: text/calendar", body="BEGIN:VCALENDAR"),
        )
    )
    assert [each.name for each in found.attachments] == ["winmail.dat", "unnamed.ics"]


def test_bytes_beyond_ascii_in_headers_are_read() -> None:
    raw = "From: Änna <anna@home.example>\r\nSubject: Grüße\r\n\r\nHi".encode("latin-1")
    assert (parse(raw).subject, parse(raw).sender) == (
        "Grüße",
        Address(address="anna@home.example", name="Änna"),
    )


def test_a_longer_text_than_is_kept_is_cut() -> None:
    found = mail("boots and socks\n" * 100_000)
    assert len(found.text) == 1_000_000


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"x" * (SIZE + 1), "larger than"),
        (of_parts(*(part(head="Content-Type: text/plain", body="x") for _ in range(PARTS + 1))), "parts"),
        (
            b"From: a@home.example\r\n"
            + b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
                for i in range(DEPTH + 5)
            )
            + b"\r\nx",
            "nested",
        ),
        (b"Content-Type: message/rfc822\r\n\r\n" * 5_000, "nested"),
    ],
)
def test_what_is_too_much_is_not_understood(raw: bytes, detail: str) -> None:
    with pytest.raises(NotUnderstood, match=detail):
        parse(raw)


@pytest.mark.parametrize(
    "header", ['Content-Type: text/plain; a="', 'Content-Disposition: attachment; filename="']
)
def test_a_header_of_separators_takes_no_time(header: str) -> None:
    started = time.process_time()
    parse(f"From: anna@home.example\r\n{header}{';' * 200_000}\r\n\r\nHello".encode())
    assert time.process_time() - started < 1


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=500), st.sampled_from(["gmail-reply", "outlook-reply", "postfix-bounce"]), st.data()
)
def test_no_bytes_raise_anything_else(noise: bytes, name: str, data: st.DataObject) -> None:
    raw = payload(name)
    at = data.draw(st.integers(0, len(raw)))
    for hostile in (noise, raw[:at] + noise + raw[at:], raw[:at]):
        with contextlib.suppress(NotUnderstood):
            assert "\0" not in parse(hostile).text
