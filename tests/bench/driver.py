"""What puts load on a system: conversations that post and watch for the answer on their event stream.

Cheap on purpose: it shares the machine with what it measures.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.visitor import Connection

_BEGINNINGS = ("", "Please: ", "Well, ", "Hi, ", "Hello, ", "Ok, ", "Good morning, ", "Good evening, ")
_QUESTIONS = (
    "how long does delivery to Germany take",
    "how much does express delivery cost",
    "how do I change my delivery address",
    "how do I turn on two-factor authentication",
    "how long does a refund take",
    "can I pay with a gift card",
)
_ENDS = ("?", " then?", " please?", " now?", " here?", " exactly?", " again?", "??", " then, please?", "...?")
_PATIENCE = 60.0  # seconds for one turn; a benchmark that hangs should say so


def questions() -> Iterator[str]:
    """Some hundreds, no two alike: what was looked up once may be remembered."""
    for end in _ENDS:
        for beginning in _BEGINNINGS:
            for question in _QUESTIONS:
                yield beginning + question + end


_TO_ASK = itertools.cycle(questions())


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds from the POST to the first piece of the answer (0.0: none came) and to the finished one."""

    first: float
    finished: float
    by_model: bool  # an answer from elsewhere is another, cheaper path


class Conversation:
    """One conversation with its event stream open."""

    def __init__(
        self,
        *,
        url: str,
        stream: str,
        headers: Mapping[str, str],
        body: Callable[[str, str], bytes],
        post: str,
    ) -> None:
        self._url = url
        self._stream_path = stream
        self._headers = headers
        self._body = body
        self._post_path = post
        self._asked = 0
        self._first = 0.0
        self._by_model = False
        self._heard = asyncio.Event()
        self._finished: asyncio.Future[float] | None = None
        self._posts: Connection
        self._stream: Connection

    async def open(self) -> None:
        """Open the event stream, then the connection that posts."""
        self._stream = await Connection.to(self._url)
        headers = {**self._headers, "accept": "text/event-stream"}
        answer = await self._stream.request("GET", self._stream_path, headers=headers, sink=self._hear)
        assert answer.status == 200, answer.body
        await self._heard.wait()
        self._posts = await Connection.to(self._url)

    def close(self) -> None:
        self._stream.close()
        self._posts.close()

    @property
    def bytes_read(self) -> int:
        """Of the event stream, so far."""
        return self._stream.bytes_read

    async def ask(self) -> Timing:
        """Post one question and wait for its finished answer."""
        question = next(_TO_ASK)
        self._asked += 1
        self._first = 0.0
        self._finished = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        answer = await self._posts.request(
            "POST",
            self._post_path,
            headers={**self._headers, "content-type": "application/json"},
            body=self._body(f"c{self._asked}", question),
        )
        assert answer.status == 202, (answer.status, answer.body)
        async with asyncio.timeout(_PATIENCE):
            finished = await self._finished
        return Timing(
            first=self._first - began if self._first else 0.0,
            finished=finished - began,
            by_model=self._by_model,
        )

    def _hear(self, data: bytes) -> None:
        if not self._heard.is_set():
            self._heard.set()
        if not self._first and b"event: delta" in data:
            self._first = time.perf_counter()
        if b'"direction":"out"' in data and self._finished is not None and not self._finished.done():
            self._by_model = b"token token" in data
            self._finished.set_result(time.perf_counter())


async def one_by_one(conversations: Sequence[Conversation], turns: int) -> list[Timing]:
    """`turns` turns, never two at once, going round the conversations."""
    return [await conversations[turn % len(conversations)].ask() for turn in range(turns)]


async def all_at_once(conversations: Sequence[Conversation], turns_each: int) -> tuple[list[Timing], float]:
    """Every conversation asks as soon as it was answered; all timings, and the seconds it took.

    One that was answered by something else than the model asks no more: a person may have it now.
    """

    async def talk(conversation: Conversation) -> list[Timing]:
        timings = [await conversation.ask()]
        while len(timings) < turns_each and timings[-1].by_model:
            timings.append(await conversation.ask())
        return timings

    began = time.perf_counter()
    timings = await asyncio.gather(*(talk(conversation) for conversation in conversations))
    return [each for some in timings for each in some], time.perf_counter() - began


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
