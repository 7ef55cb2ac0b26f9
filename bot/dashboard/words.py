"""Plain words for what the store calls by short names."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot import markup
from bot.api.conversations import display_name, file_name
from bot.dashboard import zones
from bot.dashboard.fields import Field, label
from bot.languages import N_, _, many
from bot.store.audit import AuditEntry
from bot.store.records import (
    Approval,
    DeliveryRecord,
    DeliveryState,
    InboxEntry,
    KnownAddress,
    StoredMessage,
    TurnRecord,
    delivery_of,
)
from bot.store.sendings import WITHDRAWN
from bot.store.ways import Way
from channels.base import Attachment, DeliveryStatus, Template
from channels.places import places as places_of

_STATUS: Mapping[str, str] = {
    "bot": N_("With the bot"),
    "waiting": N_("Waiting for a person"),
    "human": N_("With a person"),
    "snoozed": N_("Snoozed"),
    "resolved": N_("Resolved"),
}
_DELIVERY: Mapping[str, str] = {
    "queued": N_("To be sent"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "read": N_("Read"),
    "failed": N_("Not delivered"),
    "uncertain": N_("Perhaps delivered"),
}
_CHANNEL: Mapping[str, str] = {
    "web": N_("Website"),
    "whatsapp": N_("WhatsApp"),
    "sms": N_("SMS"),
    "email": N_("Mail"),
    "terminal": N_("Terminal"),
}
_WHY_NOT: Mapping[str, str] = {
    "opted_out": N_("wants no messages"),
    "unverified": N_("only claimed"),
    "not_set_up": N_("not set up here"),
    "window_over": N_("the 24-hour window is over"),
}
_BARRED: Mapping[str, str] = {
    "opted_out": N_("They asked not to be written to any more."),
    "unverified": N_("Anybody could have typed this address."),
    "not_set_up": N_("This channel is not set up here: it leaves once it is."),
}
_OUTCOME: Mapping[str, str] = {
    "reply": N_("answered"),
    "hand_off": N_("handed over to a person"),
    "approval": N_("asked an operator for approval"),
    "silence": N_("said nothing"),
    "suggestion": N_("suggested an answer to an operator"),
    "no_suggestion": N_("found nothing to suggest to an operator"),
    "summary": N_("summed the conversation up"),
    "recap": N_("noted in short what was said before"),
}
_ROLE: Mapping[str, str] = {
    "admin": N_("Administrator"),
    "operator": N_("Operator"),
    "viewer": N_("Viewer"),
}
_COMPONENT: Mapping[str, str] = {
    "model": N_("Model"),
    "tool": N_("Tool"),
    "knowledge": N_("Knowledge"),
    "channel": N_("Channel"),
    "store": N_("Store"),
    "mailbox": N_("Mailbox"),
    "work": N_("Work"),
}
_STATE: Mapping[str, str] = {"up": N_("up"), "degraded": N_("degraded"), "down": N_("down")}
_SCOPE: Mapping[str, str] = {
    "turn": N_("A turn"),
    "conversation": N_("A conversation"),
    "contact_day": N_("A contact's day"),
    "day": N_("The day"),
}
_ACTOR: Mapping[str, str] = {"console": N_("The console"), "nobody": N_("Nobody we know")}
_ACT: Mapping[str, str] = {
    "session.begin": N_("Signed in"),
    "session.end": N_("Signed out"),
    "session.refused": N_("Sign-in refused"),
    "session.throttled": N_("Sign-ins slowed down"),
    "operator.add": N_("Added an operator"),
    "operator.rename": N_("Renamed an operator"),
    "operator.role": N_("Changed a role"),
    "operator.deactivate": N_("Deactivated an operator"),
    "operator.activate": N_("Let an operator in again"),
    "operator.password": N_("Set a new password"),
    "operator.own_password": N_("Changed their own password"),
    "operator.refused": N_("Change of password refused"),
    "token.create": N_("Made a token"),
    "token.revoke": N_("Revoked a token"),
    "conversation.status": N_("Moved a conversation"),
    "conversation.reply": N_("Answered"),
    "conversation.note": N_("Left a note"),
    "conversation.labels": N_("Changed labels"),
    "conversation.priority": N_("Changed a priority"),
    "approval.approve": N_("Approved a call"),
    "approval.reject": N_("Rejected a call"),
    "contact.correct": N_("Corrected a contact"),
    "contact.merge": N_("Made one contact of two"),
    "contact.unmerge": N_("Made two contacts of one"),
    "canned.keep": N_("Wrote a canned answer"),
    "canned.remove": N_("Removed a canned answer"),
    "view.keep": N_("Saved a view of the inbox"),
    "view.remove": N_("Removed a view of the inbox"),
    "article.write": N_("Wrote an article"),
    "article.remove": N_("Removed an article"),
    "gap.close": N_("Closed a knowledge gap"),
    "answer.mark": N_("Marked an answer"),
    "answer.unmark": N_("Took a mark off an answer"),
    "evaluation.download": N_("Downloaded the evaluation set"),
    "delivery.again": N_("Sent a message again"),
    "delivery.dismiss": N_("Left a message that failed"),
    "webhook.again": N_("Told an event again"),
    "mail.put_away": N_("Put a mail away"),
    "mail.download": N_("Downloaded a mail"),
    "analytics.download": N_("Downloaded analytics"),
    "audit.download": N_("Downloaded the audit log"),
}
_PRIORITY: Mapping[int, str] = {2: N_("Urgent"), 1: N_("High"), 0: N_("Normal"), -1: N_("Low")}
_STEP: Mapping[str, str] = {
    "route": N_("Routing"),
    "knowledge": N_("Knowledge"),
    "model": N_("Model"),
    "tool": N_("Tool"),
    "guard": N_("Check"),
    "fallback": N_("Fallback"),
    "deliver": N_("Delivery"),
}

_REASON: Mapping[str, str] = {
    "customer_request": N_("the customer asked for a person"),
    "missing_knowledge": N_("the help pages don’t say"),
    "unsupported": N_("it can’t do that"),
    "policy": N_("a rule says so"),
    "tool_failure": N_("a tool failed"),
    "approval": N_("an approval came to nothing"),
    "budget": N_("the budget is used up"),
    "degraded": N_("something was down"),
    "loop": N_("it went in circles"),
    "sentiment": N_("the customer was upset"),
    "unanswered": N_("it found no answer"),
    "stranger": N_("a stranger answered somebody’s mail"),
    "a_look": N_("a mail wanted a look"),
    "other": N_("something else"),
}
_BUDGET: Mapping[str, str] = {
    "turn": N_("An answer"),
    "conversation": N_("A conversation"),
    "contact_day": N_("A customer’s day"),
    "day": N_("Today"),
}


_CALL: Mapping[str, str] = {
    "pending": N_("waits for a decision"),
    "approved": N_("approved"),
    "running": N_("being done"),
    "done": N_("done"),
    "failed": N_("approved, and failed"),
    "doubtful": N_("nobody knows whether it was done"),
    "rejected": N_("rejected"),
    "expired": N_("nobody decided"),
}
_RISK: Mapping[str, str] = {
    "low": N_("Low risk"),
    "medium": N_("Some risk"),
    "high": N_("High risk"),
}


def tool(name: str) -> str:
    """A tool's name as people read it."""
    return label(name)


def call_state(state: str) -> str:
    """How a call stands that an operator was asked about."""
    return _(_CALL[state])


def risk(level: str) -> str:
    """How closely to look."""
    return _(_RISK[level])


def risk_reason(reason: str, call: Approval) -> str:
    """Why to look closely."""
    match reason:
        case "unsaid":
            names = ", ".join(label(each) for each in call.unsaid)
            return _("The customer never said this: %(names)s") % {"names": names}
        case "unverified":
            return _("Nobody vouches for who the customer is")
        case "no_tool":
            return _("The tool is not set up any more: it can only be rejected")
        case _:
            return _("It can’t safely be tried again if it breaks off")


def asker(call: Approval) -> str:
    """Who a call is for."""
    return display_name(call.contact_id, call.contact_name)


def truth(value: str) -> str:
    """A yes or no."""
    return _("yes") if value == "true" else _("no")


def values(fields: Sequence[Field]) -> str:
    """Arguments in a line."""
    said = [f"{each.label}: {each.shown}" for each in fields if each.value]
    return ", ".join(said) or _("without arguments")


def status(name: str) -> str:
    """How a conversation stands."""
    return _(_STATUS[name])


def step(kind: str) -> str:
    """What a step of a turn is for."""
    return _(_STEP[kind]) if kind in _STEP else kind


def role(name: str) -> str:
    """What an operator may do."""
    return _(_ROLE[name])


def component(kind: str) -> str:
    """What kind of component something is."""
    return _(_COMPONENT[kind]) if kind in _COMPONENT else kind


def state(name: str) -> str:
    """How a component is."""
    return _(_STATE[name])


def scope(name: str) -> str:
    """What a budget is for."""
    return _(_SCOPE[name])


def act(name: str) -> str:
    """What was done, for the audit log."""
    return _(_ACT[name]) if name in _ACT else name


def actor(entry: AuditEntry) -> str:
    """Who did it."""
    return entry.actor_name or (_(_ACTOR[entry.actor_kind]) if entry.actor_kind in _ACTOR else entry.actor_id)


def priority(rank: int) -> str:
    """How urgent a conversation is."""
    return _(_PRIORITY[rank])


def is_shown(known: KnownAddress) -> bool:
    """Whether an address means something to a person: a visitor's number in the store does not."""
    return known.channel in {"email", "whatsapp", "sms"}


def channel(name: str) -> str:
    """A channel's name as people say it."""
    return _(_CHANNEL[name]) if name in _CHANNEL else name.capitalize()


def contact(entry: InboxEntry) -> str:
    return display_name(entry.contact_id, entry.contact_name)


def author(message: StoredMessage, entry: InboxEntry) -> str:
    """Whose words these are."""
    match message.author_kind:
        case "contact":
            return contact(entry)
        case "system":
            return "Switchboard"
        case _:
            return message.author_name or message.author_kind.capitalize()


def address(message: StoredMessage) -> str:
    """From where a customer wrote, if it is more than a number of ours and not their name."""
    theirs = message.author_kind == "contact" and "@" in message.address
    return message.address if theirs and message.author_name != message.address else ""


_CONVERSATION = re.compile(r"\bcnv_[0-9a-f]{31}\b")


def body(message: StoredMessage) -> str:
    """A message's HTML; a note of ours leads to the conversations that it names."""
    if message.author_kind != "system" or not message.private:
        return message.html
    return _CONVERSATION.sub(r'<a href="/dashboard/conversations/\g<0>">\g<0></a>', message.html)


def recipient(delivery: DeliveryRecord) -> str:
    """Whom a message was for."""
    return display_name(delivery.contact_id, delivery.contact_name)


def initials(name: str) -> str:
    """Up to two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def hue(key: str) -> int:
    """One of eight colours, the same for the same person."""
    return zlib.crc32(key.encode()) % 8


_CUT_LINK = re.compile(r"\[([^\[\]]*)(?:\]\([^()]*)?$")  # a preview ends where it ends
_MARKS = re.compile(r"\*\*|__|~~|`|\s*\[\d+\]")
_TAG = re.compile(r"<[^<>]*>")


def preview(entry: InboxEntry) -> str:
    """The newest words without Markdown's marks; a customer's are shown as they typed them."""
    if entry.preview_by == "contact":
        return entry.preview
    shown = _TAG.sub(" ", markup.from_markdown(_CUT_LINK.sub(r"\1", entry.preview)))
    return " ".join(html.unescape(_MARKS.sub("", shown)).split())


def file(attachment: Attachment) -> str:
    """A file's name, or what it is."""
    return file_name(attachment)


def files(message: StoredMessage) -> str:
    """What a message without words has brought: one file by its name, several by their number."""
    each = message.attachments
    if len(each) == 1 and not each[0].media_type.startswith("image/"):
        return file_name(each[0])
    if not each:
        return ""
    pictures = all(file.media_type.startswith("image/") for file in each)
    said = (
        many("%d picture", "%d pictures", len(each)) if pictures else many("%d file", "%d files", len(each))
    )
    return said % len(each)


def size(attachment: Attachment) -> str:
    """How large a file is, as people say it."""
    if attachment.size < 1_000:
        return f"{attachment.size} B"
    kilobytes = round(attachment.size / 1_000)
    return f"{kilobytes} KB" if kilobytes < 1_000 else f"{kilobytes / 1_000:.1f} MB"


def is_picture(media_type: str) -> bool:
    """Whether a browser may show it beside our own words: a plain raster, nothing that can hold script."""
    return media_type in {"image/png", "image/jpeg", "image/gif", "image/webp"}


def is_sound(media_type: str) -> bool:
    """Whether a browser may play it."""
    return media_type.startswith("audio/")


def clock(moment: datetime) -> str:
    """A time by the reader's clock."""
    return zones.clock(moment)


_SOON = timedelta(minutes=5)  # left to answer somebody; page.js has it, too


def short(moment: datetime) -> str:
    """A time by the reader's clock, or, of another day, its day."""
    return zones.short(moment)


def since(moment: datetime) -> str:
    """How long ago something was."""
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    if minutes < 1:
        return _("less than a minute")
    if minutes < 60:
        return _("%s min") % minutes
    if minutes < 48 * 60:
        return _("%s h %s min") % (minutes // 60, minutes % 60)
    return _("%s days") % (minutes // (24 * 60))


def delivery(sent: DeliveryState) -> str:
    """How far an outgoing message has come, and what is in its way."""
    if is_withdrawn(sent):
        return _("Held back: a person took over first")
    said = _(_DELIVERY[sent.status.value])
    if sent.status is DeliveryStatus.UNCERTAIN and not is_held(sent):
        said = _("Perhaps delivered, being looked up")
    return f"{said}: {sent.error}" if sent.error else said


def is_withdrawn(sent: DeliveryState) -> bool:
    """Whether it did not leave because an operator took over: that is no failure."""
    return sent.status is DeliveryStatus.FAILED and sent.error == WITHDRAWN


def is_held(sent: DeliveryState) -> bool:
    """Whether nothing more happens to it until somebody sends it again."""
    given_up = (sent.error or "").startswith("nobody can tell")  # before that the provider is still asked
    return sent.status is DeliveryStatus.FAILED or (sent.status is DeliveryStatus.UNCERTAIN and given_up)


def again(message: StoredMessage) -> str:
    """By which a message is sent again."""
    return delivery_of(message.id)


def over(moment: datetime) -> bool:
    """Whether a time has passed."""
    return moment <= datetime.now(UTC)


def left(moment: datetime) -> str:
    """How long it is until a time."""
    return since(datetime.now(UTC) - (moment - datetime.now(UTC)))


def due(moment: datetime) -> str:
    """How long there is to answer somebody, or for how long they should have been answered."""
    return _("overdue by %s") % since(moment) if over(moment) else _("due in %s") % left(moment)


def due_state(moment: datetime) -> str:
    """The same in a word, for the eye."""
    if over(moment):
        return "overdue"
    return "soon" if over(moment - _SOON) else "due"


def why_not(reason: str) -> str:
    """Why nothing reaches somebody by a way, beside its name."""
    return _(_WHY_NOT[reason])


def barred(reason: str) -> str:
    """The same, as a sentence."""
    return _(_BARRED[reason])


def places(template: Template) -> Sequence[str]:
    """The places of a template, in order."""
    return places_of(template.text)


def usually(template: Template, place: str, entry: InboxEntry) -> str:
    """What stands there unless the operator writes something else, with {text} for the reply."""
    return template.variables.get(place, "").format(name=" ".join(entry.contact_name.split()), text="{text}")


def way(each: Way) -> str:
    """A channel to answer by, and where it leads if that says anything."""
    named = channel(each.channel)
    return named if each.channel == "web" else f"{named}: {each.address.removeprefix('whatsapp:')}"


def outcome(turn: TurnRecord) -> str:
    """How a turn ended."""
    if turn.status == "running":
        return _("is at work")
    if turn.status == "abandoned":
        return _("was stopped before it could answer")
    if turn.outcome == "reply" and turn.reason == "unanswered":
        return _("asked back, or said that it does not know")
    said = _(_OUTCOME[turn.outcome]) if turn.outcome in _OUTCOME else turn.outcome
    return f"{said} ({reason(turn.reason)})" if turn.reason else said


def reason(code: str) -> str:
    """Why a turn ended as it did."""
    return _(_REASON[code]) if code in _REASON else code.replace("_", " ")


def budget(scope: str) -> str:
    """What a limit is for."""
    return _(_BUDGET[scope])


def seconds(duration: float) -> str:
    """A duration as short as it can be said."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"


def dollars(micro: int) -> str:
    """Micro-dollars as money."""
    return f"${micro / 1e6:.4f}" if micro else _("nothing")


def tokens(taken_in: int, written: int) -> str:
    """What a model read and wrote."""
    return _("%(taken_in)s in, %(written)s out") % {"taken_in": f"{taken_in:,}", "written": f"{written:,}"}


def wait(duration: float) -> str:
    """Seconds to wait, as people say it."""
    number = max(1, round(duration)) if duration < 90 else round(duration / 60)
    if duration < 90:
        return many("%d second", "%d seconds", number) % number
    return many("%d minute", "%d minutes", number) % number
