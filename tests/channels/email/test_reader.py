"""Reading a mailbox, against Dovecot, pymap and servers that say what they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.email.imap import connect
from channels.email.imap_account import Account, Dropped, MailboxTrouble, refusal
from channels.email.mailboxes import Position
from channels.email.pace import Pace
from channels.email.reader import MailboxReader
from tests.channels.email.dovecot import Dovecot, dovecot
from tests.channels.email.imap_server import PASSWORD, USER
from tests.channels.email.postbox import Postbox, reading, until
from tests.channels.email.proxy import proxy
from tests.channels.email.pymap import pymap
from tests.channels.email.scripted_imap import GREETING, scripted_imap
from tests.processes import free_port

QUICK = Pace(
    patience=3, poll=1, lease=3, first_pause=0.05, longest_pause=0.3, lasting_pause=60, acceptance=5, tries=3
)


@pytest.fixture(scope="module")
def _server() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@pytest.fixture
def server(_server: Dovecot) -> Dovecot:
    """Dovecot with an empty mailbox."""
    with contextlib.suppress(FileNotFoundError):
        _server.recreate()
    return _server


def mail(text: str = "Where is my order?") -> bytes:
    return f"From: a@example.org\r\nSubject: order\r\n\r\n{text}\r\n".encode()


def account(port: int, **changes: Any) -> Account:
    given: dict[str, Any] = {"host": "127.0.0.1", "user": USER, "password": PASSWORD, "security": "none"}
    return Account(port=port, **given | changes)


def reader(postbox: Postbox, port: int, **changes: Any) -> MailboxReader:
    given: dict[str, Any] = {
        "account": account(port),
        "accept": postbox.accept,
        "since": "all",
        "pace": QUICK,
    }
    return MailboxReader(name="support", mailboxes=postbox, **given | changes)


async def test_a_mail_that_arrives_while_idling_is_accepted_at_once(server: Dovecot) -> None:
    postbox = Postbox()
    async with reading(reader(postbox, server.port, pace=Pace())) as support:
        await until(lambda: support.health.state == "up")
        await asyncio.to_thread(server.deliver, mail())
        await postbox.until(lambda: postbox.accepted, within=Pace().poll / 2)  # it was told, it did not look
        await until(lambda: support.health.last_uid == 1)
    assert next(iter(postbox.accepted.values())).raw == mail()


async def test_whatever_is_in_a_mail_arrives_byte_by_byte(server: Dovecot) -> None:
    strange = [
        b"Subject: stars\r\n\r\n* 1 FETCH (UID 9)\r\n* hello\r\n* * *\r\n",
        b"Subject: braces\r\n\r\nsee {12}\r\n{3}\r\nA1 OK done\r\n",
        b"Subject: brackets (((\r\n\r\n)) ( BODY[] {5}\r\n",
        b"Subject: \xff\xfe\r\n\r\n\x80\x81 \xe2\x82\xac\r\n",
        b"no header at all",
        b"\r\n",
        b"Subject: lines\r\n\r\n" + b"\r\n" * 30_000,
        b"Subject: long\r\n\r\n" + b"x" * 3_000_000 + b"\r\n",
        b"Subject: last\r\n\r\n+ go ahead\r\n",
    ]
    await asyncio.to_thread(server.deliver, *strange)
    postbox = Postbox()
    async with reading(reader(postbox, server.port)):
        await postbox.until(lambda: len(postbox.accepted) == len(strange))
    seen_by_another = await asyncio.to_thread(server.bodies)
    assert {each.uid: each.raw for each in postbox.accepted.values()} == seen_by_another
    assert postbox.uids == sorted(postbox.uids)


async def test_the_first_start_begins_with_what_is_unseen_from_today(server: Dovecot) -> None:
    def fill() -> None:
        old = datetime.now(UTC) - timedelta(days=3)
        with server.client() as client:
            client.append("INBOX", "", old, mail("old"))
            client.append("INBOX", "", "", mail("unseen"))
            client.append("INBOX", r"(\Seen)", "", mail("answered by a person"))
            client.append("INBOX", "", "", mail("unseen too"))

    await asyncio.to_thread(fill)
    postbox = Postbox()
    postbox.cursor_may_skip = True
    async with reading(reader(postbox, server.port, since="today")):
        await postbox.until(lambda: postbox.positions)
        assert postbox.uids == [2, 4]
        assert postbox.positions[-1].uid == 4
        await asyncio.to_thread(server.deliver, mail("new"))
        await postbox.until(lambda: len(postbox.accepted) == 3)
    assert postbox.uids == [2, 4, 5]


async def test_a_first_start_that_was_cut_short_begins_again(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, *[mail(str(number)) for number in range(10)])
    postbox = Postbox()
    postbox.poison = lambda each: each.uid == 6
    async with reading(reader(postbox, server.port, since="today", pace=Pace(first_pause=60))):
        await postbox.until(lambda: len(postbox.accepted) == 5)
    assert postbox.positions == []
    postbox.poison = lambda _: False
    async with reading(reader(postbox, server.port, since="today")):
        await postbox.until(lambda: postbox.positions)
    assert postbox.uids == list(range(1, 11))


async def test_after_an_outage_it_goes_on_where_it_was_even_with_what_a_person_has_read(
    server: Dovecot,
) -> None:
    await asyncio.to_thread(server.deliver, mail("one"), mail("two"))
    postbox = Postbox()
    async with reading(reader(postbox, server.port)):
        await postbox.until(lambda: postbox.positions and postbox.positions[-1].uid == 2)

    def meanwhile() -> None:
        with server.client() as client:
            client.append("INBOX", r"(\Seen)", datetime.now(UTC) - timedelta(days=40), mail("three"))
            client.append("INBOX", "", "", mail("gone"))
            client.uid("STORE", "4", "+FLAGS", r"(\Deleted)")
            client.expunge()
            client.append("INBOX", "", "", mail("five"))

    await asyncio.to_thread(meanwhile)
    postbox.cursor_may_skip = True  # 4 is gone
    async with reading(reader(postbox, server.port, since="today")):
        await postbox.until(lambda: len(postbox.accepted) == 4)
    assert postbox.uids == [1, 2, 3, 5]
    assert postbox.offered == 4


async def test_nothing_is_marked_before_it_is_durable(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail("one"), mail("two"), mail("three"))
    postbox = Postbox()
    async with proxy(server.port) as between, reading(reader(postbox, between.port)) as support:
        postbox.poison = lambda each: each.uid >= 2  # the store takes no more
        await until(lambda: "can't be stored" in support.health.error)
        assert await asyncio.to_thread(server.flags) == {1: set(), 2: set(), 3: set()}
        postbox.poison = lambda _: False
        await postbox.until(lambda: postbox.positions[-1].uid == 3)
        await until(lambda: support.health.state == "up")
        assert set(await asyncio.to_thread(server.flags)) == {1, 2, 3}
        assert all(r"\Seen" in flags for flags in (await asyncio.to_thread(server.flags)).values())
        assert between.connections == 1
    assert postbox.uids == [1, 2, 3]


async def test_while_the_store_is_down_the_mailbox_is_left_in_peace(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail("one"))
    postbox = Postbox()
    async with proxy(server.port) as between, reading(reader(postbox, between.port)) as support:
        await until(lambda: support.health.state == "up")
        postbox.down = True
        await asyncio.to_thread(server.deliver, mail("two"))
        await until(lambda: not support.health.leading, within=10)  # the lease has run out
        connections = between.connections
        await until(lambda: "the store" in support.health.error)
        assert between.connections == connections == 1
        assert postbox.positions[-1].uid == 1
        postbox.down = False
        await postbox.until(lambda: postbox.positions[-1].uid == 2)
    assert postbox.uids == [1, 2]
    assert postbox.aside == {}


async def test_what_is_processed_is_moved_to_a_folder_that_is_made(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail("one"), mail("two"))
    postbox = Postbox()
    async with reading(reader(postbox, server.port, processed="Geprüft & erledigt")) as support:
        await until(lambda: support.health.state == "up" and support.health.last_uid == 2)
    assert await asyncio.to_thread(server.flags) == {}
    assert len(await asyncio.to_thread(server.flags, USER, '"Gepr&APw-ft &- erledigt"')) == 2
    assert postbox.uids == [1, 2]


async def test_a_changed_uidvalidity_is_a_rescan(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail("one"), mail("two"))
    postbox = Postbox()
    async with reading(reader(postbox, server.port)) as support:
        await until(lambda: support.health.last_uid == 2)
    await asyncio.to_thread(_recreate, server, postbox.positions[-1].uidvalidity)
    await asyncio.to_thread(server.deliver, mail("one"), mail("three"))
    async with reading(reader(postbox, server.port)):
        await postbox.until(lambda: len(postbox.accepted) == 4)
    assert len({uidvalidity for uidvalidity, _ in postbox.accepted}) == 2
    assert [each.raw for each in postbox.accepted.values()] == [
        mail(text) for text in ("one", "two", "one", "three")
    ]


async def test_a_rescan_takes_what_came_since_a_day_before_the_last_mail(server: Dovecot) -> None:
    def fill() -> None:
        with server.client() as client:
            for days in (30, 5, 3):
                flags = r"(\Seen)" if days == 3 else ""
                client.append("INBOX", flags, datetime.now(UTC) - timedelta(days=days), mail(f"{days} days"))

    await asyncio.to_thread(fill)
    postbox = Postbox()
    postbox.cursor_may_skip = True
    postbox.positions.append(
        Position(uidvalidity=1, uid=900, received_at=datetime.now(UTC) - timedelta(days=4, hours=12))
    )
    async with reading(reader(postbox, server.port, since="today")):
        await postbox.until(lambda: len(postbox.positions) == 2)
    assert postbox.uids == [2, 3]
    assert postbox.positions[-1].uid == 3


async def test_the_next_reader_takes_over_at_once_when_one_ends_and_soon_when_one_dies(
    server: Dovecot,
) -> None:
    postbox = Postbox()
    first, second, third = (reader(postbox, server.port) for _ in range(3))
    async with reading(first):
        await until(lambda: first.health.leading)
        async with reading(second):
            await until(lambda: second.health.state == "up")
            assert not second.health.leading
            await asyncio.to_thread(server.deliver, mail("one"))
            await until(lambda: first.health.last_uid == 1)
            assert not second.health.leading
            postbox._holder = "one that was killed"
            postbox._until = time.monotonic() + 2
            await until(lambda: not first.health.leading)
            await until(lambda: first.health.leading or second.health.leading)
    async with reading(third):
        await until(lambda: third.health.leading)
        await asyncio.to_thread(server.deliver, mail("two"))
        await postbox.until(lambda: len(postbox.accepted) == 2)
    assert postbox.offered == 2


async def test_one_who_no_longer_leads_stops_at_once(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, *[mail(str(number)) for number in range(5)])
    postbox = Postbox()

    async def accept(each: Any) -> None:
        await postbox.accept(each)
        postbox.depose()

    async with reading(reader(postbox, server.port, accept=accept)) as support:
        await postbox.until(lambda: len(postbox.accepted) == 5)
        await until(lambda: not support.health.leading)
        positions = list(postbox.positions)
    assert [position.uid for position in positions] == [0]
    assert await asyncio.to_thread(server.flags) == {uid: set() for uid in range(1, 6)}


async def test_too_large_a_mail_is_set_aside_with_its_beginning(server: Dovecot) -> None:
    huge = mail("the beginning") + b"0123456789abcdef" * (26 * 2**16)
    await asyncio.to_thread(server.deliver, mail("before"), huge, mail("after"))
    postbox = Postbox()
    async with reading(reader(postbox, server.port)) as support:
        await postbox.until(lambda: len(postbox.accepted) == 2)
        await until(lambda: support.health.last_uid == 3)
    assert postbox.uids == [1, 3]
    (aside,) = postbox.aside.values()
    assert aside.uid == 2
    assert aside.raw == huge[: 256 * 2**10]
    assert "26 MB" in aside.why


async def test_a_mail_that_nobody_can_accept_is_set_aside_and_the_mailbox_goes_on(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail("one"), mail("poison"), mail("three"))
    postbox = Postbox()
    postbox.poison = lambda each: b"poison" in each.raw
    async with reading(reader(postbox, server.port)) as support:
        await until(lambda: support.health.last_uid == 3)
    assert postbox.uids == [1, 3]
    (aside,) = postbox.aside.values()
    assert (aside.uid, aside.raw) == (2, mail("poison"))
    assert "a mail that breaks its reader" in aside.why


@pytest.mark.parametrize("moment", ["while idling", "while fetching"])
async def test_thousands_of_flags_set_by_another_program_do_no_harm(server: Dovecot, moment: str) -> None:
    """aioimaplib's own reader of lines ends in RecursionError."""
    count = 3000
    lines = "".join(f"* {number} FETCH (FLAGS (\\Seen))\r\n" for number in range(1, count + 1)).encode()
    body = b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\n"
    said = lines + body + lines if moment == "while fetching" else body
    idle = b"+ idling\r\n" + (lines if moment == "while idling" else b"") + b"* 3001 EXISTS\r\n"
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] ok\r\n",
        "UID SEARCH": ["* SEARCH\r\n", "* SEARCH 5\r\n", "* SEARCH\r\n"],
        "UID FETCH": [b"* 1 FETCH (UID 5 RFC822.SIZE 4)\r\n", said],
        "IDLE": [idle, "+ idling\r\n"],
    }
    postbox = Postbox()
    postbox.cursor_may_skip = True
    async with scripted_imap(answers) as server_, reading(reader(postbox, server_.port)) as support:
        await until(lambda: support.health.last_uid == 5)
    assert [each.raw for each in postbox.accepted.values()] == [b"mail"]
    assert sum(line.startswith("LOGIN") for line in server_.heard) == 1


async def test_bodies_as_other_servers_write_them() -> None:
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4000000000] ok\r\n",
        "UID SEARCH": lambda command: (
            "* SEARCH 3999999001 3999999002\r\n* SEARCH 3999999003\r\n"
            if command.endswith((":3999999999", ":*"))
            else "* SEARCH\r\n"
        ),
        "UID FETCH": [
            b"* 1 FETCH (RFC822.SIZE 2 UID 3999999001)\r\n* 4 FETCH (FLAGS (x))\r\n"
            b'* 2 FETCH (UID 3999999002 RFC822.SIZE 9 INTERNALDATE " 5-Jan-2024 10:11:12 +0200")\r\n'
            b"* 3 FETCH (UID 3999999003 RFC822.SIZE 0)\r\n",
            b'* 1 FETCH (BODY[] "a \\"b\\"" UID 3999999001)\r\n'
            b"* 9 FETCH (FLAGS (\\Seen) UID 12)\r\n"
            b"* 2 FETCH (BODY[] {9}\r\n* (1)\r\n{4 FLAGS () UID 3999999002)\r\n"
            b"* 3 FETCH (UID 3999999003 BODY[] {0}\r\n)\r\n",
        ],
    }
    postbox = Postbox()
    postbox.cursor_may_skip = True
    async with scripted_imap(answers) as server, reading(reader(postbox, server.port)) as support:
        await until(lambda: support.health.last_uid == 3999999003)
    found = {each.uid % 10: each for each in postbox.accepted.values()}
    assert {uid: each.raw for uid, each in found.items()} == {1: b'a "b"', 2: b"* (1)\r\n{4", 3: b""}
    assert sum(line.startswith("UID SEARCH") for line in server.heard) < 50


async def test_a_mail_that_the_server_cannot_hand_over_is_set_aside() -> None:
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 3] ok\r\n",
        "UID SEARCH": ["* SEARCH 1 2\r\n", "* SEARCH\r\n"],
        "UID FETCH": [
            "* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n* 2 FETCH (UID 2 RFC822.SIZE 4)\r\n",
            "NO [SERVERBUG] Internal error",
            "NO [SERVERBUG] Internal error",
            "* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n",
            b"* 2 FETCH (UID 2 BODY[] {4}\r\nmail)\r\n",
        ],
    }
    postbox = Postbox()
    async with scripted_imap(answers) as server, reading(reader(postbox, server.port)) as support:
        await until(lambda: support.health.last_uid == 2)
    assert postbox.uids == [2]
    assert "SERVERBUG" in postbox.aside[7, 1].why


async def test_a_mail_that_the_server_cannot_even_list_is_set_aside() -> None:
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 3] ok\r\n",
        "UID SEARCH": ["* SEARCH 1 2\r\n", "* SEARCH\r\n"],
        "UID FETCH": [
            "NO [SERVERBUG] Internal error",
            "* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n",
            "NO [SERVERBUG] Internal error",
            b"* 1 FETCH (UID 1 BODY[] {4}\r\nmail)\r\n",
        ],
    }
    postbox = Postbox()
    async with scripted_imap(answers) as server, reading(reader(postbox, server.port)) as support:
        await until(lambda: support.health.last_uid == 2)
    assert postbox.uids == [1]
    assert "SERVERBUG" in postbox.aside[7, 2].why


async def test_mail_told_of_between_two_commands_is_not_overlooked() -> None:
    """The server tells of it once, before IDLE begins."""
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n",
        "UID SEARCH": ["* SEARCH 1\r\n", "* SEARCH\r\n* 2 EXISTS\r\n", "* SEARCH 2\r\n", "* SEARCH\r\n"],
        "UID FETCH": [
            "* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n",
            b"* 1 FETCH (UID 1 BODY[] {4}\r\nmail)\r\n",
            "* 2 FETCH (UID 2 RFC822.SIZE 4)\r\n",
            b"* 2 FETCH (UID 2 BODY[] {4}\r\nmail)\r\n",
        ],
    }
    postbox = Postbox()
    async with (
        scripted_imap(answers) as server,
        reading(reader(postbox, server.port, pace=Pace(poll=300))) as support,
    ):
        await until(lambda: support.health.last_uid == 2)
    assert postbox.uids == [1, 2]


async def test_a_server_without_idle_and_move_is_polled() -> None:
    answers: dict[str, Any] = {
        "SELECT": "* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n",
        "UID SEARCH": ["* SEARCH 1\r\n", "* SEARCH\r\n"],
        "UID FETCH": ["* 1 FETCH (UID 1 RFC822.SIZE 4)\r\n", b"* 1 FETCH (UID 1 BODY[] {4}\r\nmail)\r\n"],
        "UID COPY": ["NO [TRYCREATE] no such folder", ""],
    }
    postbox = Postbox()
    async with (
        scripted_imap(answers, capabilities="IMAP4rev1") as server,
        reading(reader(postbox, server.port, processed="Done")),
    ):
        await until(lambda: sum(line == "NOOP" for line in server.heard) == 2)
    assert 'CREATE "Done"' in server.heard
    assert r"UID STORE 1 +FLAGS.SILENT (\Deleted)" in server.heard
    assert not any("EXPUNGE" in line for line in server.heard)  # it would take others' mails along


async def test_a_wrong_password_is_told_in_plain_words_and_not_tried_again_soon(server: Dovecot) -> None:
    postbox = Postbox()
    async with proxy(server.port) as between:
        wrong = account(between.port, password="wrong")
        async with reading(reader(postbox, between.port, account=wrong)) as support:
            await until(lambda: support.health.state == "down")
            assert "refuses the user support@example.com with this password" in support.health.error
            await asyncio.sleep(1)  # several times the pause after other failures
            assert between.connections == 1


def test_the_great_providers_users_are_told_what_to_set() -> None:
    gmail = Account(host="imap.gmail.com", port=993, user="a@gmail.com", password="x")
    assert "app password" in refusal(gmail, "[AUTHENTICATIONFAILED] Invalid credentials").detail
    microsoft = Account(host="outlook.office365.com", port=993, user="a@b.c", password="x")
    assert "OAuth" in refusal(microsoft, "LOGIN failed.").detail

    async def token() -> str:
        return "expired"

    assert "IMAP.AccessAsUser.All" in refusal(replace(microsoft, token=token), "AUTHENTICATE failed.").detail
    assert "token_command" in refusal(replace(gmail, token=token), "Invalid credentials").detail
    busy = refusal(gmail, "[ALERT] Too many simultaneous connections.")
    assert not busy.lasting
    assert "just now" in busy.detail


async def trouble(**changes: Any) -> MailboxTrouble:
    with pytest.raises(MailboxTrouble) as raised:
        async with connect(account(**changes), patience=2):
            pass
    return raised.value


async def test_what_keeps_us_out_is_told_in_plain_words(server: Dovecot) -> None:
    assert "nothing listens" in (await trouble(port=free_port())).detail
    assert "can't be reached" in (await trouble(port=143, host="no-such-host.invalid")).detail
    assert "no mailbox 'Nowhere'" in (await trouble(port=server.port, folder="Nowhere")).detail
    assert "not trusted" in (await trouble(port=server.tls_port, security="ssl")).detail
    assert "not trusted" in (await trouble(port=server.port, security="starttls")).detail
    assert "no TLS with" in (await trouble(port=server.port, security="ssl")).detail
    assert "has not answered" in (await trouble(port=server.tls_port, security="none")).detail


@pytest.mark.parametrize("security", ["ssl", "starttls"])
async def test_mail_is_read_over_tls(server: Dovecot, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    await asyncio.to_thread(server.deliver, mail(), mail("x" * 300_000))
    postbox = Postbox()
    port = server.tls_port if security == "ssl" else server.port
    async with reading(reader(postbox, port, account=account(port, security=security, host="localhost"))):
        await postbox.until(lambda: len(postbox.accepted) == 2)


@pytest.mark.parametrize(
    ("greeting", "capabilities"),
    [
        (GREETING, "IMAP4rev1"),
        (b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n", "IMAP4rev1 STARTTLS"),
    ],
)
async def test_mail_is_never_read_in_the_clear_by_accident(greeting: bytes, capabilities: str) -> None:
    async with scripted_imap({}, greeting=greeting, capabilities=capabilities) as server:
        found = await trouble(port=server.port, security="starttls")
    assert "no STARTTLS" in found.detail
    assert found.lasting
    assert server.heard == ["CAPABILITY"]


async def test_an_oauth_token_opens_the_mailbox(server: Dovecot) -> None:
    await asyncio.to_thread(server.deliver, mail())
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        return server.token()

    postbox = Postbox()
    by_token = account(server.port, password="", token=token)
    async with reading(reader(postbox, server.port, account=by_token)):
        await postbox.until(lambda: postbox.accepted)
    assert asked == 1


async def test_a_refused_token_is_told_without_waiting() -> None:
    """Google and Microsoft say why in a challenge, and wait for an empty line before they refuse."""

    async def token() -> str:
        return "expired"

    async with scripted_imap({"AUTHENTICATE": "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"}) as server:
        found = await trouble(port=server.port, token=token)
    assert "refuses the user support@example.com with this OAuth token" in found.detail
    assert server.heard[-1] == "\r\n"


async def test_a_server_that_turns_us_away_is_quoted() -> None:
    async with scripted_imap({}, greeting=b"* BYE Too many connections from you\r\n") as server:
        found = await trouble(port=server.port)
    assert isinstance(found, Dropped)
    assert "Too many connections from you" in found.detail


async def test_pymap_is_read_too() -> None:
    """Another server, with its own way of saying things."""
    with pymap(samples=True) as server:
        postbox = Postbox()
        postbox.cursor_may_skip = True
        async with reading(reader(postbox, server.port)) as support:
            await until(lambda: support.health.state == "up")
        assert postbox.uids
        assert all(b"\n" in each.raw for each in postbox.accepted.values())


def _recreate(server: Dovecot, before: int) -> None:
    """A mailbox with another UIDVALIDITY: Dovecot makes it from the clock's seconds."""
    while True:
        server.recreate()
        with server.client() as client:
            if int(client.untagged_responses["UIDVALIDITY"][0]) != before:
                return
        time.sleep(0.2)
