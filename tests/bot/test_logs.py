"""One line an event, whatever is in it."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

import pytest

from bot.logs import about, set_up_logs
from bot.masking import Masking


@pytest.fixture(params=["text", "json"])
def style(request: pytest.FixtureRequest) -> Literal["text", "json"]:
    chosen: Literal["text", "json"] = request.param
    return chosen


def lines(style: Literal["text", "json"], capsys: pytest.CaptureFixture[str], **extra: object) -> list[str]:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        set_up_logs(style, Masking(secrets=["hush-hush"]))
        logging.getLogger("switchboard.test").info("message taken in", extra=extra)
        logging.getLogger("somebody.else").info("chatter")
        sys.stderr.flush()
    finally:
        root.handlers[:] = before
    return capsys.readouterr().err.splitlines()


def test_an_event_is_one_line_with_its_id(
    style: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = lines(style, capsys, message_id="msg_1")
    assert "message taken in" in line
    assert "msg_1" in line
    if style == "json":
        told = json.loads(line)
        assert (told["level"], told["logger"], told["event"]) == (
            "info",
            "switchboard.test",
            "message taken in",
        )
        assert told["message_id"] == "msg_1"


@pytest.mark.parametrize(
    "value", ["a\n12:00:00 error forged", "\x1b[2J", "\ud800", 10**40, b"\xff", object()]
)
def test_no_value_breaks_the_line_or_forges_another(
    style: Literal["text", "json"], capsys: pytest.CaptureFixture[str], value: object
) -> None:
    told = lines(style, capsys, path=value)
    assert len(told) == 1
    assert "\x1b" not in told[0]
    assert "Logging error" not in told[0]


def test_no_secret_and_nothing_personal_stands_in_a_line(
    style: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        set_up_logs(style, Masking(secrets=["hush-hush"]))
        try:
            int("jane@example.com paid with 4111 1111 1111 1111")
        except ValueError:
            logging.getLogger("switchboard.test").exception(
                "no answer from %s",
                "https://user:hush-hush@shop.example",
                extra={"recipient": "whatsapp:+491512345678", "attempt": 3},
            )
        logging.getLogger("somebody.else").warning("key hush-hush refused")
        sys.stderr.flush()
    finally:
        root.handlers[:] = before
    told = capsys.readouterr().err
    for secret in ("hush-hush", "jane", "4111", "4915"):
        assert secret not in told
    for mask in ("[secret]", "[email]", "[card …1111]".encode("unicode_escape").decode(), "[phone]"):
        assert mask in told or mask.encode().decode("unicode_escape") in told
    if style == "json":
        assert json.loads(told.splitlines()[0])["attempt"] == 3


def test_what_is_logged_about_a_turn_carries_its_ids_whoever_logs_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    turn = "trn_0019f3b2c4d5e6f7a8b9c0d1e2f3a4b"
    try:
        set_up_logs("json", Masking())
        with about(message_id="msg_1", turn=turn):
            logging.getLogger("somebody.else").warning("slow")
            with about(message_id=None, tool="refund"):
                logging.getLogger("switchboard.test").info("done", extra={"turn": "trn_other"})
        logging.getLogger("switchboard.test").info("idle")
        sys.stderr.flush()
    finally:
        root.handlers[:] = before
    slow, done, idle = map(json.loads, capsys.readouterr().err.splitlines())
    assert (slow["message_id"], slow["turn"]) == ("msg_1", turn)
    assert slow["trace_id"] == "0" + turn.removeprefix("trn_"), "as OpenTelemetry names it"
    assert (done["message_id"], done["tool"], done["turn"]) == ("msg_1", "refund", "trn_other")
    assert len(done["trace_id"]) == 32
    assert not {"message_id", "turn", "trace_id"} & idle.keys()
