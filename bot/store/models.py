"""The tables, declared once; the migrations must produce exactly these.

Times are microseconds since the epoch by the database's clock, money is micro-dollars, lists and
mappings are JSON as text. Ids say nothing about order: `seq` does.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Float, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel


def _key() -> Any:
    return Field(primary_key=True, sa_type=Text)


def _text(default: str = "") -> Any:
    return Field(default=default, sa_type=Text, sa_column_kwargs={"server_default": text(f"'{default}'")})


def _number(default: int = 0) -> Any:
    return Field(default=default, sa_type=BigInteger, sa_column_kwargs={"server_default": text(str(default))})


def _flag() -> Any:
    return Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": text("FALSE")})


def _unset(kind: Any = BigInteger) -> Any:
    """A column that may be empty."""
    return Field(default=None, sa_type=kind, nullable=True)


def _of(column: str, *, primary_key: bool = False) -> Any:
    """A row that goes when the row it belongs to goes."""
    return Field(foreign_key=column, ondelete="CASCADE", sa_type=Text, primary_key=primary_key)


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class Contact(SQLModel, table=True):
    """A person. `last_event` numbers everything that happened to them, over all conversations."""

    __tablename__: ClassVar[Any] = "contacts"
    __table_args__ = (Index("contacts_created", "created_at", "id"),)
    id: str = _key()
    name: str = _text()
    attributes: str = _text("{}")
    merged_into: str | None = _unset(Text)
    last_event: int = _number()
    created_at: int = _number()


class Identity(SQLModel, table=True):
    """An address within a channel, verified or only claimed.

    `window_until` is when free text may no longer be sent there, on channels that have such a window.
    """

    __tablename__: ClassVar[Any] = "identities"
    __table_args__ = (
        UniqueConstraint("channel", "address", name="identities_address"),
        Index("identities_contact", "contact_id"),
    )
    id: str = _key()
    contact_id: str = _of("contacts.id")
    channel: str = _text()
    address: str = _text()
    verified: bool = _flag()
    window_until: int | None = _unset()
    window_opened_at: int | None = _unset()
    opted_out_at: int | None = _unset()
    opted_in_at: int | None = _unset()
    created_at: int = _number()


class Code(SQLModel, table=True):
    """A one-time code that was sent to an address which the contact claims; `tries` counts wrong ones."""

    __tablename__: ClassVar[Any] = "codes"
    __table_args__ = (
        Index("codes_contact", "contact_id", "created_at"),
        Index("codes_address", "channel", "address", "created_at"),
    )
    id: str = _key()
    contact_id: str = _of("contacts.id")
    channel: str = _text()
    address: str = _text()
    hash: str = _text()
    tries: int = _number()
    created_at: int = _number()
    expires_at: int = _number()
    used_at: int | None = _unset()


class Merge(SQLModel, table=True):
    """What a merge moved, so that it can be undone. `at_event`: where the target's events went on."""

    __tablename__: ClassVar[Any] = "merges"
    __table_args__ = (Index("merges_source", "source_id"), Index("merges_target", "target_id"))
    id: str = _key()
    source_id: str = _of("contacts.id")
    target_id: str = _of("contacts.id")
    identities: str = _text("[]")
    conversations: str = _text("[]")
    at_event: int = _number()
    decided_by: str = _text()
    created_at: int = _number()
    undone_at: int | None = _unset()


class Conversation(SQLModel, table=True):
    """One matter with one contact, and the state of the turn that answers it.

    `due_at` is when a worker should look at it (the end of the lease while one does); `fence` rises with
    every claim and whenever a person takes over, so that a late turn can't write. Of what the bot said up
    to `silenced_seq`, nothing leaves any more: a person took over there. `epoch` counts the answers given,
    so that every attempt at the same turn sees the same one; `calls` the write calls ever begun or asked
    for; `news` what the contact has yet to be told of although they wrote nothing new. `channel` is where
    they wrote last; `waiting_since` is since when they wait for a person's answer, since they were passed on
    or wrote to people what none has answered, whoever took it or put it off meanwhile, and `overdue_told` the
    last such time of which it was told that it is too long ago; `priority` is 0 unless somebody thought
    about it, and higher for what is more urgent.
    `guidance` is what the operator who handed it back said to the bot; it ends when a person takes over.
    """

    __tablename__: ClassVar[Any] = "conversations"
    __table_args__ = (
        _partial("conversations_due", "due_at", where="due_at IS NOT NULL"),
        _partial("conversations_open", "contact_id", "last_activity_at", where="status <> 'resolved'"),
        Index("conversations_contact", "contact_id", "last_activity_at"),
        Index("conversations_status", "status", "last_activity_at"),
        Index("conversations_channel", "channel", "status", "last_activity_at"),
        _partial(
            "conversations_assignee", "assignee_id", "last_activity_at", where="assignee_id IS NOT NULL"
        ),
        _partial("conversations_held", "assignee_id", where="status IN ('human', 'waiting')"),
        _partial("conversations_unanswered", "waiting_since", "id", where="waiting_since IS NOT NULL"),
        _partial("conversations_untold", "waiting_since", "id", where="waiting_since > overdue_told"),
        _partial("conversations_snoozed", "snoozed_until", where="snoozed_until IS NOT NULL"),
    )
    id: str = _key()
    contact_id: str = _of("contacts.id")
    status: str = _text("bot")
    resume_status: str | None = _unset(Text)
    snoozed_until: int | None = _unset()
    channel: str = _text()
    subject: str = _text()
    priority: int = _number()
    assignee_id: str | None = _unset(Text)
    last_seq: int = _number()
    last_event: int = _number()
    last_in_seq: int = _number()
    answered_seq: int = _number()
    contact_read_seq: int = _number()
    operators_read_seq: int = _number()
    silenced_seq: int = _number()
    fence: int = _number()
    lease_until: int | None = _unset()
    due_at: int | None = _unset()
    attempts: int = _number()
    epoch: int = _number()
    calls: int = _number()
    news: int = _number()
    waiting_since: int | None = _unset()
    overdue_told: int = _number()
    last_activity_at: int = _number()
    summary: str = _text()
    summary_seq: int = _number()
    summary_model: str = _text()
    guidance: str = _text()
    cost: int = _number()
    created_at: int = _number()


class ConversationLabel(SQLModel, table=True):
    """A word that operators put on a conversation."""

    __tablename__: ClassVar[Any] = "conversation_labels"
    __table_args__ = (Index("conversation_labels_label", "label", "conversation_id"),)
    conversation_id: str = _of("conversations.id", primary_key=True)
    label: str = _key()


class ReplyDraft(SQLModel, table=True):
    """What an operator has begun to write in a conversation."""

    __tablename__: ClassVar[Any] = "reply_drafts"
    conversation_id: str = _of("conversations.id", primary_key=True)
    operator_id: str = _key()
    text: str = _text()
    private: bool = _flag()
    updated_at: int = _number()


class Mention(SQLModel, table=True):
    """A note that speaks to an operator, and when they read it."""

    __tablename__: ClassVar[Any] = "mentions"
    __table_args__ = (_partial("mentions_unread", "operator_id", "conversation_id", where="read_at IS NULL"),)
    message_id: str = _of("messages.id", primary_key=True)
    operator_id: str = _key()
    conversation_id: str = _text()
    created_at: int = _number()
    read_at: int | None = _unset()


class SavedView(SQLModel, table=True):
    """What an operator looks for often; `query` is that of the inbox's address."""

    __tablename__: ClassVar[Any] = "saved_views"
    __table_args__ = (
        UniqueConstraint("operator_id", "name", name="saved_views_name"),
        _partial("saved_views_shared", "name", where="shared"),
    )
    id: str = _key()
    operator_id: str = _text()
    name: str = _text()
    query: str = _text()
    shared: bool = _flag()
    created_at: int = _number()


class Presence(SQLModel, table=True):
    """What an operator did in a conversation when they were last seen there."""

    __tablename__: ClassVar[Any] = "presences"
    __table_args__ = (Index("presences_conversation", "conversation_id"),)
    operator_id: str = _key()
    conversation_id: str = _of("conversations.id", primary_key=True)
    name: str = _text()
    doing: str = _text()
    seen_at: int = _number()


class Message(SQLModel, table=True):
    """`address` is the sender's or the recipient's within `channel`; `private` marks operators' notes.

    `verified` says whether the provider or a signature vouched for this very message.
    `reference` is what answers to it call it, `thread` what an answer names of the thread, `via` the address
    of ours that it came to, `original` the key of its raw bytes, `template` what it leaves as unless it is
    empty: a FilledTemplate without its text, which is the message's.
    """

    __tablename__: ClassVar[Any] = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq", name="messages_seq"),
        UniqueConstraint("channel", "external_id", name="messages_external"),
        _partial("messages_reference", "channel", "reference", where="reference IS NOT NULL"),
    )
    id: str = _key()
    conversation_id: str = _of("conversations.id")
    seq: int = _number()
    channel: str = _text()
    external_id: str | None = _unset(Text)
    address: str = _text()
    verified: bool = _flag()
    direction: str = _text()
    author_kind: str = _text()
    author_name: str = _text()
    private: bool = _flag()
    text: str = _text()
    html: str = _text()
    subject: str = _text()
    citations: str = _text("[]")
    attachments: str = _text("[]")
    in_reply_to: str | None = _unset(Text)
    turn_id: str | None = _unset(Text)
    reference: str | None = _unset(Text)
    thread: str = _text("[]")
    via: str = _text()
    original: str = _text()
    for_bot: bool = _flag()
    template: str = _text()
    created_at: int = _number()


class Event(SQLModel, table=True):
    """What happened to a contact, in the order readers resume by."""

    __tablename__: ClassVar[Any] = "events"
    __table_args__ = (
        Index("events_conversation", "conversation_id", "seq"),
        Index("events_created", "created_at"),
    )
    contact_id: str = _of("contacts.id", primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    conversation_id: str = _of("conversations.id")
    kind: str = _text()
    message_id: str | None = _unset(Text)
    private: bool = _flag()
    data: str = _text("{}")
    created_at: int = _number()


class Turn(SQLModel, table=True):
    """One attempt at answering; `fence` is the lease it worked under."""

    __tablename__: ClassVar[Any] = "turns"
    __table_args__ = (
        _partial("turns_running", "conversation_id", where="status = 'running'"),
        Index("turns_conversation", "conversation_id", "started_at"),
    )
    id: str = _key()
    conversation_id: str = _of("conversations.id")
    fence: int = _number()
    attempt: int = _number()
    status: str = _text("running")
    outcome: str = _text()
    reason: str = _text()
    up_to_seq: int = _number()
    started_at: int = _number()
    ended_at: int | None = _unset()
    cost: int = _number()


class Step(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "steps"
    __table_args__ = (
        _partial("steps_trouble", "started_at", where="status = 'failed' OR kind = 'fallback'"),
    )
    turn_id: str = _of("turns.id", primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    kind: str = _text()
    name: str = _text()
    status: str = _text()
    started_at: int = _number()
    seconds: float = Field(default=0.0, sa_type=Float, sa_column_kwargs={"server_default": text("0")})
    input: str = _text("{}")
    output: str = _text("{}")
    error: str | None = _unset(Text)
    tokens_in: int = _number()
    tokens_out: int = _number()
    cost: int = _number()
    needs: str = _text("[]")


class Call(SQLModel, table=True):
    """The journal: a call of a tool that changes something outside, or that waits for an operator.

    It serves `message_id`, and belongs to the turn that began in the conversation's `epoch`, whichever
    attempt. `asked`: an operator is to allow it, or was; `proposed` are the arguments as the bot wrote them,
    `arguments` those that count, `unsaid` names those whose values the contact never said. `due_at` is when
    a worker should look at it, and empty once it is at rest; `fence` rises with every worker that carries it
    out. `untold`: it has ended and the contact has not heard.
    """

    __tablename__: ClassVar[Any] = "calls"
    __table_args__ = (
        UniqueConstraint("key", name="calls_key"),
        Index("calls_conversation", "conversation_id"),
        Index("calls_state", "state", "created_at"),
        _partial("calls_due", "due_at", where="due_at IS NOT NULL"),
    )
    id: str = _key()
    conversation_id: str = _of("conversations.id")
    turn_id: str = _text()
    message_id: str = _text()
    epoch: int = _number()
    tool: str = _text()
    arguments: str = _text("{}")
    proposed: str = _text("{}")
    unsaid: str = _text("[]")
    key: str = _text()
    idempotent: bool = _flag()
    asked: bool = _flag()
    state: str = _text("running")
    result: str = _text()
    refusal: str | None = _unset(Text)
    why: str = _text()
    note: str = _text()
    decided_by: str | None = _unset(Text)
    decided_at: int | None = _unset()
    expires_at: int | None = _unset()
    reminded_at: int | None = _unset()
    due_at: int | None = _unset()
    fence: int = _number()
    untold: bool = _flag()
    told_at: int | None = _unset()
    created_at: int = _number()
    ended_at: int | None = _unset()


class FollowUp(SQLModel, table=True):
    """Something the bot promised to come back to; `due_at` is empty once it did, or a person has it.

    `untold`: its time has come and the contact has not heard.
    """

    __tablename__: ClassVar[Any] = "follow_ups"
    __table_args__ = (
        UniqueConstraint("key", name="follow_ups_key"),
        Index("follow_ups_conversation", "conversation_id"),
        _partial("follow_ups_due", "due_at", where="due_at IS NOT NULL"),
    )
    id: str = _key()
    conversation_id: str = _of("conversations.id")
    turn_id: str = _text()
    message_id: str = _text()
    key: str = _text()
    about: str = _text()
    due_at: int | None = _unset()
    untold: bool = _flag()
    told_at: int | None = _unset()
    created_at: int = _number()


class Draft(SQLModel, table=True):
    """What a turn would have said, had nobody taken over meanwhile."""

    __tablename__: ClassVar[Any] = "drafts"
    __table_args__ = (Index("drafts_conversation", "conversation_id", "created_at"),)
    turn_id: str = _of("turns.id", primary_key=True)
    conversation_id: str = _of("conversations.id")
    text: str = _text()
    html: str = _text()
    citations: str = _text("[]")
    created_at: int = _number()


class Delivery(SQLModel, table=True):
    """How far one outgoing message has come, as it is shown: what its sendings come to, if it has any.

    `dismissed_at` is when somebody has seen that it did not arrive, and left it at that.
    """

    __tablename__: ClassVar[Any] = "deliveries"
    __table_args__ = (
        UniqueConstraint("message_id", name="deliveries_message"),
        Index("deliveries_conversation", "conversation_id"),
        Index("deliveries_status", "status", "updated_at"),
        Index("deliveries_recipient", "channel", "recipient", "created_at"),
    )
    id: str = _key()
    message_id: str = _of("messages.id")
    conversation_id: str = _of("conversations.id")
    channel: str = _text()
    recipient: str = _text()
    status: str = _text("queued")
    error: str | None = _unset(Text)
    dismissed_at: int | None = _unset()
    created_at: int = _number()
    updated_at: int = _number()


class Sending(SQLModel, table=True):
    """The outbox: one part of an outgoing message; recipients who read our store need none.

    `due_at` is when a worker should look at it (the end of the lease while one does), and empty once it is
    at rest. `seq` is its message's. `attempts` counts sends, `looks` how often the provider has said since
    `tried_at` that it does not have it, `doubts` how often it was sent again since nobody knew. `slotted`:
    `due_at` is a slot that its channel's pace gave it.
    `by_hand`: an operator had it sent again, and no taking over withdraws it.
    """

    __tablename__: ClassVar[Any] = "sendings"
    __table_args__ = (
        _partial("sendings_due", "due_at", where="due_at IS NOT NULL"),
        _partial("sendings_line", "conversation_id", "channel", "seq", "part", where="due_at IS NOT NULL"),
    )
    delivery_id: str = _of("deliveries.id", primary_key=True)
    part: int = Field(primary_key=True, sa_type=BigInteger)
    conversation_id: str = _text()
    channel: str = _text()
    seq: int = _number()
    text: str = _text()
    status: str = _text("queued")
    error: str | None = _unset(Text)
    attempts: int = _number()
    looks: int = _number()
    doubts: int = _number()
    window_closed: bool = _flag()
    slotted: bool = _flag()
    by_hand: bool = _flag()
    due_at: int | None = _unset()
    lease_until: int | None = _unset()
    fence: int = _number()
    tried_at: int | None = _unset()
    created_at: int = _number()


class ProviderId(SQLModel, table=True):
    """What a provider calls a part it took. `superseded`: it failed there later, and was queued again."""

    __tablename__: ClassVar[Any] = "provider_ids"
    __table_args__ = (
        Index("provider_ids_recipient", "channel", "recipient", "created_at"),
        Index("provider_ids_delivery", "delivery_id"),
    )
    channel: str = _key()
    provider_id: str = _key()
    delivery_id: str = _of("deliveries.id")
    part: int = _number()
    recipient: str = _text()
    superseded: bool = _flag()
    created_at: int = _number()


class Pace(SQLModel, table=True):
    """When a channel's provider takes the next message from us, all workers together.

    `next_at` is the next slot to be given away, `left_at` when a message last left.
    """

    __tablename__: ClassVar[Any] = "paces"
    channel: str = _key()
    next_at: int = _number()
    left_at: int = _number()
    blocked_until: int = _number()


class Receipt(SQLModel, table=True):
    """A provider's word on a message whose provider id we have not written yet."""

    __tablename__: ClassVar[Any] = "receipts"
    __table_args__ = (Index("receipts_created", "created_at"),)
    channel: str = _key()
    provider_id: str = _key()
    status: str = _key()
    detail: str | None = _unset(Text)
    trouble: str | None = _unset(Text)
    created_at: int = _number()


class Webhook(SQLModel, table=True):
    """An event to be told to WEBHOOK_URL; told, it is gone.

    Of a conversation's, by `seq` and `part`, only the first is due: `due_at` is when a worker should look at
    it (the end of the lease while one does). What was given up has a `failed_at` and holds up nobody.
    """

    __tablename__: ClassVar[Any] = "webhooks"
    __table_args__ = (
        Index("webhooks_conversation", "conversation_id", "seq", "part"),
        _partial("webhooks_due", "due_at", where="due_at IS NOT NULL"),
        _partial("webhooks_failed", "failed_at", "id", where="failed_at IS NOT NULL"),
    )
    id: str = _key()
    conversation_id: str | None = Field(
        default=None, foreign_key="conversations.id", ondelete="CASCADE", sa_type=Text, nullable=True
    )
    seq: int = _number()
    part: int = _number()
    type: str = _text()
    message_id: str | None = _unset(Text)
    data: str = _text("{}")
    attempts: int = _number()
    error: str | None = _unset(Text)
    due_at: int | None = _unset()
    failed_at: int | None = _unset()
    created_at: int = _number()


class Alarm(SQLModel, table=True):
    """A trouble the owner was told of; gone once its end was told."""

    __tablename__: ClassVar[Any] = "alarms"
    __table_args__ = (Index("alarms_since", "since"),)
    key: str = _key()
    since: int = _number()


class Notice(SQLModel, table=True):
    """What is to be sent to one of the ALERT_URLS; sent, it is gone. `target` is a digest of the address."""

    __tablename__: ClassVar[Any] = "notices"
    __table_args__ = (Index("notices_due", "due_at"),)
    id: str = _key()
    target: str = _text()
    kind: str = _text()
    title: str = _text()
    text: str = _text()
    attempts: int = _number()
    due_at: int = _number()
    created_at: int = _number()


class Operator(SQLModel, table=True):
    """`seen_at` is when their browser was last at the desk, `given_turn` the rota's turn in which they were
    last given a conversation. Since `deactivated_at` they may do nothing any more."""

    __tablename__: ClassVar[Any] = "operators"
    __table_args__ = (
        UniqueConstraint("email", name="operators_email"),
        Index("operators_seen", "seen_at"),
        _partial("operators_left", "deactivated_at", where="deactivated_at IS NOT NULL"),
    )
    id: str = _key()
    email: str = _text()
    name: str = _text()
    password_hash: str = _text()
    role: str = _text("operator")
    created_at: int = _number()
    seen_at: int | None = _unset()
    given_turn: int = _number()
    deactivated_at: int | None = _unset()


class Rota(SQLModel, table=True):
    """One row, held by whoever shares out conversations."""

    __tablename__: ClassVar[Any] = "rota"
    id: str = _key()
    turn: int = _number()


class OperatorSession(SQLModel, table=True):
    """A browser somebody signed in with; only the hash of its token is kept."""

    __tablename__: ClassVar[Any] = "operator_sessions"
    __table_args__ = (
        Index("operator_sessions_operator", "operator_id"),
        Index("operator_sessions_expires", "expires_at"),
    )
    token_hash: str = _key()
    operator_id: str = _of("operators.id")
    created_at: int = _number()
    expires_at: int = _number()


class ApiToken(SQLModel, table=True):
    """A program's; `operator_id` is whom it acts as, if not for itself, and `made_by` the operator with whom
    it ends."""

    __tablename__: ClassVar[Any] = "api_tokens"
    __table_args__ = (
        UniqueConstraint("token_hash", name="api_tokens_hash"),
        Index("api_tokens_operator", "operator_id"),
        Index("api_tokens_maker", "made_by"),
    )
    id: str = _key()
    name: str = _text()
    token_hash: str = _text()
    operator_id: str | None = Field(
        default=None, foreign_key="operators.id", ondelete="CASCADE", sa_type=Text, nullable=True
    )
    created_at: int = _number()
    last_used_at: int | None = _unset()
    revoked_at: int | None = _unset()
    made_by: str | None = _unset(Text)


class Attachment(SQLModel, table=True):
    """A file somebody gave us; it belongs to `contact_id` and, once sent, to one message.

    What lies with a provider has a `url`, and is due until it is fetched or given up. What an operator laid
    beside a reply has an `operator_id` and the `conversation_id` it was laid there for.
    """

    __tablename__: ClassVar[Any] = "attachments"
    __table_args__ = (
        Index("attachments_contact", "contact_id"),
        _partial("attachments_message", "message_id", where="message_id IS NOT NULL"),
        _partial("attachments_due", "due_at", where="due_at IS NOT NULL"),
        _partial("attachments_unsent", "created_at", where="message_id IS NULL AND due_at IS NULL"),
        _partial(
            "attachments_tray",
            "conversation_id",
            "operator_id",
            where="operator_id IS NOT NULL AND message_id IS NULL",
        ),
    )
    key: str = _key()
    contact_id: str = _of("contacts.id")
    message_id: str | None = _unset(Text)
    name: str = _text()
    media_type: str = _text()
    size: int = _number()
    channel: str = _text()
    url: str = _text()
    state: str = _text("here")
    attempts: int = _number()
    due_at: int | None = _unset()
    error: str | None = _unset(Text)
    conversation_id: str | None = _unset(Text)
    operator_id: str | None = _unset(Text)
    created_at: int = _number()


class Mailbox(SQLModel, table=True):
    """Who reads a mailbox until `lease_until`, and how far: everything up to `uid` is durable."""

    __tablename__: ClassVar[Any] = "mailboxes"
    name: str = _key()
    holder: str = _text()
    lease_until: int = _number()
    uidvalidity: int | None = _unset()
    uid: int = _number()
    received_at: int | None = _unset()
    state: str = _text("degraded")
    error: str = _text()
    since: int = _number()


class SetAside(SQLModel, table=True):
    """A mail that could not be understood; `original` is the key of its raw bytes."""

    __tablename__: ClassVar[Any] = "set_aside"
    __table_args__ = (
        UniqueConstraint("mailbox", "uidvalidity", "uid", name="set_aside_mail"),
        _partial("set_aside_new", "created_at", "id", where="seen_at IS NULL"),
    )
    id: str = _key()
    mailbox: str = _text()
    uidvalidity: int = _number()
    uid: int = _number()
    original: str = _text()
    size: int = _number()
    why: str = _text()
    created_at: int = _number()
    seen_at: int | None = _unset()


class Rating(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "ratings"
    __table_args__ = (Index("ratings_created", "created_at"),)
    conversation_id: str = _of("conversations.id", primary_key=True)
    score: int = _number()
    comment: str = _text()
    created_at: int = _number()


class Usage(SQLModel, table=True):
    """The ledger: what one model call cost; nothing until that is known, when `settled_at` says so.

    `reserved` is what was set aside for it, 0 where nothing had to be; until its cost is known, the budgets
    count that. `presumed_at` is when it was given up that anybody will tell: then it is what it cost. `day`
    is the company's day it counts to, `epoch` the turn it belongs to, whichever attempt. `priced_at` is the
    time of the price list it was priced by.
    """

    __tablename__: ClassVar[Any] = "usage"
    __table_args__ = (
        Index("usage_day", "day", "conversation_id", "cost"),
        Index("usage_contact", "contact_id", "day"),
        Index("usage_conversation", "conversation_id"),
        Index("usage_turn", "turn_id"),
        _partial("usage_underway", "created_at", where="settled_at IS NULL AND presumed_at IS NULL"),
    )
    id: str = _key()
    turn_id: str = _of("turns.id")
    conversation_id: str = _of("conversations.id")
    contact_id: str = _of("contacts.id")
    model: str = _text()
    tokens_in: int = _number()
    tokens_out: int = _number()
    cost: int = _number()
    estimated: bool = _flag()
    priced_at: int = _number()
    created_at: int = _number()
    channel: str = _text()
    day: str = _text()
    epoch: int = _number()
    tokens_cached: int = _number()
    reserved: int = _number()
    presumed_at: int | None = _unset()
    settled_at: int | None = _unset()


class Budget(SQLModel, table=True):
    """How much of a limit is used up, what is set aside included: the sum of its calls in the ledger.

    `subject` is whose it is, `day` empty unless it is one day's.
    """

    __tablename__: ClassVar[Any] = "budgets"
    __table_args__ = (Index("budgets_touched", "touched_at"),)
    scope: str = _key()
    subject: str = _key()
    day: str = _key()
    used: int = _number()
    touched_at: int = _number()


class Cost(SQLModel, table=True):
    """What a model's calls for a channel have cost on a day: the ledger's sums, which outlive those it
    erases. `estimated` is the part of `cost` that no provider told."""

    __tablename__: ClassVar[Any] = "costs"
    day: str = _key()
    model: str = _key()
    channel: str = _key()
    calls: int = _number()
    tokens_in: int = _number()
    tokens_out: int = _number()
    cost: int = _number()
    estimated: int = _number()


class KnowledgeSource(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "knowledge_sources"
    __table_args__ = (UniqueConstraint("address", name="knowledge_sources_address"),)
    id: str = _key()
    address: str = _text()
    kind: str = _text()
    documents: int = _number()
    failed: int = _number()
    learned_at: int = _number()


class KnowledgeGap(SQLModel, table=True):
    """A question that knowledge could not ground."""

    __tablename__: ClassVar[Any] = "knowledge_gaps"
    __table_args__ = (
        Index("knowledge_gaps_created", "created_at"),
        _partial("knowledge_gaps_open", "created_at", where="closed_at IS NULL"),
        Index("knowledge_gaps_conversation", "conversation_id"),
    )
    id: str = _key()
    question: str = _text()
    conversation_id: str = _of("conversations.id")
    turn_id: str | None = _unset(Text)
    closed_at: int | None = _unset()
    created_at: int = _number()


class Case(SQLModel, table=True):
    """What counts of a conversation's latest case, up to `last_event`: what `bot.store.cases` tells."""

    __tablename__: ClassVar[Any] = "cases"
    conversation_id: str = _of("conversations.id", primary_key=True)
    last_event: int = _number()
    status: str = _text("bot")
    day: str = _text()
    channel: str = _text()
    opened_at: int = _number()
    last_at: int = _number()
    waiting_since: int | None = _unset()
    first_by: str = _text()
    reply: str = _text()
    handed_off: str = _text()
    assisted: bool = _flag()
    human: bool = _flag()
    score: int = _number()


class Figure(SQLModel, table=True):
    """How often something happened on a day of the company's; `part` tells reasons, durations, scores apart.

    It outlives those it was counted from.
    """

    __tablename__: ClassVar[Any] = "figures"
    day: str = _key()
    channel: str = _key()
    name: str = _key()
    part: str = _key()
    amount: int = _number()


class DegradedMinute(SQLModel, table=True):
    """A minute since the epoch in which something failed or stood in for something; `what` "": anything."""

    __tablename__: ClassVar[Any] = "degraded_minutes"
    minute: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    what: str = _key()


class CountingPlace(SQLModel, table=True):
    """How far what happened is counted: one row, whose `number` rises with every step."""

    __tablename__: ClassVar[Any] = "counting"
    id: str = _key()
    rules: str = _text()
    number: int = _number()
    mark: int = _number()


class CannedAnswer(SQLModel, table=True):
    """What operators say often, by a short name; `text` has variables in double braces."""

    __tablename__: ClassVar[Any] = "canned_answers"
    __table_args__ = (UniqueConstraint("name", name="canned_answers_name"),)
    id: str = _key()
    name: str = _text()
    text: str = _text()
    updated_at: int = _number()


class Article(SQLModel, table=True):
    """What an operator wrote for the bot to know, in Markdown."""

    __tablename__: ClassVar[Any] = "articles"
    __table_args__ = (Index("articles_updated", "updated_at", "id"),)
    id: str = _key()
    title: str = _text()
    text: str = _text()
    updated_by: str = _text()
    created_at: int = _number()
    updated_at: int = _number()


class AuditEntry(SQLModel, table=True):
    """What somebody did: who, what, to which object, when, from where, and what is other since.

    Triggers refuse every change of a row.
    """

    __tablename__: ClassVar[Any] = "audit"
    __table_args__ = (
        Index("audit_at", "at", "id"),
        Index("audit_actor", "actor_id", "at", "id"),
        Index("audit_about", "about", "at", "id"),
    )
    id: str = _key()
    at: int = _number()
    actor_kind: str = _text()
    actor_id: str = _text()
    actor_name: str = _text()
    address: str = _text()
    act: str = _text()
    about: str = _text()
    changes: str = _text()


metadata = SQLModel.metadata


class Suggestion(SQLModel, table=True):
    """An answer that an operator asked for, in a turn that says nothing itself. `changed` is the share of it
    that they changed before they sent it as `sent_text`; null while nobody has."""

    __tablename__: ClassVar[Any] = "suggestions"
    __table_args__ = (
        Index("suggestions_created", "created_at"),
        Index("suggestions_conversation", "conversation_id"),
    )
    turn_id: str = _of("turns.id", primary_key=True)
    conversation_id: str = _of("conversations.id")
    operator_id: str = _text()
    text: str = _text()
    citations: str = _text("[]")
    created_at: int = _number()
    taken_at: int | None = _unset()
    dismissed_at: int | None = _unset()
    message_id: str | None = _unset(Text)
    sent_text: str = _text()
    changed: float | None = _unset(Float)


class Summary(SQLModel, table=True):
    """A conversation in short, up to a message; `model` wrote it, "" where nobody did."""

    __tablename__: ClassVar[Any] = "summaries"
    conversation_id: str = _of("conversations.id", primary_key=True)
    text: str = _text()
    model: str = _text()
    up_to_seq: int = _number()
    created_at: int = _number()


class Evaluation(SQLModel, table=True):
    """An answer of the bot that an operator marked as good or bad, with a copy of all that led to it."""

    __tablename__: ClassVar[Any] = "evaluations"
    __table_args__ = (
        UniqueConstraint("message_id", name="evaluations_message"),
        Index("evaluations_created", "created_at", "id"),
        Index("evaluations_mark", "mark", "created_at", "id"),
        Index("evaluations_conversation", "conversation_id"),
    )
    id: str = _key()
    conversation_id: str = _of("conversations.id")
    message_id: str = _text()
    turn_id: str = _text()
    channel: str = _text()
    mark: str = _text()
    question: str = _text()
    history: str = _text("[]")
    answer: str = _text()
    passages: str = _text("[]")
    intent: str = _text()
    tools: str = _text("[]")
    model: str = _text()
    cost: int = _number()
    expected: str = _text()
    reason: str = _text()
    marked_by: str = _text()
    created_at: int = _number()
