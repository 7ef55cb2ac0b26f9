"""`switchboard ask`: a conversation in the terminal, by the path a visitor's message takes."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.app import House
from bot.desk import TURN
from bot.store.records import StoredMessage
from channels.base import InboundMessage


async def ask(house: House, question: str | None, *, show_trace: bool, out: Console) -> None:
    """Answer one question, or every line until the end of the input."""
    await house.toolbox.connect()
    await house.router.learn()
    sender = f"terminal-{secrets.token_hex(6)}"
    if question is not None:
        await _one(house, sender, question, show_trace=show_trace, out=out)
        return
    out.print("Ask away; an empty line or Ctrl-D ends it.")
    while True:
        out.print("[bold]you:[/] ", end="")
        line = await _typed()
        if not line.strip():
            return
        await _one(house, sender, line, show_trace=show_trace, out=out)


async def _typed() -> str:
    """The next line. Ctrl-C is heard meanwhile, which a thread blocked in reading would not let end us."""
    if sys.stdin.isatty():
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(sys.stdin, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(sys.stdin)
        return sys.stdin.readline()
    return await asyncio.to_thread(sys.stdin.readline)


async def _one(house: House, sender: str, question: str, *, show_trace: bool, out: Console) -> None:
    recorded = await house.desk.take_in(
        InboundMessage(
            channel="terminal", external_id=f"{sender}:{secrets.token_hex(8)}", sender=sender, text=question
        )
    )
    answer = await _answer(house, recorded.contact_id, recorded.message)
    if answer is None:
        out.print("no answer came in time; `switchboard doctor` may know why", style="red")
        return
    out.print(f"[bold]{escape(answer.author_name or 'bot')}:[/] {escape(answer.text)}", highlight=False)
    for number, citation in enumerate(answer.citations, 1):
        out.print(f"  [{number}] {citation.title} {citation.url}", style="dim", markup=False, highlight=False)
    if show_trace and answer.turn_id:
        await _print_trace(house, answer.turn_id, out)


async def _answer(house: House, contact_id: str, question: StoredMessage) -> StoredMessage | None:
    """What was said after the question; a worker running beside may have been faster than we are."""
    give_up_at = time.monotonic() + TURN + 10
    async with house.live.watch(contact_id) as feed:
        while time.monotonic() < give_up_at:
            await house.desk.answer(question.conversation_id)
            for message in (await house.store.conversations.session(contact_id)).messages:
                if message.direction == "out" and message.seq > question.seq:
                    return message
            await feed.next(0.5)
    return None


async def _print_trace(house: House, turn_id: str, out: Console) -> None:
    turn = await house.store.turns.get(turn_id)
    if turn is None:
        return
    table = Table("step", "name", "status", "ms", "output", box=None, header_style="dim")
    for step in turn.steps:
        shown = ", ".join(f"{name}={value}" for name, value in step.output.items())
        table.add_row(step.kind, step.name, step.status, f"{step.seconds * 1000:.1f}", escape(shown[:160]))
    out.print(table)
