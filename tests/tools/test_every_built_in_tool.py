"""What every built-in tool promises: it can be called, with sound arguments alone, for anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from bot.orchestrator.language import LANGUAGES
from tests.tools.given import JO, context
from tools.base import Person, Tool, ToolContext, ToolFailed, WrongArguments
from tools.built_in import NAMES, built_in
from tools.code_words import Said, said
from tools.hours import OfficeHours
from tools.schema import checked_by

HOURS = OfficeHours.model_validate({"timezone": "Europe/Berlin", "mon-fri": "09:00-18:00"})


class Diary:
    """Keeps what is to be done later, and takes one thing for each key."""

    def __init__(self) -> None:
        self.planned: dict[str, float] = {}

    async def plan(self, context: ToolContext, seconds: float) -> bool:
        self.planned.setdefault(context.key, seconds)
        return len(self.planned) < 3


class SixFives:
    """Codes that are always 555555."""

    async def send(self, context: ToolContext, address: str) -> None:
        assert address == "jo@example.com"

    async def redeem(self, context: ToolContext, code: str) -> str | None:
        return "jo@example.com" if code == "555555" else None


TOOLS = {each.name: each for each in built_in(hours=HOURS, later=Diary(), codes=SixFives())}
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "hand_off": {"reason": "policy", "summary": "Wants a discount of 90 %."},
    "contact_facts": {},
    "follow_up": {"when": "tomorrow"},
    "business_hours": {},
    "send_code": {"address": "jo@example.com"},
    "verify_code": {"code": "555555"},
}


def test_all_of_them_are_there() -> None:
    assert set(TOOLS) == set(NAMES) == set(ARGUMENTS)
    few = {each.name for each in built_in(hours=None, later=Diary(), codes=None)}
    assert few == {"hand_off", "contact_facts", "follow_up"}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
class TestEach:
    def test_a_model_can_read_it(self, tool: Tool) -> None:
        assert re.fullmatch(r"[a-z_]{3,40}", tool.name)
        assert tool.description.endswith(".")
        assert len(tool.description) < 300
        json.dumps(tool.parameters)
        checked_by(tool.parameters)  # a sound schema
        assert 0 < tool.timeout <= 30

    def test_its_schema_and_its_check_agree(self, tool: Tool) -> None:
        given = ARGUMENTS[tool.name]
        assert tool.check(given) == checked_by(tool.parameters)(given)
        for name in given:
            with pytest.raises(WrongArguments) as wrong:
                tool.check({each: value for each, value in given.items() if each != name})
            assert wrong.value.problems == {name: "is missing"}
        with pytest.raises(WrongArguments) as wrong:
            tool.check({**given, "contact_id": "someone else"})
        assert wrong.value.problems == {"contact_id": "is unknown"}

    @pytest.mark.parametrize("language", ["en", "de", "ar", "xx"])
    async def test_it_answers_anybody(self, tool: Tool, language: str) -> None:
        nobody = Person(id="contact-2", name="Eve", verified=False, addresses={})
        for person in (JO, nobody):
            told = await tool.call(
                context(person=person, language=language), tool.check(ARGUMENTS[tool.name])
            )
            assert told
            assert len(told) < 2_000


async def test_facts_are_told_of_those_alone_whom_somebody_vouched_for() -> None:
    tool = TOOLS["contact_facts"]
    assert json.loads(await tool.call(context(), {})) == {
        "verified": True,
        "channel": "web",
        "language": "en",
        "name": "Jo",
        "email": ["jo@example.com"],
        "phone": ["+4915112345678"],
    }
    claimed = Person(id="c", name="Jo", verified=False, addresses=JO.addresses)
    assert json.loads(await tool.call(context(person=claimed), {})) == {
        "verified": False,
        "channel": "web",
        "language": "en",
    }


async def test_a_promise_to_write_again_says_when_and_is_not_made_without_end() -> None:
    diary = Diary()
    tool = next(each for each in built_in(hours=HOURS, later=diary, codes=None) if each.name == "follow_up")
    assert (tool.effect, tool.approval, tool.idempotent) == ("write", None, True)
    told = [
        json.loads(await tool.call(context(key=key, language=language), {"when": "in a week"}))["said"]
        for key, language in (("a", "en"), ("a", "de"), ("b", "fr"))
    ]
    assert told[0].startswith("I will write to you again on ")
    assert told[1].startswith("Ich melde mich am ")
    assert told[2].startswith("Je vous écrirai de nouveau ")
    assert diary.planned == {"a": 7 * 86400, "b": 7 * 86400}
    with pytest.raises(ToolFailed):
        await tool.call(context(key="c"), {"when": "tomorrow"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_words_for_codes(language: str) -> None:
    spoken = [said(language, which, code="123456", address="jo@example.com") for which in get_args(Said)]
    assert len(set(spoken)) == len(spoken)
    assert all("{" not in each and "  " not in each for each in spoken)


async def test_a_wrong_code_is_asked_for_again_in_the_customers_language() -> None:
    tool = TOOLS["verify_code"]
    with pytest.raises(ToolFailed) as failed:
        await tool.call(context(language="de"), {"code": "123456"})
    assert failed.value.refused
    assert failed.value.words.endswith("Wie lautet der Code in der E-Mail?")
    asks = tool.asks["code"]
    assert not isinstance(asks, str)
    assert asks["de"] == "Wie lautet der Code in der E-Mail?"
    sent = json.loads(await TOOLS["send_code"].call(context(language="de"), {"address": "jo@example.com"}))
    assert sent["said"].endswith(asks["de"])
