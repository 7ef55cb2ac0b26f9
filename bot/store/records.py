"""What the store hands out and takes in: frozen, with aware times, free of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from bot.orchestrator.agent import CallState, WrittenCall
from bot.orchestrator.outcome import Citation
from bot.trace import Step
from channels.base import Attachment, DeliveryStatus, FilledTemplate, OutboundMessage, RemoteFile
from tools.base import Arguments

ConversationStatus = Literal["bot", "waiting", "human", "snoozed", "resolved"]
AuthorKind = Literal["contact", "bot", "operator", "system"]
EventKind = Literal["message", "status", "delivery", "approval"]
Role = Literal["admin", "operator", "viewer"]
WebhookType = Literal[
    "conversation.created",
    "conversation.status_changed",
    "conversation.assigned",
    "message.created",
    "message.updated",
    "approval.requested",
    "approval.waiting",
    "approval.decided",
    "component.down",
    "component.recovered",
    "budget.reached",
    "conversation.overdue",
]
Doing = Literal["looking", "writing", "gone"]
NoticeKind = Literal["failure", "warning", "success"]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An address within a channel and the contact behind it; `verified`: somebody vouched for it."""

    id: str
    contact_id: str
    channel: str
    address: str
    verified: bool


@dataclass(frozen=True, kw_only=True)
class DeliveryState:
    """How far an outgoing message has come."""

    status: DeliveryStatus
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredMessage:
    """A message as it stands. `address` is the sender's or recipient's within the channel; `verified`
    says whether somebody vouched for the sender of this very message; `private` marks a note, `for_bot` one
    that the bot goes by as well. `original` is the key of its raw bytes, where they are kept. It leaves
    as `template` where that is set, and has its text."""

    id: str
    seq: int
    conversation_id: str
    channel: str
    direction: Literal["in", "out"]
    author_kind: AuthorKind
    author_name: str
    text: str
    html: str
    created_at: datetime
    subject: str = ""
    address: str = ""
    verified: bool = False
    private: bool = False
    citations: Sequence[Citation] = ()
    attachments: Sequence[Attachment] = ()
    in_reply_to: str | None = None
    turn_id: str | None = None
    original: str = ""
    for_bot: bool = False
    template: FilledTemplate | None = None
    delivery: DeliveryState | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something durable that happened to a contact. `cursor` resumes right after it.

    `message` comes with kind "message". The `data` of "status" is `{"status"}`, that of "delivery"
    `{"message_ids", "status", "error"}`.
    """

    cursor: str
    kind: EventKind
    conversation_id: str
    created_at: datetime
    message: StoredMessage | None = None
    data: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """`new` is False for a provider's repeat; `status` is the conversation's, after the message."""

    message: StoredMessage
    contact_id: str
    status: ConversationStatus
    new: bool


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a visitor sees on arriving: the newest messages, oldest first, and where to go on from."""

    contact_id: str
    conversation_id: str
    status: ConversationStatus
    messages: Sequence[StoredMessage]
    cursor: str


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A contact's open conversation."""

    id: str
    status: ConversationStatus


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A turn that is ours to take until the lease ends; every write of it carries `fence`.

    `messages` are the newest, oldest first; `pending` of the contact's at their end nobody has answered.
    The reply goes to `recipient` by `channel` and answers `in_reply_to`, the newest of them; `verified`
    says whether somebody vouched for its sender. `quoted` are the texts, by id, of messages before these
    that the contact's among them answer. `vouched` is what a signature said of the contact: "email", "phone".

    `summary` tells what was said before in short, by `summary_model`, "" where no model did. `guidance` is
    what an operator said to the bot when they handed the conversation back.

    `epoch` is the same for every attempt at the same turn. `earlier`, `news`, `waiting` and `past` are the
    calls of an orchestrator's Journal; when nobody wrote, `pending` is 0 and the turn tells the news where
    they were asked for.
    """

    turn_id: str
    conversation_id: str
    contact_id: str
    contact_name: str
    identities: Sequence[Identity]  # verified ones only
    vouched: Mapping[str, str]
    fence: int
    attempt: int
    channel: str
    recipient: str
    verified: bool
    in_reply_to: str
    up_to_seq: int
    answered_seq: int
    pending: int
    messages: Sequence[StoredMessage]
    quoted: Mapping[str, str]
    summary: str
    summary_model: str
    subject: str
    cost: int  # the conversation's so far, in micro-dollars
    epoch: int
    earlier: Sequence[WrittenCall] = ()
    news: Sequence[WrittenCall] = ()
    waiting: Sequence[WrittenCall] = ()
    guidance: str = ""
    past: Sequence[WrittenCall] = ()


@dataclass(frozen=True, kw_only=True)
class Concluded:
    """What a turn left behind. `more`: the contact wrote again and the conversation is due; `asked` are the
    ids of calls that wait for an operator since; `uncovered` counts the messages that no summary tells."""

    message: StoredMessage | None
    delivery_id: str | None
    status: ConversationStatus
    more: bool
    asked: Sequence[str] = ()
    uncovered: int = 0


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A conversation's status after an act, and whether the act changed anything."""

    status: ConversationStatus
    new: bool
    message: StoredMessage | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A call that an operator is to allow, or was, as operators see it.

    `why` is what the contact wanted, in their words; `unsaid` names the arguments whose values they never
    said; `verified`: somebody vouched for who asked. `proposed` are the arguments as the bot wrote them,
    `arguments` those that count. `age` is in seconds since it was asked for, by the database's clock.
    """

    id: str
    conversation_id: str
    conversation_status: ConversationStatus
    contact_id: str
    contact_name: str
    channel: str
    verified: bool
    turn_id: str
    tool: str
    arguments: Arguments
    proposed: Arguments
    unsaid: Sequence[str]
    state: CallState
    why: str
    note: str
    result: str
    age: float
    created_at: datetime
    expires_at: datetime
    reminded_at: datetime | None
    decided_by: Assignee | None
    decided_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A call as it stands after an operator's word; not `new`: somebody or something was there before."""

    approval: Approval
    new: bool


@dataclass(frozen=True, kw_only=True)
class ClaimedCall:
    """An allowed call that is ours to make until the lease ends; `fence` counts who has had it, from 1.

    It is made for the contact as they were when they asked: `verified` says whether somebody vouched for
    that message, `identities` and `vouched` are as in a Claim.
    """

    id: str
    conversation_id: str
    contact_id: str
    contact_name: str
    identities: Sequence[Identity]
    vouched: Mapping[str, str]
    verified: bool
    channel: str
    turn_id: str
    tool: str
    arguments: Arguments
    why: str
    key: str
    fence: int


# A turn `aside` says nothing: it was made for an operator.
TurnStatus = Literal["running", "concluded", "abandoned", "aside"]


@dataclass(frozen=True, kw_only=True)
class TurnRecord:
    """A turn as the dashboard's "why this answer" shows it; `draft` is what it was kept from saying."""

    id: str
    conversation_id: str
    attempt: int
    status: TurnStatus
    outcome: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    cost: int
    steps: Sequence[Step]
    draft: str | None


@dataclass(frozen=True, kw_only=True)
class ClaimedDelivery:
    """A part of an outgoing message that is ours to send, or, when `unsure`, to ask the provider for.

    `unsure`: an attempt's end is not known, so the provider may have it already; it began at `tried_at`,
    `unsure_for` seconds ago, and `looks` times since the provider has said that it has nothing. `known` are
    its ids for other messages to the same recipient. `opted_out`: nothing may be sent to them. `answers` is
    the id of the message it answers, `turn_id` that of the turn it was written in.
    """

    delivery_id: str
    conversation_id: str
    contact_id: str
    fence: int
    message: OutboundMessage
    unsure: bool
    looks: int
    tried_at: datetime
    unsure_for: float
    known: Collection[str]
    opted_out: bool
    answers: str | None
    turn_id: str | None


@dataclass(frozen=True, kw_only=True)
class Pause:
    """What leaves a conversation next has to wait, for its pace or for another attempt."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A receipt told something new; `again`: something is to be sent because of it.

    It is about the message `message_id`, which answers the message `answers` and was written in the turn
    `turn_id`, where it does and was.
    """

    contact_id: str
    conversation_id: str
    again: bool
    message_id: str
    answers: str | None
    turn_id: str | None


def delivery_of(message_id: str) -> str:
    """The id of a message's delivery: a message leaves once."""
    return f"dlv_{message_id.removeprefix('msg_')}"


@dataclass(frozen=True, kw_only=True)
class DeliveryRecord:
    """An outgoing message as operators see it on its way: `error` says in words why it has not arrived,
    `dismissed` that somebody has left it at that."""

    id: str
    message_id: str
    conversation_id: str
    contact_id: str
    contact_name: str
    channel: str
    recipient: str
    status: DeliveryStatus
    error: str | None
    text: str
    attempts: int
    dismissed: bool
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ClaimedFile:
    """A file that is ours to fetch from its provider; `attempt` counts from 1."""

    key: str
    channel: str
    contact_id: str
    conversation_id: str
    remote: RemoteFile
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody who answers; whoever is not `active` has left, and is known by what they did alone."""

    id: str
    email: str
    name: str
    password_hash: str
    role: Role
    created_at: datetime
    active: bool = True


@dataclass(frozen=True, kw_only=True)
class Holding:
    """How many unresolved conversations an operator has, and how many good tokens end with them."""

    conversations: int = 0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Assignee:
    """The operator who has a conversation."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class InboxEntry:
    """A conversation as operators see it in a list. `preview` are the beginning of the newest words said in
    it and `preview_by` whose they are; `unread` counts what the contact wrote since an operator looked.

    `channels` are all they used in it, `channel` the one of the newest words; `window_until` is when free
    text by it ends, None where it never does. `priority` is 0 unless somebody thought about it. Since
    `waiting_since` they wait for a person's answer, and it is due at `due_at` if there is a target."""

    id: str
    status: ConversationStatus
    contact_id: str
    contact_name: str
    channel: str
    subject: str
    assignee: Assignee | None
    preview: str
    preview_by: AuthorKind
    unread: int
    waiting_since: datetime | None
    last_activity_at: datetime
    cost: int
    window_until: datetime | None = None
    channels: Sequence[str] = ()
    labels: Sequence[str] = ()
    priority: int = 0
    snoozed_until: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SavedView:
    """What somebody looks for often: `query` as the inbox's address has it; `shared` with everybody."""

    id: str
    operator_id: str
    name: str
    query: str
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Present:
    """An operator in a conversation, and what they do there."""

    operator_id: str
    name: str
    doing: Doing


@dataclass(frozen=True, kw_only=True)
class InboxFilter:
    """Which conversations are listed; what is None or empty leaves them all in.

    `assignee` is an operator's id, "" for nobody's; `words` must all be said in a conversation, begin a word
    there, or stand in its contact's name or address. `unresolved` leaves out what is settled; `mentioned` are
    those in which a note speaks to this operator who has not read it; `overdue` those who have waited for a
    person's answer for longer than they should.
    """

    status: ConversationStatus | None = None
    assignee: str | None = None
    channel: str = ""
    label: str = ""
    words: Sequence[str] = ()
    unresolved: bool = False
    mentioned: str = ""
    overdue: bool = False


@dataclass(frozen=True, kw_only=True)
class KnownAddress:
    """An address of a contact's; `opted_out`: nothing may be sent there."""

    channel: str
    address: str
    verified: bool
    opted_out: bool


@dataclass(frozen=True, kw_only=True)
class ContactEntry:
    """A contact in a list; `conversations` counts theirs, and `last_activity_at` is None without any."""

    id: str
    name: str
    addresses: Sequence[KnownAddress]
    conversations: int
    last_activity_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class MergeRecord:
    """A contact that became a part of this one, by whose decision; it can be undone until it was."""

    id: str
    source_id: str
    source_name: str
    decided_by: str
    created_at: datetime
    undone: bool


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A contact with what is known of them, their conversations and merges, the latest first."""

    id: str
    name: str
    attributes: Mapping[str, JsonValue]
    created_at: datetime
    addresses: Sequence[KnownAddress]
    conversations: Sequence[InboxEntry]
    merges: Sequence[MergeRecord]


@dataclass(frozen=True, kw_only=True)
class ReplyDraft:
    """What an operator has begun to write; `private` when it is a note."""

    text: str
    private: bool
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """An answer that an operator asked for; its id is that of the turn it was made in. `changed` is the share
    of it that they changed before they sent it as `sent_text`, None while nobody has."""

    id: str
    conversation_id: str
    operator_id: str
    text: str
    citations: Sequence[Citation]
    created_at: datetime
    taken: bool
    dismissed: bool
    message_id: str | None
    sent_text: str
    changed: float | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A conversation in short, up to a message; `model` wrote it, "" where it is the customer's own words."""

    text: str
    model: str
    up_to_seq: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class TurnSummary:
    """A turn in a conversation's list; `draft` is what it was kept from saying."""

    id: str
    status: TurnStatus
    outcome: str
    started_at: datetime
    cost: int
    draft: str | None


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A conversation as operators read it: its newest messages, notes among them, oldest first.

    `earlier`: there are messages before the first of these. `attempts` are the turns of the same stretch.
    """

    entry: InboxEntry
    messages: Sequence[StoredMessage]
    earlier: bool
    attempts: Sequence[TurnSummary]


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    id: str
    name: str
    operator_id: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredAttachment:
    """A file and whose it is; `message_id` is None until it was sent."""

    attachment: Attachment
    contact_id: str
    message_id: str | None


@dataclass(frozen=True, kw_only=True)
class KeptOriginal:
    """The raw bytes of a message: which channel can read them, and by which key they are kept."""

    channel: str
    key: str


@dataclass(frozen=True, kw_only=True)
class MailboxState:
    """How reading a mailbox goes; `read`: some process is at it now."""

    name: str
    state: Literal["up", "degraded", "down"]
    error: str
    since: datetime
    read: bool


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A mail that could not be understood; `original` is the key of its raw bytes."""

    id: str
    mailbox: str
    original: str
    size: int  # bytes
    why: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class LearnedSource:
    """A place knowledge was learned from."""

    id: str
    address: str
    kind: str
    documents: int
    failed: int
    learned_at: datetime


@dataclass(frozen=True, kw_only=True)
class CannedAnswer:
    """What operators say often, by a short name."""

    id: str
    name: str
    text: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """An API token as its owner sees it; `operator` is whose it is, None when it acts for itself."""

    id: str
    name: str
    operator: str | None
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Article:
    """What an operator wrote for the bot to know; `text` is Markdown."""

    id: str
    title: str
    text: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A question that knowledge could not ground; `answer` is what an operator wrote there afterwards."""

    id: str
    question: str
    conversation_id: str
    turn_id: str | None
    created_at: datetime
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class ClaimedWebhook:
    """An event that is ours to tell until the lease ends; `attempt` counts from 1, `age` is in seconds."""

    id: str
    type: WebhookType
    conversation_id: str | None
    message_id: str | None
    data: Mapping[str, JsonValue]
    attempt: int
    age: float
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookRecord:
    """An event that is not told yet, or, with `failed_at`, will not be; `error` says why."""

    id: str
    type: WebhookType
    conversation_id: str | None
    attempts: int
    error: str | None
    created_at: datetime
    due_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Events not told yet: of conversations and others that wait, those that were tried in vain, the age of
    the oldest in seconds, and one of the errors. `failed` were given up. All counts end at 10,000."""

    waiting: int
    failing: int
    oldest: float
    error: str | None
    failed: int


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the house's owner is to be told at one of the ALERT_URLS; `target` says at which."""

    id: str
    target: str
    kind: NoticeKind
    title: str
    text: str
    attempt: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The store at a glance, for metrics and `doctor`. `oldest_due` and `oldest_delivery` are seconds
    by which the longest-waiting turn and outgoing message are late; 0.0 when none is."""

    conversations: Mapping[str, int]
    oldest_due: float
    oldest_delivery: float
