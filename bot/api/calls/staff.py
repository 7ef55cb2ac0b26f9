"""Signing in, operators, tokens and the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import CURSOR, DAY, ROLE, TEXT, TIME, WHOLE, Schema, list_of, maybe, obj, of, page, text

_EMAIL: Schema = {**text(320), "pattern": r"^[^\s@\x00]+@[^\s@\x00]+$"}
_AUDITED: Mapping[str, Schema] = {
    "who": {**TEXT, "maxLength": 100, "description": "The id of an operator or a token."},
    "what": {
        **TEXT,
        "maxLength": 100,
        "description": "An act, or all of a kind: `operator.role`, `operator`.",
    },
    "about": {**TEXT, "maxLength": 100, "description": "The id of what it was done to."},
    "from": DAY,
    "to": DAY,
}

STAFF: Sequence[Call] = (
    Call(
        method="post",
        path="/api/login",
        about="Sign in; the answer sets the session's cookie.",
        who="anyone",
        group="Session",
        body=obj({"email": text(320), "password": text(1000)}),
        answers={200: ("Signed in", of("Me"))},
    ),
    Call(
        method="post",
        path="/api/logout",
        about="End the session.",
        who="operator",
        group="Session",
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/me",
        about="Who is asking.",
        who="operator",
        group="Session",
        answers={200: ("You", of("Me"))},
    ),
    Call(
        method="post",
        path="/api/me/password",
        about="Choose another password; your other sessions end. With a session alone, not with a token.",
        who="operator",
        group="Session",
        body=obj({"current": text(1000), "new": {**text(1000), "minLength": 12}}),
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/operators",
        about="Everybody who answers; with `active=false` those who have left.",
        who="operator",
        group="Staff",
        query={"active": {"type": "string", "enum": ["true", "false"]}},
        answers={200: ("The operators", obj({"operators": list_of(of("Operator"))}))},
    ),
    Call(
        method="post",
        path="/api/operators",
        about="Let somebody in; the password is told once. For administrators.",
        who="operator",
        group="Staff",
        body=obj({"email": _EMAIL}, {"name": text(100), "role": ROLE}),
        answers={201: ("The operator", obj({"operator": of("Operator"), "password": TEXT}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}",
        about="Another name or another role. For administrators.",
        who="operator",
        group="Staff",
        body=obj({}, {"name": text(100), "role": ROLE}),
        answers={200: ("The operator", obj({"operator": of("Operator")}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}/password",
        about="A new password, told once; their sessions end. For administrators.",
        who="operator",
        group="Staff",
        answers={200: ("The operator", obj({"operator": of("Operator"), "password": TEXT}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}/deactivate",
        about="Somebody has left: they sign in no more, their sessions, their streams and the tokens they "
        "made end, and what is assigned to them waits for others (`returned` conversations). Their name "
        "stays on what they did. Refuses with 409 for yourself and for the last administrator. For "
        "administrators.",
        who="operator",
        group="Staff",
        answers={200: ("The operator", obj({"operator": of("Operator"), "returned": WHOLE}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}/activate",
        about="Whoever left may sign in again, with the password they had. For administrators.",
        who="operator",
        group="Staff",
        answers={200: ("The operator", obj({"operator": of("Operator")}))},
    ),
    Call(
        method="get",
        path="/api/tokens",
        about="The tokens of programs, the newest first. For administrators.",
        who="operator",
        group="Staff",
        answers={
            200: (
                "The tokens",
                obj(
                    {
                        "tokens": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "name": TEXT,
                                    "operator": maybe(TEXT),
                                    "created_at": TIME,
                                    "last_used_at": maybe(TIME),
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/tokens",
        about="A token for a program, told once. For administrators.",
        who="operator",
        group="Staff",
        body=obj({"name": text(100)}),
        answers={201: ("The token", obj({"id": TEXT, "name": TEXT, "token": TEXT}))},
    ),
    Call(
        method="delete",
        path="/api/tokens/{id}",
        about="Refuse a token from now on. For administrators.",
        who="operator",
        group="Staff",
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/audit",
        about="What operators and programs did, and sign-ins that failed, the latest first. Of many that "
        "fail soon one after another some are told, and how many before them were not (`untold`). For "
        "administrators.",
        who="operator",
        group="Staff",
        query={**_AUDITED, "before": CURSOR, "limit": page()},
        answers={200: ("A page", obj({"audit": list_of(of("AuditEntry")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="get",
        path="/api/audit.csv",
        about="The same as one table; its times are in UTC. For administrators.",
        who="operator",
        group="Staff",
        query=_AUDITED,
        answers={200: ("The table", TEXT)},
        answer_type="text/csv",
    ),
)
