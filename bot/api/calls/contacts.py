"""Contacts, and their merging."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import Call
from bot.api.schemas import CURSOR, TEXT, TIME, WHOLE, list_of, maybe, obj, of, page

CONTACTS: Sequence[Call] = (
    Call(
        method="get",
        path="/api/contacts",
        about="Contacts, the newest first; `q` are words in a name or an address.",
        who="operator",
        group="Contacts",
        query={"q": TEXT, "before": CURSOR, "limit": page()},
        answers={
            200: (
                "A page",
                obj(
                    {
                        "contacts": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "name": TEXT,
                                    "identities": list_of(of("Identity")),
                                    "conversations": WHOLE,
                                    "last_activity_at": maybe(TIME),
                                    "created_at": TIME,
                                }
                            )
                        ),
                        "next": maybe(TEXT),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/contacts/{id}",
        about="A contact; of one that was merged into another, the other.",
        who="operator",
        group="Contacts",
        answers={200: ("The contact", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}",
        about="Correct a name, or say what else is known: `attributes` are texts by name.",
        who="operator",
        group="Contacts",
        body=obj({}, {"name": TEXT, "attributes": {"type": "object", "additionalProperties": TEXT}}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}/merge",
        about="The contact `contact_id` is the same person, and becomes a part of this one.",
        who="operator",
        group="Contacts",
        body=obj({"contact_id": TEXT}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}/unmerge",
        about="Make two people of one again.",
        who="operator",
        group="Contacts",
        body=obj({"merge_id": TEXT}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
)
