"""The ways by which a contact can be answered, and answers in an approved template."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.outside import Outside
from bot.store import Store
from channels.base import InboundMessage, Template
from channels.twilio_account import Account
from channels.whatsapp import WhatsApp
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL, WHATSAPP_FROM
from tests.office import Office, office

ADA = "whatsapp:+4915112345678"
UPDATE = Template(
    name="update",
    id="HX1",
    text="Hello {{1}}, your question: {{2}} Write back any time.",
    variables={"1": "{name}", "2": "{text}"},
    labels={"1": "Name", "2": "Our answer"},
    language="en",
)
PARCEL = Template(name="parcel", id="HX2", text="Good news, {{1}}: parcel {{2}}.", variables={"1": "{name}"})


@dataclass(kw_only=True)
class Line:
    """A customer on WhatsApp who wrote, the last time so long ago that the window is over."""

    place: Office
    twilio: Twilio
    grace: httpx.AsyncClient
    at: str

    async def ways(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.grace.get(f"{self.at}/ways")).json()["ways"]
        return found

    async def write(self, client_id: str = "1", **more: object) -> httpx.Response:
        answer = await self.grace.post(f"{self.at}/messages", json={"client_id": client_id} | more)
        await self.place.work()
        return answer


@asynccontextmanager
async def line(store: Store, folder: Path, *templates: Template) -> AsyncIterator[Line]:
    async with Twilio() as twilio:
        twilio.templates |= {each.id: each.text for each in templates}
        account = Account(
            sid=ACCOUNT_SID, token=AUTH_TOKEN, address=PUBLIC_URL, key="secret", api_url=twilio.url
        )
        channel = WhatsApp(
            account=account,
            sender=WHATSAPP_FROM,
            fetch=Outside(trusted=twilio.url),
            open_file=lambda _: None,
            per_second=80,
            templates=templates,
        )
        async with office(store, folder, more={"whatsapp": channel}) as place:
            came = InboundMessage(
                channel="whatsapp",
                external_id="1",
                sender=ADA,
                sender_name="Ada",
                text="Where is my parcel?",
                verified=True,
            )
            taken = await place.front.desk.take_in(came)
            grace = await place.operator()
            at = f"/api/conversations/{taken.message.conversation_id}"
            await grace.post(f"{at}/take")
            await place.work()
            await store.database.change("UPDATE identities SET window_until = window_until - 90000000000")
            yield Line(place=place, twilio=twilio, grace=grace, at=at)
        await account.close()


async def test_the_ways_say_what_each_can_do_now(store: Store, tmp_path: Path) -> None:
    async with line(store, tmp_path, UPDATE) as ada:
        [way] = await ada.ways()
        assert way.pop("window_until") is not None
        assert way == {
            "channel": "whatsapp",
            "address": ADA,
            "usual": True,
            "can": True,
            "why_not": None,
            "needs_template": True,
            "templates": [
                {
                    "name": "update",
                    "language": "en",
                    "text": UPDATE.text,
                    "variables": [
                        {"place": "1", "label": "Name", "usually": "{name}"},
                        {"place": "2", "label": "Our answer", "usually": "{text}"},
                    ],
                }
            ],
        }
        visitor = await ada.place.visitor("Hello")
        ada.at = f"/api/conversations/{visitor.conversation_id}"
        [web] = await ada.ways()
        assert (web["channel"], web["address"], web["can"]) == ("web", "", True)
        assert (web["needs_template"], web["window_until"], web["templates"]) == (False, None, [])
        missing = await ada.grace.get("/api/conversations/cnv_0/ways")
        assert missing.status_code == 404


async def test_without_a_template_nothing_reaches_them_once_the_window_is_over(
    store: Store, tmp_path: Path
) -> None:
    async with line(store, tmp_path) as ada:
        [way] = await ada.ways()
        assert (way["can"], way["why_not"], way["needs_template"]) == (False, "window_over", True)
        await store.database.change("UPDATE identities SET window_until = window_until + 180000000000")
        [way] = await ada.ways()
        assert (way["can"], way["why_not"], way["needs_template"]) == (True, None, False)
        await store.database.change("UPDATE identities SET opted_out_at = 1")
        [way] = await ada.ways()
        assert (way["can"], way["why_not"]) == (False, "opted_out")


async def test_an_answer_leaves_in_a_template_as_it_was_filled(store: Store, tmp_path: Path) -> None:
    async with line(store, tmp_path, UPDATE, PARCEL) as ada:
        first = await ada.write(template="update", text="It left\ntoday.")
        assert first.status_code == 201
        message = first.json()["message"]
        assert message["text"] == "Hello Ada, your question: It left today. Write back any time."
        assert (message["template"], message["channel"]) == ("update", "whatsapp")
        assert (await ada.write(template="update", text="It left\ntoday.")).status_code == 200
        second = await ada.write("2", template="parcel", variables={"1": "Ms L.", "2": "A <b>17</b>"})
        assert second.json()["message"]["html"] == "<p>Good news, Ms L.: parcel A &lt;b&gt;17&lt;/b&gt;.</p>"
        await ada.twilio.until(lambda: len(ada.twilio.sent) == 2)
        assert [(each.content_sid, each.content_variables) for each in ada.twilio.sent] == [
            ("HX1", {"1": "Ada", "2": "It left today."}),
            ("HX2", {"1": "Ms L.", "2": "A <b>17</b>"}),
        ]
        shown = (await ada.grace.get(ada.at)).json()["messages"]
        assert [each["template"] for each in shown] == [None, "update", "parcel"]
        assert [each["text"] for each in shown[1:]] == [each.body for each in ada.twilio.sent]
        assert {each["delivery"]["status"] for each in shown[1:]} == {"sent"}


async def test_what_can_not_leave_in_a_template_is_refused_in_plain_words(
    store: Store, tmp_path: Path
) -> None:
    async with line(store, tmp_path, UPDATE, PARCEL) as ada:
        for more, field, told in (
            ({"template": "gone", "text": "x"}, "template", "bot.toml names no template gone"),
            ({"template": "parcel"}, "variables.2", "{{2}}: something has to stand here"),
            (
                {"template": "parcel", "text": "x"},
                "template",
                "the template parcel has no place left for the",
            ),
            ({"template": "update"}, "variables.2", "Our answer: something has to stand here"),
            ({"template": "update", "variables": {"2": "a\nb"}}, "variables.2", "Our answer: line breaks"),
            ({"template": "update", "text": "x" * 1100}, "template", "with what was filled in the message"),
            (
                {"template": "update", "variables": {"2": 5}},
                "variables",
                "texts by the names of the",
            ),
            ({"template": "update", "variables": []}, "variables", "texts by the names of the"),
            ({"text": "x", "variables": {"2": "y"}}, "variables", "they are a template's; name it"),
            ({"template": "update", "text": "x", "kind": "note"}, "template", "a note leaves in no template"),
            ({"template": "update", "text": "x", "attachments": ["a"]}, "attachments", "no file goes along"),
            ({"template": "update", "text": "x", "channel": "web"}, "template", "there are no templates for"),
            ({"template": "update", "text": "x", "channel": "fax"}, "template", "the channel fax is not set"),
        ):
            refused = await ada.write(**more)
            assert refused.status_code == 422, more
            error = refused.json()["error"]
            assert error["field"] == field
            assert error["message"].startswith(told)
        assert ada.twilio.sent == []
        assert len((await ada.grace.get(ada.at)).json()["messages"]) == 1
