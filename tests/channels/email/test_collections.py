"""Real mail, collected by others: read without harm, trimmed without loss, judged rightly."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil
import pytest

from channels.email.apart import Apart
from channels.email.bounces import Bounce
from channels.email.kinds import Automatic, Kind, Listed, Ordinary, OutOfOffice, judge
from channels.email.mail import NotUnderstood
from channels.email.parse import parse
from channels.email.trim import trim
from tests.channels.email.mails import corpus, files

# Mail of these folders that a machine or a list wrote; whatever else is judged so is a mistake.
MACHINES = {
    "msg_05.txt", "msg_16.txt", "msg_25.txt", "msg_32.txt", "msg_33.txt", "msg_43.txt",
    "bad_date_header.eml", "empty_in_reply_to.eml", "encoding_madness.eml", "multi_address_bounce1.eml",
    "multi_address_bounce2.eml", "multipart_report_multiple_status.eml", "raw_email_trailing_dot.eml",
    "raw_email_with_mimepart_without_content_type.eml", "report_422.eml", "report_530.eml",
}  # fmt: skip


def read(path: Path) -> str:
    return path.read_bytes().decode().replace("\r\n", "\n")


def lost(text: str, found: str) -> list[str]:
    kept = {line.strip() for line in found.split("\n")}
    return [line for line in text.split("\n") if line.strip() and line.strip() not in kept]


def test_replies_are_trimmed_as_their_collectors_expect() -> None:
    folder = corpus("reply-discourse") / "test"
    exact, losing = 0, []
    cases = list(files(folder / "emails"))
    for case in cases:
        wanted = folder / "trimmed" / case.name
        expected = read(wanted).strip() if wanted.exists() else ""
        found = trim(read(case)).text.strip()
        exact += found == expected
        losing += [case.name] * bool(lost(expected, found))
    assert exact >= 0.8 * len(cases)
    assert len(losing) <= 1, losing


@pytest.mark.parametrize("name", ["reply-github", "reply-zapier", "reply-crisp"])
def test_no_word_above_a_quote_is_lost(name: str) -> None:
    """Their writers answer above what they quote, but for those that answer within it."""
    marks = (
        "On ", "Le ", "Op ", "Am ", "Em ", "El ", "pe ", "W dniu", "2013", "2017", "30.", "Wednesday", "_",
        "--", " ---", "From", "*From", "De :", "Da:", "Van:", ">", "Sent ", "Get ", "Envoyé",
    )  # fmt: skip
    for case in files(corpus(name) / "test"):
        text = read(case)
        lines = text.split("\n")
        first = next((at for at, line in enumerate(lines) if line.startswith(marks) and at), len(lines))
        assert not lost("\n".join(lines[:first]), trim(text).text + "\n" + lines[0]), case.name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "reply-github/test/emails/email_1_2.txt",
            ["You can list the keys", "there is no straightforward way"],
        ),
        ("reply-github/test/emails/email_1_8.txt", ["I will reply under this one", "and under this."]),
        ("reply-zapier/test/emails/email_partial_quote_header.txt", ["On your remote host you can run:"]),
        (
            "reply-zapier/test/emails/email_sent_from_my_not_signature.txt",
            ["Sent from my desk, is much easier"],
        ),
        ("reply-crisp/test/fixtures/email_reply_header.txt", ["On the one hand", "it could happen TWICE!"]),
        (
            "reply-crisp/test/fixtures/email_tricky_19_quote_without_header.txt",
            ["My response", "And my final"],
        ),
        ("reply-crisp/test/fixtures/email_21.txt", ["On Thursday:", "El jueves:"]),
    ],
)
def test_words_that_are_easily_lost_stay(name: str, words: list[str]) -> None:
    folder, _, path = name.partition("/")
    found = trim(read(corpus(folder) / path)).text
    assert all(each in found for each in words)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["mail-stalwart", "mail-cpython", "mail-rubymail", "bounce-sisimai"])
async def test_every_file_is_understood_or_set_aside_at_once_and_nothing_grows(name: str) -> None:
    folder = corpus(name)
    process = psutil.Process()
    async with Apart(processes=1) as apart:
        await apart.understand(b"From: anna@home.example\r\n\r\nHi")
        (child,) = (each for each in process.children() if "channels.email.child" in each.cmdline())
        before, of_child = process.memory_info().rss, child.memory_info().rss
        for path in files(folder):
            started = time.monotonic()
            with contextlib.suppress(NotUnderstood):
                await apart.understand(path.read_bytes())
            assert time.monotonic() - started <= 2, path.name
        assert process.memory_info().rss - before < 30_000_000
        assert child.is_running()
        assert child.memory_info().rss - of_child < 60_000_000


def judged(name: str) -> list[tuple[Path, Kind]]:
    mails = [each for each in files(corpus(name)) if each.suffix in {".eml", ".txt"}]
    return [(each, judge(parse(each.read_bytes()))) for each in mails]


def test_bounces_of_many_systems_are_bounces_and_say_whose() -> None:
    kinds = [(path, kind) for path, kind in judged("bounce-sisimai/maildir") if path.parent.name != "not"]
    # The collection also holds complaints and absences, and a list's own refusals.
    reports = [(path, kind) for path, kind in kinds if not path.name.startswith(("arf-", "rfc3834-"))]
    assert not [path.name for path, kind in kinds if isinstance(kind, Ordinary | Listed)]
    bounces = [kind for _, kind in reports if isinstance(kind, Bounce)]
    assert len(bounces) >= 0.99 * len(reports)
    assert sum(each.by_hand for each in bounces) <= 0.01 * len(bounces)
    told = [each for each in bounces if each.recipients or each.original_message_id]
    assert len(told) >= 0.9 * len(bounces)
    absences = [kind for path, kind in kinds if path.name.startswith("rfc3834-")]
    assert all(isinstance(each, OutOfOffice | Automatic) for each in absences)


def test_what_is_no_bounce_is_ordinary() -> None:
    kinds = [kind for path, kind in judged("bounce-sisimai/maildir") if path.parent.name == "not"]
    assert kinds
    assert all(isinstance(each, Ordinary) for each in kinds)


@pytest.mark.parametrize("name", ["mail-stalwart", "mail-cpython", "mail-rubymail"])
def test_ordinary_mail_stays_ordinary(name: str) -> None:
    mistaken = [path.name for path, kind in judged(name) if not isinstance(kind, Ordinary)]
    assert set(mistaken) <= MACHINES
