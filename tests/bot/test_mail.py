"""Mail from end to end: a real mail server, real processes, and customers who answer as they do."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.channels.email.mails import hostile
from tests.channels.email.pymap import pymap
from tests.postoffice import SUPPORT, ZOE, PostOffice, bounce, complaint, parts, post_office, serving
from tests.processes import Switchboard, free_port, switchboard, until

QUESTION = "How long does delivery to Norway take?"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture(scope="module")
def house(office: PostOffice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """`switchboard run` that knows two things."""
    folder = tmp_path_factory.mktemp("house")
    pages = folder / "pages"
    pages.mkdir()
    (pages / "delivery.md").write_text("# Delivery\n\nDelivery to Norway takes five working days.\n")
    (pages / "returns.md").write_text(
        "# Do I need the original box?\n\nYou need no original box for a return.\n"
    )
    (folder / "bot.toml").write_text(
        '[bot]\nname = "Ada"\ncompany = "Northwind"\n[email]\ngreeting = "Hello {name},"\n'
        'signature = "{name} from Northwind"\nauthserv_id = "mx.northwind.example"\n'
    )
    with switchboard(folder, settings=office.settings(), learn=pages) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(office: PostOffice) -> None:
    office.sent.clear()


def conversations(house: Switchboard, address: str = ZOE) -> list[str]:
    rows = house.rows(
        "SELECT c.id FROM conversations c JOIN identities i ON i.contact_id = c.contact_id "
        f"WHERE i.address = '{address}' ORDER BY c.created_at"
    )
    return [row["id"] for row in rows]


def said_in(house: Switchboard, conversation: str) -> list[tuple[str, str]]:
    rows = house.rows(
        f"SELECT author_kind, text FROM messages WHERE conversation_id = '{conversation}' ORDER BY seq"
    )
    return [(row["author_kind"], row["text"]) for row in rows]


@pytest.mark.parametrize("program", ["thunderbird-plain", "gmail-web", "apple-mac", "outlook-windows"])
def test_a_mail_is_answered_in_its_thread_and_the_customer_goes_on(
    house: Switchboard, office: PostOffice, program: str
) -> None:
    zoe = f"zoe.{program}@customer.example"
    asked = office.write(
        QUESTION, sender=f"Zoë Müller <{zoe}>", subject="Größe 42", References="<older@customer.example>"
    )
    [answer] = office.answers(1, to=zoe)
    mail, plain, page = parts(answer)
    assert mail["in-reply-to"] == asked
    assert str(mail["references"]).split() == ["<older@customer.example>", asked]
    assert mail["auto-submitted"] == "auto-replied"
    assert mail["x-auto-response-suppress"] == "All"
    assert mail.get_content_type() == "multipart/alternative"
    assert str(mail["message-id"]).endswith("@northwind.example>")
    assert "five working days" in plain
    assert "five working days" in page
    assert plain.startswith("Hello Zoë Müller,")
    assert "Ada from Northwind" in plain
    assert f"> {QUESTION}" in plain
    office.reply_as(program, to=answer)
    _, second = office.answers(2, to=zoe)
    mail, plain, _ = parts(second)
    assert str(mail["references"]).split()[0] == "<older@customer.example>"
    assert str(mail["references"]).split()[-1] == mail["in-reply-to"]
    assert "no original box" in plain
    [conversation] = conversations(house, zoe)
    [_, _, (_, reply), _] = said_in(house, conversation)
    assert " ".join(reply.split()) == "Perfect, thank you! Do I need the original box?"


def test_it_is_the_same_with_another_server(tmp_path: Path) -> None:
    with pymap(SUPPORT) as server, serving(PostOffice(server=server, smtp_port=free_port())) as office:
        pages = tmp_path / "pages"
        pages.mkdir()
        (pages / "delivery.md").write_text("# Delivery\n\nDelivery to Norway takes five working days.\n")
        with switchboard(tmp_path, settings=office.settings(), learn=pages) as house:
            asked = office.write(QUESTION, References="<older@customer.example>")
            [answer] = office.answers(1)
            mail, plain, _ = parts(answer)
            assert str(mail["references"]).split() == ["<older@customer.example>", asked]
            assert "five working days" in plain
            office.reply_as("thunderbird-plain", to=answer)
            office.answers(2)
            [conversation] = conversations(house)
            assert len(said_in(house, conversation)) == 4
            until(lambda: all(r"\Seen" in each for each in server.flags(SUPPORT).values()), 20, "marked")


def test_the_mailbox_is_up_and_says_so(house: Switchboard) -> None:
    def asked(path: str) -> str:
        with urllib.request.urlopen(house.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    until(lambda: json.loads(asked("/readyz"))["components"][SUPPORT]["state"] == "up", 20, "mail is up")
    assert f'switchboard_component_up{{component="{SUPPORT}",kind="channel"}} 1.0' in asked("/metrics")


def test_what_wants_no_answer_gets_none_and_is_kept(house: Switchboard, office: PostOffice) -> None:
    first = "first@customer.example"
    office.write(QUESTION, sender=first)
    [answer] = office.answers(1, to=first)
    ours = str(parts(answer)[0]["message-id"])
    office.write(
        "I am on holiday.",
        sender=first,
        subject="Automatic reply: A question",
        in_reply_to=ours,
        Auto_Submitted="auto-replied",
    )
    office.write("Our newsletter", sender="news@letter.example", List_Id="<news.letter.example>")
    office.write("Your ticket is open", sender="tickets@other.example", X_Auto_Response_Suppress="All")
    office.write("I write to myself", sender=SUPPORT)
    office.write(QUESTION, sender="last@customer.example")
    office.answers(1, to="last@customer.example")
    assert len(office.sent) == 2
    [conversation] = conversations(house, first)
    assert said_in(house, conversation)[-2:] == [
        ("contact", "I am on holiday."),
        ("system", "An absence note. It is not answered."),
    ]
    for quiet in ("news@letter.example", "tickets@other.example", SUPPORT):
        [conversation] = conversations(house, quiet)
        [row] = house.rows(f"SELECT status, due_at FROM conversations WHERE id = '{conversation}'")
        assert (row["status"], row["due_at"]) == ("resolved", None)


def test_a_stranger_with_a_right_id_is_not_let_in(house: Switchboard, office: PostOffice) -> None:
    owner, stranger = "owner@customer.example", "stranger@elsewhere.example"
    office.write(QUESTION, sender=owner)
    [answer] = office.answers(1, to=owner)
    office.write("Tell me more", sender=stranger, in_reply_to=str(parts(answer)[0]["message-id"]))
    until(lambda: conversations(house, stranger), 20, "the stranger's mail")
    [theirs], [other] = conversations(house, owner), conversations(house, stranger)
    assert len(said_in(house, theirs)) == 2
    [row] = house.rows(f"SELECT status, due_at FROM conversations WHERE id = '{other}'")
    assert (row["status"], row["due_at"]) == ("waiting", None)
    said = said_in(house, other)
    assert [kind for kind, _ in said] == ["contact", "system"]
    assert theirs in said[1][1]


def test_the_same_subject_is_not_the_same_matter(house: Switchboard, office: PostOffice) -> None:
    twice = "twice@customer.example"
    for number in (1, 2):
        office.write(QUESTION, sender=twice, subject="Re: A question")
        office.answers(number, to=twice)
    assert len(conversations(house, twice)) == 2


def test_an_operators_answer_leaves_in_the_thread_as_a_persons(
    house: Switchboard, office: PostOffice
) -> None:
    customer = "person@customer.example"
    asked = office.write("I want to talk to a person, please.", sender=customer)
    until(lambda: conversations(house, customer), 20, "the mail")
    [conversation] = conversations(house, customer)
    token = house.command("token", "create", "test").split()[-1]
    request = urllib.request.Request(
        f"{house.url}/api/conversations/{conversation}/messages",
        data=json.dumps({"client_id": "1", "text": "Here I am."}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    until(lambda: any(b"Here I am." in each for each in office.answers(1, to=customer)), 20, "the answer")
    mail, plain, _ = parts(office.answers(1, to=customer)[-1])
    assert mail["in-reply-to"] == asked
    assert mail["auto-submitted"] is None
    assert plain.startswith("Here I am.")


def test_what_comes_back_has_failed_and_waits_for_a_person(house: Switchboard, office: PostOffice) -> None:
    gone = "gone@customer.example"
    office.write(QUESTION, sender=gone)
    [answer] = office.answers(1, to=gone)
    message_id = str(parts(answer)[0]["message-id"])
    office.server.deliver(bounce(gone, message_id), user=SUPPORT)
    [conversation] = conversations(house, gone)

    def delivery() -> tuple[str, str]:
        [row] = house.rows(f"SELECT status, error FROM deliveries WHERE conversation_id = '{conversation}'")
        return row["status"], row["error"] or ""

    until(lambda: delivery()[0] == "failed", 20, "the delivery failed")
    assert "5.1.1" in delivery()[1]
    [row] = house.rows(f"SELECT status FROM conversations WHERE id = '{conversation}'")
    assert row["status"] == "waiting"
    assert len(office.sent) == 1


def test_a_complaint_calls_a_person_and_is_never_answered(house: Switchboard, office: PostOffice) -> None:
    annoyed, after = "annoyed@customer.example", "afterwards-too@customer.example"
    office.write(QUESTION, sender=annoyed)
    [answer] = office.answers(1, to=annoyed)
    office.server.deliver(complaint(annoyed, str(parts(answer)[0]["message-id"])), user=SUPPORT)
    office.write(QUESTION, sender=after)
    office.answers(1, to=after)
    [theirs], [other] = conversations(house, annoyed), conversations(house, "feedback@mx.customer.example")
    [row] = house.rows(f"SELECT status, due_at FROM conversations WHERE id = '{other}'")
    assert (row["status"], row["due_at"]) == ("waiting", None)
    _, (_, note) = said_in(house, other)
    assert annoyed in note
    assert theirs in note
    assert len(office.sent) == 2


def test_an_address_that_is_refused_has_failed_at_once(house: Switchboard, office: PostOffice) -> None:
    refused = "refused@customer.example"
    office.refuses[refused] = "550 5.1.1 no such user"
    office.write(QUESTION, sender=refused)
    failed = f"SELECT error FROM deliveries WHERE recipient = '{refused}' AND status = 'failed'"
    until(lambda: house.rows(failed), 30, "the delivery failed")
    assert "no such mailbox" in house.rows(failed)[0]["error"]


def test_what_nobody_can_read_is_set_aside_and_the_next_is_answered(
    house: Switchboard, office: PostOffice
) -> None:
    after = "after@customer.example"
    deep = b"From: a@b.example\r\nMIME-Version: 1.0\r\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (depth, depth)
        for depth in range(60)
    )
    office.server.deliver(deep, b"Subject: no sender\r\n\r\nHello", user=SUPPORT)
    office.write(QUESTION, sender=after)
    office.answers(1, to=after)
    cards = house.rows("SELECT why, original, size FROM set_aside ORDER BY uid")
    assert ["nested" in cards[0]["why"], "no sender" in cards[1]["why"]] == [True, True]
    assert (house.data_dir / "files" / cards[0]["original"]).read_bytes() == deep


def test_a_hundred_bad_mails_keep_no_good_one_waiting(house: Switchboard, office: PostOffice) -> None:
    kept = (
        "SELECT (SELECT COUNT(*) FROM set_aside) AS aside,"
        " (SELECT COUNT(*) FROM messages WHERE direction = 'in') AS messages"
    )
    good, bad, [before] = "good@customer.example", hostile(), house.rows(kept)

    def arrived() -> int:
        [now] = house.rows(kept)
        return int(now["aside"] + now["messages"] - before["aside"] - before["messages"])

    office.server.deliver(*bad[:50], user=SUPPORT)
    office.write(QUESTION, sender=good)
    office.server.deliver(*bad[50:], user=SUPPORT)
    office.answers(1, to=good)
    until(lambda: arrived() == 101, 60, "each is a message or set aside")
    assert house.rows(kept)[0]["aside"] - before["aside"] >= 30
    until(lambda: not any(r"\Seen" not in each for each in office.server.flags(SUPPORT).values()), 20, "read")


def test_a_mailbox_made_anew_brings_no_second_answer(house: Switchboard, office: PostOffice) -> None:
    again, after = "again@customer.example", "afterwards@customer.example"
    told = {"message_id": "<again@customer.example>", "Date": formatdate()}
    office.write(QUESTION, sender=again, **told)
    office.answers(1, to=again)
    house.webs[0].end()
    office.make_anew(SUPPORT)
    office.write(QUESTION, sender=again, **told)
    office.write(QUESTION, sender=after)
    house.webs[0].start()
    office.answers(1, to=after)
    assert [recipient for _, recipient, _ in office.sent] == [again, after]
    assert len(conversations(house, again)) == 1


@pytest.mark.parametrize("strips", [(), ("Auto-Submitted", "X-Auto-Response-Suppress", "X-Switchboard")])
def test_two_of_us_stop_within_one_round(tmp_path: Path, strips: Sequence[str]) -> None:
    other = "help@southwind.example"
    with post_office(users=(SUPPORT, other)) as office:
        office.strips = strips
        folders = [tmp_path / "north", tmp_path / "south"]
        for folder in folders:
            folder.mkdir()
        with (
            switchboard(folders[0], settings=office.settings()) as north,
            switchboard(folders[1], settings=office.settings(other)) as south,
        ):
            office.write(QUESTION, sender=SUPPORT, to=other)
            office.answers(1, to=SUPPORT)
            until(lambda: conversations(north, other), 30, "the answer is in the other mailbox")
            office.write(QUESTION, sender=ZOE, to=SUPPORT)
            office.answers(1)
            assert [(sender, recipient) for sender, recipient, _ in office.sent] == [
                (other, SUPPORT),
                (SUPPORT, ZOE),
            ]
            assert len(conversations(south, SUPPORT)) == 1
