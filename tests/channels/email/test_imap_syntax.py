"""Sets of mails, dates and folders as IMAP writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from channels.email.imap_syntax import folder_name, moment, search_date, uid_set


def test_runs_of_mails_are_written_by_their_ends() -> None:
    assert uid_set([7, 3, 1, 2]) == "1:3,7"


def test_a_date_is_written_in_english_whatever_the_locale() -> None:
    assert search_date(date(2026, 3, 5)) == "5-Mar-2026"


def test_when_a_mail_came_in_is_read_as_servers_write_it() -> None:
    assert moment(b" 5-Jan-2024 09:11:12 +0100") == datetime(2024, 1, 5, 8, 11, 12, tzinfo=UTC)
    before = datetime.now(UTC)
    assert before <= moment(b"31-Foo-2024 99:00:00 +0000") <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("name", "written"),
    [("INBOX", '"INBOX"'), ("Geprüft & erledigt", '"Gepr&APw-ft &- erledigt"'), ('a "b"', r'"a \"b\""')],
)
def test_a_folder_is_named_in_imaps_own_letters(name: str, written: str) -> None:
    assert folder_name(name) == written
