"""What an entry of the audit log says, in plain words: what was done to whom, and what is other since."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from bot.api.conversations import display_name
from bot.dashboard import words
from bot.dashboard.fields import label
from bot.languages import N_, _
from bot.store.audit import AuditEntry
from bot.store.naming import Named

_KIND: Mapping[str, str] = {
    "operator": N_("Account"),
    "token": N_("API token"),
    "contact": N_("Contact"),
    "conversation": N_("Conversation"),
    "call": N_("Approval"),
    "article": N_("Article"),
    "canned": N_("Canned answer"),
    "view": N_("View of the inbox"),
    "gap": N_("Knowledge gap"),
}
# What an entry about something that is gone, or has no name, is about all the same.
_OTHERWISE: Mapping[str, str] = {
    **_KIND,
    "session": N_("Account"),
    "approval": N_("Approval"),
    "answer": N_("Answer"),
    "delivery": N_("Message"),
    "webhook": N_("Event"),
    "mail": N_("Mail"),
}
_NAME: Mapping[str, str] = {
    "name": N_("Name"),
    "email": N_("Email"),
    "role": N_("Role"),
    "mark": N_("Mark"),
    "who": N_("Who"),
    "what": N_("What"),
    "about": N_("Of what"),
    "from": N_("From"),
    "to": N_("To"),
    "shared": N_("For everybody"),
    "untold": N_("As many more before it"),
}
_VALUE: Mapping[str, str] = {"good": N_("good"), "bad": N_("bad"), "all": N_("all")}
# What was written, the conversation tells; a name or a title is told as what it was done to.
_TOLD_ALREADY = {
    *("conversation.reply", "conversation.note", "delivery.again", "delivery.dismiss", "token.create"),
    *("token.revoke", "canned.keep", "canned.remove", "article.write", "article.remove"),
}
_TITLES = ("name", "title")  # of what is gone, its entry may tell


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What something was done to; `at` is its page, if it has one."""

    kind: str
    name: str
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class Told:
    """An entry as people read it; `changes` are lines."""

    subject: Subject | None
    changes: Sequence[str]


def mentioned(entries: Sequence[AuditEntry]) -> Collection[str]:
    """The ids that the entries speak of."""
    ids = {each.about for each in entries}
    for each in entries:
        ids |= {value for value in each.changes.values() if isinstance(value, str)}
    return ids


def told(entry: AuditEntry, names: Mapping[str, Named]) -> Told:
    """An entry in plain words; `names` are of what it mentions."""
    return Told(subject=_subject(entry, names), changes=_changes(entry, names))


def _subject(entry: AuditEntry, names: Mapping[str, Named]) -> Subject | None:
    if not entry.about:
        return None
    if (there := found(entry.about, names)) is not None:
        return there
    held = names.get(str(entry.changes.get("conversation", "")))
    group = entry.act.partition(".")[0]
    kind = _(_OTHERWISE[group]) if group in _OTHERWISE else label(group)
    if held is not None:  # a delivery's
        return Subject(kind=kind, name=_who(held), at=f"/dashboard/conversations/{held.conversation_id}")
    title = next((str(entry.changes[each]) for each in _TITLES if each in entry.changes), "")
    return Subject(kind=kind, name=title)


def found(about: str, names: Mapping[str, Named]) -> Subject | None:
    """What an id is of; None: of nothing there is, or nothing with a name."""
    if about not in names:
        return None
    named = names[about]
    kind = _(_KIND[named.kind])
    match named.kind:
        case "conversation":
            name = f"{_who(named)}: {named.subject}" if named.subject else _who(named)
            return Subject(kind=kind, name=name, at=f"/dashboard/conversations/{about}")
        case "call":
            name = f"{_who(named)}: {label(named.subject)}"
            return Subject(kind=kind, name=name, at=f"/dashboard/conversations/{named.conversation_id}")
        case "contact":
            return Subject(kind=kind, name=_who(named), at=f"/dashboard/contacts/{about}")
        case "article":
            return Subject(kind=kind, name=named.name, at=f"/dashboard/knowledge/articles/{about}")
        case _:
            return Subject(kind=kind, name=named.name)


def _who(named: Named) -> str:
    return display_name(named.contact_id, named.name) if named.contact_id else named.name


def _changes(entry: AuditEntry, names: Mapping[str, Named]) -> Sequence[str]:
    if entry.act in _TOLD_ALREADY:
        return ()
    changes = entry.changes
    lines: Sequence[tuple[str, JsonValue]]  # what is empty is left out
    match entry.act:
        case "operator.role":
            lines = [(N_("Role"), _arrow(_role(changes["from"]), _role(changes["to"])))]
        case "operator.rename":
            lines = [(N_("Name"), _arrow(changes["from"], changes["to"]))]
        case "operator.add":
            lines = [(N_("Email"), changes["email"]), (N_("Role"), _role(changes["role"]))]
        case "conversation.status":
            lines = _moved(changes, names)
        case "conversation.priority":
            lines = [(N_("Priority"), words.priority(cast("int", changes["to"])))]
        case "conversation.labels":
            lines = [(N_("Put on"), changes["put_on"]), (N_("Taken off"), changes["taken_off"])]
        case "contact.correct":
            corrected = [*([_("Name")] if changes["name"] else ()), *cast("list[str]", changes["attributes"])]
            lines = [(N_("Changed"), corrected)]
        case "contact.merge" | "contact.unmerge":
            other = names.get(str(changes["contact"]))
            lines = [(N_("The other contact"), _who(other) if other else "")]
        case "approval.approve" | "approval.reject":
            lines = [
                (N_("Asked for"), changes.get("proposed", "")),
                (N_("Approved"), changes.get("arguments", "")),
            ]
        case "audit.download":
            lines = [(_NAME[name], _asked(name, str(value), names)) for name, value in changes.items()]
        case _:
            lines = [(_NAME.get(name, label(name)), value) for name, value in changes.items()]
    return [f"{_(name)}: {_plain(value)}" for name, value in lines if value not in ("", [], {})]


def _moved(changes: Mapping[str, JsonValue], names: Mapping[str, Named]) -> Sequence[tuple[str, JsonValue]]:
    """How a conversation stands since, and whose it is."""
    lines: list[tuple[str, JsonValue]] = []
    if changes["from"] != changes["to"]:
        before, after = words.status(str(changes["from"])), words.status(str(changes["to"]))
        lines.append((N_("Status"), _arrow(before, after)))
    if "assignee_to" in changes:
        before, after = [
            _operator(changes[each], names) or _("nobody") for each in ("assignee_from", "assignee_to")
        ]
        lines.append((N_("Assigned to"), _arrow(before, after)))
    return lines


def _operator(operator_id: JsonValue, names: Mapping[str, Named]) -> str:
    who = names.get(operator_id) if isinstance(operator_id, str) else None
    return who.name if who else str(operator_id or "")


def _asked(name: str, value: str, names: Mapping[str, Named]) -> str:
    """By what the log was narrowed that somebody downloaded."""
    if name == "what":
        return words.act(value)
    return _who(names[value]) if value in names else value


def _role(name: JsonValue) -> str:
    return words.role(str(name))


def _arrow(before: JsonValue, after: JsonValue) -> str:
    return f"{before} → {after}"


def _plain(value: JsonValue) -> str:
    """A value as people write it."""
    match value:
        case None:
            return "–"
        case bool():
            return words.truth("true" if value else "false")
        case list():
            return ", ".join(_plain(each) for each in value) or "–"
        case dict():
            return ", ".join(f"{label(name)}: {_plain(each)}" for name, each in value.items()) or "–"
        case str() if value in _VALUE:
            return _(_VALUE[value])
        case _:
            return str(value)
