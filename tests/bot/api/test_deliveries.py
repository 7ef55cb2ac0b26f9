"""What did not arrive, as operators see it, and sending it again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.store import Store
from bot.store.sendings import WITHDRAWN
from channels.base import ChannelLimits, InboundMessage, NotDelivered
from tests.office import Office, office


async def wrote(place: Office, text: str = "How long can I return things?", number: int = 1) -> str:
    """A message by the channel of the test's own; its conversation."""
    recorded = await place.front.desk.take_in(
        InboundMessage(channel="memory", external_id=f"m{number}", sender=f"ada{number}", text=text)
    )
    await place.work()
    return recorded.message.conversation_id


async def test_what_failed_is_listed_with_the_reason_and_sent_again_on_a_click(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        memory = place.front.memory
        memory.refusals.append(NotDelivered("the number is no longer in use"))
        conversation_id = await wrote(place)
        operator = await place.operator()
        found = (await operator.get("/api/deliveries?status=failed")).json()
        [failed] = found["deliveries"]
        assert found["next"] is None
        assert failed["error"] == "the number is no longer in use"
        assert failed["conversation_id"] == conversation_id
        assert failed["recipient"] == "ada1"
        thread = (await operator.get(f"/api/conversations/{conversation_id}")).json()
        assert thread["status"] == "waiting", "a person must know"
        assert thread["messages"][-1]["delivery"] == {
            "id": failed["id"],
            "status": "failed",
            "error": failed["error"],
        }
        page = await operator.get(f"/dashboard/conversations/{conversation_id}")
        assert f'data-again="{failed["id"]}"' in page.text

        again = await operator.post(f"/api/deliveries/{failed['id']}/retry")
        assert again.json()["delivery"]["status"] == "queued"
        await place.work()
        assert [message.text for message in memory.sent] == [failed["text"]]
        assert (await operator.get("/api/deliveries")).json()["deliveries"] == []
        once_more = await operator.post(f"/api/deliveries/{failed['id']}/retry")
        assert once_more.json()["delivery"]["status"] == "sent", "what has arrived is not sent again"
        await place.work()
        assert len(memory.sent) == 1


async def test_what_somebody_leaves_at_that_stands_in_no_list_of_open_ones(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        place.front.memory.refusals.extend(NotDelivered(f"refusal {each}") for each in range(3))
        for each in range(2):
            await wrote(place, number=each)
        operator, viewer = await place.operator(), await place.operator("Vera", "viewer")
        found = (await operator.get("/api/deliveries?open=1&channel=memory")).json()["deliveries"]
        assert [(each["error"], each["attempts"], each["dismissed"]) for each in found] == [
            ("refusal 1", 1, False),
            ("refusal 0", 1, False),
        ]
        assert await store.undelivered.count() == 2
        assert (await viewer.post(f"/api/deliveries/{found[0]['id']}/dismiss")).status_code == 403
        for _ in range(2):
            left = await operator.post(f"/api/deliveries/{found[0]['id']}/dismiss")
            assert left.json()["delivery"]["dismissed"]
        page = (await operator.get("/dashboard/settings/deliveries")).text
        assert "refusal 0" in page
        assert "refusal 1" not in page
        assert '<span class="count">1</span>' in page
        assert "refusal 0" not in (await operator.get("/dashboard/settings/deliveries?channel=web")).text
        still = (await operator.get("/api/deliveries")).json()["deliveries"]
        assert [each["dismissed"] for each in still] == [True, False]
        await operator.post(f"/api/deliveries/{found[0]['id']}/retry")
        await place.work()  # it fails once more, and is open again
        assert await store.undelivered.count() == 2
        assert (await operator.post("/api/deliveries/dlv_0123456789/dismiss")).status_code == 404
        assert (await operator.get("/api/deliveries?open=perhaps")).status_code == 422


async def test_what_was_held_back_or_is_still_asked_about_is_no_failure(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        place.front.memory.refusals.append(NotDelivered("perhaps", uncertain=True))
        conversation_id = await wrote(place)
        operator = await place.operator()
        page = "/dashboard/settings/deliveries?status=uncertain"
        assert "data-delivery" not in (await operator.get(page)).text
        assert await store.undelivered.count() == 0
        await store.database.change("UPDATE sendings SET due_at = NULL")
        assert "data-delivery" in (await operator.get(page)).text
        assert await store.undelivered.count() == 1
        await store.database.change(
            "UPDATE deliveries SET status = 'failed', error = :why WHERE conversation_id = :id",
            why=WITHDRAWN,
            id=conversation_id,
        )
        assert await store.undelivered.count() == 0


async def test_the_list_goes_on_where_its_page_ended(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        place.front.memory.refusals.extend(NotDelivered(f"refusal {each}") for each in range(3))
        for each in range(3):
            await wrote(place, number=each)
        operator = await place.operator()
        first = (await operator.get("/api/deliveries?limit=2")).json()
        rest = (await operator.get(f"/api/deliveries?limit=2&before={first['next']}")).json()
        errors = [each["error"] for page in (first, rest) for each in page["deliveries"]]
        assert errors == ["refusal 2", "refusal 1", "refusal 0"]
        assert rest["next"] is None


async def test_bad_questions_are_told_so(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        operator = await place.operator()
        assert (await operator.get("/api/deliveries?status=lost")).status_code == 422
        assert (await operator.get("/api/deliveries?before=x")).status_code == 422
        assert (await operator.post("/api/deliveries/dlv_0123456789abcdef/retry")).status_code == 404
        assert (await place.browser().get("/api/deliveries")).status_code == 401


async def test_operators_see_until_when_they_may_write_freely(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        place.front.memory.limits = ChannelLimits(window=3600)
        conversation_id = await wrote(place)
        operator = await place.operator()
        shown = (await operator.get(f"/api/conversations/{conversation_id}")).json()
        left = datetime.fromisoformat(shown["window_until"]) - datetime.now(UTC)
        assert 3500 < left.total_seconds() <= 3600
        page = await operator.get(f"/dashboard/conversations/{conversation_id}")
        assert "free replies for another" in page.text
        visitor = await place.visitor("Hello")
        other = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert other["window_until"] is None
