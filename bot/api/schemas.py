"""The shapes of what travels over HTTP, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def of(name: str) -> Schema:
    """One of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Schema) -> Schema:
    """Any number of these."""
    return {"type": "array", "items": items}


def obj(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these properties."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def maybe(schema: Schema) -> Schema:
    """This, or null."""
    if "type" in schema and isinstance(schema["type"], str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}


def text(most: int) -> Schema:
    """A text of at most so many characters that is not blank."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"[^\s\x00]"}


CURSOR: Schema = {
    "type": "string",
    "pattern": r"^([0-9]{1,18}\.[0-9A-Za-z_]+)?$",
    "description": "`next` of the page before.",
}


def page(usually: int = 50, most: int = 200) -> Schema:
    """How much one page is to hold."""
    return {"type": "integer", "minimum": 1, "maximum": most, "default": usually}


NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
YES_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
_DURATION: Schema = obj({"count": WHOLE, "median": maybe(NUMBER), "p90": maybe(NUMBER)})
DAY: Schema = {"type": "string", "format": "date"}
CLIENT_ID: Schema = {
    "type": "string",
    "pattern": "^[A-Za-z0-9._:-]{1,100}$",
    "description": "Chosen by the caller. The same one again is the same message, never a second one.",
}
STATUS: Schema = {"type": "string", "enum": ["bot", "waiting", "human", "snoozed", "resolved"]}
CALL_STATE: Schema = {
    "type": "string",
    "enum": ["pending", "approved", "running", "done", "failed", "doubtful", "rejected", "expired"],
}
MARK: Schema = {"type": "string", "enum": ["good", "bad"]}
ROLE: Schema = {"type": "string", "enum": ["admin", "operator", "viewer"]}
PRIORITY: Schema = {"type": "string", "enum": ["low", "normal", "high", "urgent"]}
ACT: Schema = {
    "type": "string",
    "enum": ["assign", "labels", "priority", "snooze", "resolve", "reopen"],
}
EVENTS: Schema = {"type": "string", "description": "Server-sent events (text/event-stream)."}
FILE: Schema = {"type": "string", "format": "binary"}

SCHEMAS: Mapping[str, Schema] = {
    "Error": obj({"error": obj({"code": TEXT, "message": TEXT}, {"field": TEXT})}),
    "Attachment": obj(
        {
            "id": {"type": "string", "description": "The same as its key."},
            "key": TEXT,
            "name": TEXT,
            "media_type": TEXT,
            "size": WHOLE,
            "state": {
                "type": "string",
                "enum": ["here", "waiting", "failed"],
                "description": "Whether its bytes are here, still with the provider, or could not be had.",
            },
            "url": TEXT,
        }
    ),
    "Citation": obj({"title": TEXT, "url": TEXT, "quote": TEXT}),
    "Message": obj(
        {
            "id": TEXT,
            "seq": WHOLE,
            "conversation_id": TEXT,
            "channel": TEXT,
            "direction": {"type": "string", "enum": ["in", "out"]},
            "author": obj(
                {"kind": {"type": "string", "enum": ["contact", "bot", "operator", "system"]}, "name": TEXT}
            ),
            "text": {**TEXT, "description": "What was written."},
            "html": {**TEXT, "description": "Safe to show as it is."},
            "attachments": list_of(of("Attachment")),
            "citations": list_of(of("Citation")),
            "created_at": TIME,
            "in_reply_to": maybe(TEXT),
            "turn_id": maybe(TEXT),
            "delivery": maybe(
                obj(
                    {
                        "status": {
                            "type": "string",
                            "enum": [
                                *("queued", "sending", "sent", "delivered", "read", "failed", "uncertain")
                            ],
                        },
                        "error": maybe(TEXT),
                    },
                    {"id": {**TEXT, "description": "To send it again by; operators see it."}},
                )
            ),
        },
        {
            "private": {**YES_NO, "description": "A note; only operators' answers carry this."},
            "for_bot": {
                **YES_NO,
                "description": "A note that the bot was handed the conversation back with.",
            },
            "template": {**maybe(TEXT), "description": "The approved template that it leaves in."},
        },
    ),
    "Evaluation": obj(
        {
            "id": TEXT,
            "mark": MARK,
            "question": {**TEXT, "description": "What the contact wrote that the answer is to."},
            "history": list_of(
                obj({"author": {"type": "string", "enum": ["contact", "bot", "operator"]}, "text": TEXT})
            ),
            "channel": TEXT,
            "answer": TEXT,
            "expected": {**TEXT, "description": "What would have been right, where somebody said so."},
            "reason": TEXT,
            "intent": TEXT,
            "tools": list_of(TEXT),
            "passages": list_of({"type": "object", "description": "title, document, url, score"}),
            "model": {**TEXT, "description": "Empty where none wrote the answer."},
            "cost_usd": NUMBER,
            "conversation_id": TEXT,
            "message_id": TEXT,
            "turn_id": TEXT,
            "marked_by": obj({"id": TEXT, "name": TEXT}),
            "marked_at": TIME,
        }
    ),
    "Suggested": obj(
        {
            "asked": WHOLE,
            "taken": WHOLE,
            "dismissed": WHOLE,
            "sent": WHOLE,
            "sent_unchanged": WHOLE,
            "median_changed": {
                **maybe(NUMBER),
                "description": "The share of a suggestion that half of the senders changed at the most.",
            },
        }
    ),
    "Suggestion": obj(
        {
            "id": {**TEXT, "description": "Also the id of the turn that tells why."},
            "conversation_id": TEXT,
            "text": {**TEXT, "description": "What an operator would send, in Markdown."},
            "html": {**TEXT, "description": "The same, safe to show as it is."},
            "citations": list_of(of("Citation")),
            "created_at": TIME,
        }
    ),
    "Summary": obj(
        {
            "text": TEXT,
            "model": {**TEXT, "description": "What wrote it; empty where no model did."},
            "up_to_seq": {**WHOLE, "description": "The last message it knows of."},
            "created_at": TIME,
        }
    ),
    "Conversation": obj(
        {
            "id": TEXT,
            "status": STATUS,
            "contact": obj({"id": TEXT, "name": TEXT}),
            "channels": list_of(TEXT),
            "subject": TEXT,
            "assignee": maybe(obj({"id": TEXT, "name": TEXT})),
            "labels": list_of(TEXT),
            "priority": PRIORITY,
            "preview": TEXT,
            "unread": {**WHOLE, "description": "The contact's messages no operator has seen; at most 99."},
            "waiting_since": {
                **maybe(TIME),
                "description": "Since when the contact waits for a person's answer: since they were passed "
                "on, or wrote to people what none has answered. That somebody took it is no answer, nor is a "
                "note.",
            },
            "due_at": {
                **maybe(TIME),
                "description": "By when that answer is due, by `answer_within` and, for what is urgent, "
                "`answer_urgent_within` of [desk], and the office hours.",
            },
            "snoozed_until": maybe(TIME),
            "last_activity_at": TIME,
            "cost_usd": NUMBER,
            "window_until": {
                **maybe(TIME),
                "description": "Until when free text may be sent, where the channel has such a window.",
            },
        }
    ),
    "Visitor": obj(
        {
            "state": {
                "type": "string",
                "enum": ["online", "away", "unknown"],
                "description": "Whether the chat is open before them; not known without Redis.",
            },
            "seen_at": {**maybe(TIME), "description": "When it last was; null if not within a day."},
        }
    ),
    "Way": obj(
        {
            "channel": TEXT,
            "address": {**TEXT, "description": "Where it leads; empty for the website's visitors."},
            "usual": {
                **YES_NO,
                "description": "They wrote by it last: an answer without `channel` leaves by it.",
            },
            "can": {**YES_NO, "description": "Whether anything reaches them by it now."},
            "why_not": {
                "type": ["string", "null"],
                "enum": ["opted_out", "unverified", "not_set_up", "window_over", None],
                "description": "They asked not to be written to; anybody could have claimed the address; the "
                "channel is not set up here; free text is too late, and bot.toml names no template.",
            },
            "window_until": {
                **maybe(TIME),
                "description": "Until when free text may be sent, where the channel has such a window.",
            },
            "needs_template": {**YES_NO, "description": "The window is over: only a template reaches them."},
            "templates": {
                **list_of(
                    obj(
                        {
                            "name": TEXT,
                            "language": TEXT,
                            "text": {**TEXT, "description": "With {{1}} and the like for its places."},
                            "variables": list_of(
                                obj(
                                    {
                                        "place": TEXT,
                                        "label": {**TEXT, "description": "For people; may be empty."},
                                        "usually": {
                                            **TEXT,
                                            "description": "What stands there if nothing is given: "
                                            "{name} is the contact's name, {text} the message's text.",
                                        },
                                    }
                                )
                            ),
                        }
                    )
                ),
                "description": "Those that an answer by it may leave in, as bot.toml names them.",
            },
        }
    ),
    "Approval": obj(
        {
            "id": TEXT,
            "status": CALL_STATE,
            "tool": TEXT,
            "description": {**TEXT, "description": "What the tool does; empty when it is gone."},
            "arguments": {"type": "object", "description": "As they count: the bot's, or an operator's."},
            "proposed": {"type": "object", "description": "As the bot wrote them."},
            "schema": {
                "type": ["object", "null"],
                "description": "JSON Schema of the arguments; null when the tool is gone.",
            },
            "risk": obj(
                {
                    "level": {"type": "string", "enum": ["low", "medium", "high"]},
                    "reasons": {
                        **list_of({"type": "string", "enum": ["unsaid", "unverified", "no_tool", "once"]}),
                        "description": "The customer never said some of the values; nobody vouches for who "
                        "they are; the tool is gone; it can't safely be tried again if it breaks off.",
                    },
                }
            ),
            "unsaid": {
                **list_of(TEXT),
                "description": "The arguments whose values the customer never said.",
            },
            "why": {**TEXT, "description": "What the customer asked for, in their words."},
            "conversation_id": TEXT,
            "contact": obj({"id": TEXT, "name": TEXT}),
            "channel": TEXT,
            "turn_id": maybe(TEXT),
            "age_seconds": NUMBER,
            "created_at": TIME,
            "expires_at": TIME,
            "reminded_at": maybe(TIME),
            "decided_by": maybe(obj({"id": TEXT, "name": TEXT})),
            "decided_at": maybe(TIME),
            "note": {**TEXT, "description": "The operator's word to the customer."},
            "result": {**TEXT, "description": "What came of the call, or what went wrong."},
            "ended_at": maybe(TIME),
        }
    ),
    "Component": obj(
        {
            "kind": {
                "type": "string",
                "enum": ["model", "tool", "knowledge", "channel", "store", "work"],
            },
            "name": TEXT,
            "state": {"type": "string", "enum": ["up", "degraded", "down"]},
            "since": {**TIME, "description": "Since when it has been in this state."},
            "last_error": maybe(TEXT),
            "last_error_at": maybe(TIME),
            "breaker": {
                **maybe(TEXT),
                "description": "`closed`; `open`: it failed again and again and is left alone; `half-open`: "
                "the next call tries it. Null where it is always asked.",
            },
            "calls": {**WHOLE, "description": "Since the processes began, all of them together."},
            "failures": WHOLE,
            "error_rate": {**NUMBER, "description": "Of the last minute or two."},
            "p50": {**maybe(NUMBER), "description": "Seconds of its recent good calls."},
            "p95": maybe(NUMBER),
            "processes": {**WHOLE, "description": "How many processes told of it."},
            "facts": {"type": "object"},
            "interface": {**obj({}), "description": "What it takes, in words or as a JSON Schema."},
            "limits": obj(
                {"concurrency": maybe(WHOLE), "per_minute": maybe(WHOLE), "seconds": maybe(NUMBER)}
            ),
        }
    ),
    "View": obj(
        {
            "id": TEXT,
            "name": TEXT,
            "query": {**TEXT, "description": "As the inbox's address has it: `tab`, `status`, `channel`…"},
            "shared": {**YES_NO, "description": "Whether everybody sees it."},
            "mine": YES_NO,
            "count": {**WHOLE, "description": "Conversations that it shows; counted up to 100."},
        }
    ),
    "Canned": obj({"id": TEXT, "name": TEXT, "text": TEXT, "updated_at": TIME}),
    "Article": obj({"id": TEXT, "title": TEXT, "text": TEXT, "updated_at": TIME}),
    "Identity": obj(
        {
            "channel": TEXT,
            "address": {**TEXT, "description": "Empty for visitors of the website."},
            "verified": {**YES_NO, "description": "Whether somebody vouched for it."},
            "opted_out": YES_NO,
        }
    ),
    "Contact": obj(
        {
            "id": TEXT,
            "name": TEXT,
            "identities": list_of(of("Identity")),
            "attributes": {"type": "object"},
            "created_at": TIME,
            "conversations": list_of(of("Conversation")),
            "merges": list_of(
                obj(
                    {
                        "id": TEXT,
                        "contact": obj({"id": TEXT, "name": TEXT}),
                        "decided_by": TEXT,
                        "created_at": TIME,
                        "undone": YES_NO,
                    }
                )
            ),
        }
    ),
    "Draft": obj(
        {
            "text": TEXT,
            "kind": {"type": "string", "enum": ["reply", "note"]},
            "attachments": list_of(of("Attachment")),
            "updated_at": maybe(TIME),
        }
    ),
    "Delivery": obj(
        {
            "id": TEXT,
            "message_id": TEXT,
            "conversation_id": TEXT,
            "contact": obj({"id": TEXT, "name": TEXT}),
            "channel": TEXT,
            "recipient": TEXT,
            "status": TEXT,
            "error": maybe(TEXT),
            "text": TEXT,
            "attempts": {**WHOLE, "description": "Of the part that was tried most often."},
            "dismissed": {**YES_NO, "description": "Whether somebody has left it at that."},
            "updated_at": TIME,
        }
    ),
    "Webhook": obj(
        {
            "id": {**TEXT, "description": "The event's, as it is told."},
            "type": TEXT,
            "conversation_id": maybe(TEXT),
            "attempts": WHOLE,
            "error": maybe(TEXT),
            "created_at": TIME,
            "due_at": {**maybe(TIME), "description": "When it is told next; null once it was given up."},
            "failed_at": maybe(TIME),
        }
    ),
    "Turn": obj(
        {
            "id": TEXT,
            "status": {"type": "string", "enum": ["running", "concluded", "abandoned", "aside"]},
            "outcome": TEXT,
            "started_at": TIME,
            "cost_usd": NUMBER,
            "draft": {**maybe(TEXT), "description": "What the bot was kept from saying."},
        }
    ),
    "Step": obj(
        {
            "kind": {
                "type": "string",
                "enum": ["route", "knowledge", "model", "tool", "guard", "fallback", "deliver"],
            },
            "name": TEXT,
            "status": {"type": "string", "enum": ["running", "ok", "failed", "skipped"]},
            "started_at": TIME,
            "seconds": NUMBER,
            "input": {"type": "object"},
            "output": {"type": "object"},
            "error": maybe(TEXT),
            "tokens_in": WHOLE,
            "tokens_out": WHOLE,
            "cost_usd": NUMBER,
            "needs": list_of(TEXT),
        }
    ),
    "Cost": obj(
        {
            "calls": WHOLE,
            "tokens_in": WHOLE,
            "tokens_out": WHOLE,
            "cost_usd": NUMBER,
            "estimated_usd": {**NUMBER, "description": "The part of it that no provider told."},
        }
    ),
    "Counts": obj(
        {
            "conversations": WHOLE,
            "attended": {**WHOLE, "description": "Those that were answered or handed over."},
            "settled_by_bot": {**WHOLE, "description": "Those the bot answered without any person."},
            "cleaned_up": {
                **WHOLE,
                "description": "Those a person had to write in after the bot's first answer.",
            },
            "handed_off": {**WHOLE, "description": "Those the bot, or the customer, gave to a person."},
            "messages_received": WHOLE,
            "messages_by_bot": WHOLE,
            "messages_by_people": WHOLE,
            "answered_in_time": {**WHOLE, "description": "How often a person answered by `due_at`."},
            "answered_late": {
                **WHOLE,
                "description": "How often a person answered later, or gave back later without an answer.",
            },
        }
    ),
    "Figures": {
        "allOf": [
            {"$ref": "#/components/schemas/Counts"},
            {"$ref": "#/components/schemas/Cost"},
            obj(
                {
                    "settled_by_bot_share": {
                        **maybe(NUMBER),
                        "description": "`settled_by_bot` of those `attended`, 0 to 1.",
                    },
                    "cleaned_up_share": {
                        **maybe(NUMBER),
                        "description": "`cleaned_up` of those the bot answered first, 0 to 1.",
                    },
                    "answered_in_time_share": {
                        **maybe(NUMBER),
                        "description": "`answered_in_time` of these and those `answered_late`, 0 to 1.",
                    },
                    "first_answer_by_bot": _DURATION,
                    "first_answer_by_person": _DURATION,
                    "waiting_for_person": _DURATION,
                    "rating": maybe(NUMBER),
                    "ratings": WHOLE,
                    "degraded_minutes": {
                        **WHOLE,
                        "description": "Minutes in which something failed, or stood in for something.",
                    },
                    "gaps": {**WHOLE, "description": "Questions that knowledge could not answer."},
                    "suggestions": of("Suggested"),
                    "cost_per_settled_usd": maybe(NUMBER),
                }
            ),
        ]
    },
    "Budget": obj(
        {
            "scope": {"type": "string", "enum": ["turn", "conversation", "contact_day", "day"]},
            "limit_usd": NUMBER,
            "downgrade_usd": {**NUMBER, "description": "From here on cheaper models answer."},
            "used_usd": {
                **NUMBER,
                "description": "Of today, or of the turn, conversation or customer nearest to the limit; "
                "what is set aside for calls being made is in it.",
            },
            "share": {**NUMBER, "description": "How much of the limit that is, from 0 to 1."},
            "downgraded_at": maybe(TIME),
            "reached_at": {
                **maybe(TIME),
                "description": "When today's did not hold a call for the first time.",
            },
            "nearest": list_of(obj({"id": TEXT, "used_usd": NUMBER})),
        }
    ),
    "Operator": obj({"id": TEXT, "email": TEXT, "name": TEXT, "role": ROLE, "active": YES_NO}),
    "Me": obj(
        {
            "id": TEXT,
            "email": TEXT,
            "name": TEXT,
            "role": ROLE,
            "csrf_token": {
                **maybe(TEXT),
                "description": "Send it as X-CSRF-Token with every POST that a cookie vouches for.",
            },
        }
    ),
    "AuditEntry": obj(
        {
            "id": TEXT,
            "at": TIME,
            "actor": obj(
                {
                    "kind": {"type": "string", "enum": ["operator", "token", "console", "nobody"]},
                    "id": TEXT,
                    "name": TEXT,
                }
            ),
            "address": {**TEXT, "description": "Where the request came from; empty for the console."},
            "act": {**TEXT, "description": "As `operator.role` or `contact.merge`."},
            "about": {**TEXT, "description": "The id of what it was done to."},
            "changes": {"type": "object", "description": "What is other since; never what somebody wrote."},
        }
    ),
}
