"""A company with two operators and one customer: what happens between them, step by step."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.doubles.clerk import told, wished
from tests.doubles.model import Messages, ModelServer, Script
from tests.doubles.till import Till
from tests.e2e.beside import beside, on
from tests.e2e.customers import SOON
from tests.e2e.desk import thread
from tests.processes import ROOT, Switchboard, switchboard, until

_PASSAGE = re.compile(r'<passage n="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)
_BOT = """
[bot]
name = "Ada"
company = "Northwind"
instructions = "Be brief."

[tools.refund]
method = "POST"
url = "{till}/refund"
description = "Pays an order back."
effect = "write"
idempotent = true
approval = "operator"
parameters = {{ order_id = {{ type = "string", pattern = "^[0-9]{{6}}$" }} }}
"""


def speaks(messages: Messages) -> str:
    """All of the first passage, unless something is to be done or was."""
    if wished(messages) or messages[-1]["role"] == "tool":
        return told(messages)
    passages = _PASSAGE.findall(messages[-1]["content"])
    if not passages:
        return "NO_ANSWER"
    number, text = passages[0]
    sentences = [each for each in re.split(r"(?<=[.!?])\s+", text) if not re.search(r"[\n|#]", each)]
    return " ".join(f"{each[:-1]} [{number}]{each[-1]}" for each in sentences[:4])


WATCHED = Script(text=speaks, calls=wished, delay=0.05)
ENDURING = Script(text=speaks, calls=wished, delay=0.4)  # a person is quicker


@dataclass(frozen=True, kw_only=True)
class Company:
    """A Switchboard with an operator's word before any refund, its model, and what was really paid back."""

    house: Switchboard
    model: ModelServer
    till: Till

    def conversation(self, words: str) -> str:
        """The conversation in which a customer has written this, once it has come."""
        wanted = f"SELECT conversation_id FROM messages WHERE text = '{words}'"
        until(lambda: self.house.rows(wanted), SOON, f"{words!r} in the store")
        (row,) = self.house.rows(wanted)
        return str(row["conversation_id"])

    def kill(self) -> None:
        """At once, in the middle of whatever it does."""
        for process in self.house.processes:
            process.end(signal.SIGKILL)

    def come_back(self) -> None:
        self.house.start()

    def said(self, conversation: str, *, private: bool = False) -> Sequence[str]:
        """What stands in the store, in order; operators' words among themselves only when `private`."""
        rows = self.house.rows(
            f"SELECT text, private FROM messages WHERE conversation_id = '{conversation}' ORDER BY seq"
        )
        return [spoken(row["text"]) for row in rows if private or not row["private"]]


@contextlib.contextmanager
def company(folder: Path, till: Till, settings: Mapping[str, str]) -> Iterator[Company]:
    """`switchboard run`, ended at the end."""
    (folder / "bot.toml").write_text(_BOT.format(till=till.url))
    given = {"BOT_CONFIG": str(folder / "bot.toml"), "OPENAI_API_KEY": "scripted"} | dict(settings)
    with beside() as loop:
        model = ModelServer(usually=WATCHED)
        on(loop, model.start())
        learn = ROOT / "knowledge" / "sample" / "delivery"
        try:
            with switchboard(folder, model_url=model.url, settings=given, learn=learn) as house:
                yield Company(house=house, model=model, till=till)
        finally:
            on(loop, model.stop())


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody at the desk, and their browser."""

    name: str
    page: Page

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Reply")

    @property
    def head(self) -> Locator:
        return self.page.locator("#head")

    @property
    def others(self) -> Locator:
        return self.page.locator("#others")

    @property
    def being_written(self) -> Locator:
        return thread(self.page).locator("#written")

    def waits_at_the_list(self, house: Switchboard) -> None:
        self.page.goto(f"{house.url}/dashboard/conversations?tab=all")

    def opens(self, conversation: str) -> None:
        """It has come to the list by itself."""
        self.page.locator(f"#entry-{conversation}").click()
        expect(self.page.locator("#contact")).to_be_focused()  # the page listens

    def sees(self, words: str, *, within: float = 15.0) -> None:
        """It stands in the thread once; it has come by itself."""
        expect(self.message(words)).to_have_count(1, timeout=within * 1000)

    def message(self, words: str) -> Locator:
        return thread(self.page).locator(".message[data-seq] .body").filter(has_text=words)

    def has_no_connection(self) -> None:
        expect(self.page.locator("#connection")).to_be_visible()

    def is_connected(self) -> None:
        """Again, by itself."""
        expect(self.page.locator("#connection")).to_be_hidden(timeout=SOON * 1000)

    def presses_send(self) -> None:
        self.box.press("Control+Enter")

    def sends(self, words: str) -> None:
        self.box.fill(words)
        self.presses_send()
        expect(self.box).to_have_value("")

    def read(self) -> Sequence[str]:
        """The words of every message in the thread, in order."""
        bodies: list[str] = thread(self.page).locator(".message[data-seq] .body").all_inner_texts()
        return [spoken(each) for each in bodies]


def spoken(text: str) -> str:
    """Its words, however they are set."""
    return " ".join(re.findall(r"\w+", text))
