"""What was done and what it cost: turns, analytics, usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.api.calls.call import Call
from bot.api.schemas import DAY, NUMBER, TEXT, TIME, WHOLE, Schema, list_of, maybe, obj, of


def _cost_of(name: Mapping[str, Schema]) -> Schema:
    return {"allOf": [obj(name), of("Cost")]}


USAGE: Sequence[Call] = (
    Call(
        method="get",
        path="/api/turns/{id}",
        about="Why the bot answered as it did, step by step.",
        who="operator",
        group="Conversations",
        answers={
            200: (
                "The turn",
                {
                    "allOf": [
                        of("Turn"),
                        obj(
                            {
                                "conversation_id": TEXT,
                                "reason": TEXT,
                                "attempt": WHOLE,
                                "ended_at": maybe(TIME),
                                "steps": list_of(of("Step")),
                            }
                        ),
                    ]
                },
            )
        },
    ),
    Call(
        method="get",
        path="/api/analytics",
        about="What the bot and people did from one day to another, usually in the last thirty, beside as "
        "many days before. A conversation counts to the day it began on, and once more where the customer "
        "writes again after it was resolved or after a day in which nobody owed them anything. Durations "
        "are seconds, 2 % off at the most; days are the company's.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={
            200: (
                "Everything of days; what belongs to no day by channel, hour, reason or model",
                obj(
                    {
                        "from": DAY,
                        "to": DAY,
                        "timezone": TEXT,
                        "counted_until": {
                            **maybe(TIME),
                            "description": "Long ago only while everything is being counted anew.",
                        },
                        "total": of("Figures"),
                        "previous": obj({"from": DAY, "to": DAY, "total": of("Figures")}),
                        "days": list_of(
                            {
                                "allOf": [
                                    obj(
                                        {
                                            "day": DAY,
                                            "degraded_minutes": WHOLE,
                                            "suggestions": of("Suggested"),
                                        }
                                    ),
                                    of("Counts"),
                                    of("Cost"),
                                ]
                            }
                        ),
                        "channels": list_of({"allOf": [obj({"channel": TEXT}), of("Counts"), of("Cost")]}),
                        "hours": list_of(obj({"hour": WHOLE, "messages_received": WHOLE})),
                        "hand_offs": list_of(obj({"reason": TEXT, "conversations": WHOLE})),
                        "ratings": list_of(obj({"score": WHOLE, "conversations": WHOLE})),
                        "degraded": list_of(obj({"what": TEXT, "minutes": WHOLE})),
                        "models": list_of(_cost_of({"model": TEXT})),
                        "gaps": list_of(
                            obj(
                                {
                                    "question": TEXT,
                                    "times": WHOLE,
                                    "latest_at": TIME,
                                    "conversation_id": TEXT,
                                }
                            )
                        ),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/analytics.csv",
        about="The same days as a table: a row for each day and channel; what belongs to no channel, "
        "suggested answers among it, in a row without one.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={200: ("The table", TEXT)},
        answer_type="text/csv",
    ),
    Call(
        method="get",
        path="/api/usage",
        about="What models have cost from one day to another, usually in the last thirty, and how far the "
        "budgets are used up now. Days are the company's.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={
            200: (
                "Everything of days, the dearest models, channels and conversations first",
                obj(
                    {
                        "from": DAY,
                        "to": DAY,
                        "timezone": TEXT,
                        "total": of("Cost"),
                        "days": list_of(_cost_of({"day": DAY})),
                        "models": list_of(_cost_of({"model": TEXT})),
                        "channels": list_of(_cost_of({"channel": TEXT})),
                        "conversations": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "contact": obj({"id": TEXT, "name": TEXT}),
                                    "subject": TEXT,
                                    "calls": WHOLE,
                                    "cost_usd": NUMBER,
                                }
                            )
                        ),
                        "budgets": {
                            **list_of(of("Budget")),
                            "description": "Those that `[budget]` sets a limit for.",
                        },
                    }
                ),
            )
        },
    ),
)
