"""WhatsApp over two web and two worker processes, with a Twilio that fails where it hurts."""

from __future__ import annotations

import asyncio
import collections
import itertools
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Postgres
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_customer import Customer
from tests.doubles.twilio_rules import SILENT, Fault, Message, settings_for
from tests.faults.audit import sent_once_and_in_order, settled
from tests.faults.conftest import QUESTION, RECOVERY
from tests.processes import ROOT, Switchboard, free_port, model_server, switchboard, valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

_SETTLED = 180.0  # seconds in which everything must have come to rest
# It takes the message and is about to say so when the sender dies.
_LOST_ANSWER = Fault(accepted=True, delay=20.0)
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A Switchboard on WhatsApp, and the port its Twilio must answer on."""

    house: Switchboard
    port: int

    def kill_workers(self) -> None:
        for worker in self.house.workers:
            worker.send(signal.SIGKILL)

    def start_workers(self) -> None:
        for worker in self.house.workers:
            worker.end(signal.SIGKILL)
            worker.start()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    database_url, port = "", free_port()
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        database_url = asyncio.run(postgres.database())
    with (
        valkey(folder) as redis,
        model_server(folder) as model,
        switchboard(
            folder,
            webs=2,
            workers=2,
            redis_url=redis.url,
            model_url=model.url,
            database_url=database_url,
            settings=settings_for(f"http://127.0.0.1:{port}"),
            learn=ROOT / "knowledge" / "sample" / "delivery",
        ) as house,
    ):
        yield Shop(house=house, port=port)


@pytest.fixture
async def twilio(running_shop: Shop) -> AsyncIterator[Twilio]:
    """The shop's Twilio, without faults until a test tells it."""
    provider = Twilio(webhooks=running_shop.house.urls)
    await provider.start(running_shop.port)
    try:
        yield provider
    finally:
        await provider.stop()


@pytest.fixture
async def shop(running_shop: Shop, twilio: Twilio) -> AsyncIterator[Shop]:
    """Whole at the end of every test, whatever it killed."""
    try:
        yield running_shop
    finally:
        for process in running_shop.house.processes:
            if not process.running:
                await asyncio.to_thread(process.start)


def customers(twilio: Twilio, count: int) -> Sequence[Customer]:
    """That many whom no other test knows."""
    return [twilio.customer(f"whatsapp:+49151{number:08}") for number in itertools.islice(_NUMBERS, count)]


async def test_a_webhook_posted_fifty_times_over_two_processes_is_one_message_and_one_reply(
    shop: Shop, twilio: Twilio
) -> None:
    [customer] = customers(twilio, 1)
    message = await customer.write(QUESTION, repeat=50)
    assert collections.Counter(message.answers) == {200: 50}
    assert {posted.url for posted in twilio.posted} == {f"{twilio.public_url}/webhooks/whatsapp"}
    await customer.until_received(1, within=RECOVERY)
    await settled(shop.house, within=RECOVERY)
    rows = shop.house.rows(
        f"SELECT direction FROM messages WHERE conversation_id = ({_conversation(customer)}) ORDER BY seq"
    )
    assert [row["direction"] for row in rows] == ["in", "out"]
    assert len(customer.received) == 1
    sent_once_and_in_order(shop.house, twilio.sent)


async def test_two_hundred_customers_lose_nothing_while_twilio_fails(shop: Shop, twilio: Twilio) -> None:
    twilio.share = 0.05
    crowd = customers(twilio, 200)

    async def write(customer: Customer) -> list[Message]:
        return [await customer.write(f"{QUESTION} ({number})") for number in range(5)]

    written = await asyncio.gather(*(write(customer) for customer in crowd))
    assert {answer for messages in written for message in messages for answer in message.answers} == {200}
    await settled(shop.house, within=_SETTLED)
    stored = shop.house.rows(
        "SELECT i.address, m.text FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " JOIN identities i ON i.contact_id = c.contact_id"
        " WHERE m.direction = 'in' AND m.channel = 'whatsapp' ORDER BY m.conversation_id, m.seq"
    )
    for customer in crowd:
        texts = [row["text"] for row in stored if row["address"] == customer.address]
        assert texts == [f"{QUESTION} ({number})" for number in range(5)], "in the order they were written"
        assert customer.received, "everybody got an answer"
    sent_once_and_in_order(shop.house, twilio.sent)
    met = collections.Counter(call.fault for call in twilio.refused)
    assert len(met) > 1, "the faults were met"


async def test_a_worker_killed_before_it_knew_of_its_success_sends_nothing_twice(
    shop: Shop, twilio: Twilio
) -> None:
    for round_, customer in enumerate(customers(twilio, 3), 1):
        twilio.script([_LOST_ANSWER])
        await customer.write(QUESTION)
        await twilio.until(lambda: len(twilio.sent) == round_, within=RECOVERY, what="it was taken")  # noqa: B023
        await asyncio.to_thread(shop.kill_workers)
        await asyncio.to_thread(shop.start_workers)
        await settled(shop.house, within=_SETTLED)
        assert len(customer.received) == 1
    sent_once_and_in_order(shop.house, twilio.sent)


async def test_a_worker_killed_before_twilio_took_the_message_still_sends_it(
    shop: Shop, twilio: Twilio
) -> None:
    [customer] = customers(twilio, 1)
    twilio.script([SILENT])
    await customer.write(QUESTION)
    await twilio.until(lambda: twilio.refused, within=RECOVERY, what="the call came")
    await asyncio.to_thread(shop.kill_workers)
    await asyncio.to_thread(shop.start_workers)
    await customer.until_received(1, within=_SETTLED)
    await settled(shop.house, within=_SETTLED)
    sent_once_and_in_order(shop.house, twilio.sent)


def _conversation(customer: Customer) -> str:
    return (
        "SELECT c.id FROM conversations c JOIN identities i ON i.contact_id = c.contact_id"
        f" WHERE i.channel = 'whatsapp' AND i.address = '{customer.address}'"
    )
