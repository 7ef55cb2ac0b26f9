"""Twilio's error codes in plain words (https://www.twilio.com/docs/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping

from channels.base import Trouble

_TROUBLES: Mapping[int, Trouble] = {
    14107: Trouble.SLOW_DOWN,
    **dict.fromkeys((20003, 20005), Trouble.SLOW_DOWN),
    20429: Trouble.SLOW_DOWN,
    21610: Trouble.OPTED_OUT,
    21611: Trouble.SLOW_DOWN,
    30001: Trouble.SLOW_DOWN,
    63016: Trouble.WINDOW_CLOSED,
    63018: Trouble.SLOW_DOWN,
    63038: Trouble.SLOW_DOWN,
}
# Seconds in which nothing becomes better by itself: these concern the account, whatever the message.
_PAUSES: Mapping[int, float] = {20003: 60.0, 20005: 60.0, 63038: 900.0}

_WORDS: Mapping[int, str] = {
    11200: "Twilio could not reach our address for files or statuses: check PUBLIC_URL",
    11205: "Twilio could not connect to our address: check PUBLIC_URL and the firewall",
    11237: "Twilio does not trust the certificate of our address",
    11751: "the file is larger than WhatsApp carries",
    12300: "our answer or file had a type that Twilio does not take",
    14101: "the recipient's address is malformed",
    14103: "the message's content is not valid for this channel",
    14107: "too many messages at once: Twilio slows this sender down",
    20003: "Twilio does not know these credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; "
    "what is to leave waits",
    20005: "the Twilio account is not active: see its console; what is to leave waits",
    20404: "Twilio does not know this account or address",
    20429: "too many requests at once: Twilio slows us down",
    21211: "the recipient's number is not a valid phone number",
    21212: "our sender is not a valid number: check TWILIO_WHATSAPP_FROM and TWILIO_SMS_FROM",
    21408: "the Twilio account may not send to the recipient's country",
    21606: "our sender is not a number of this Twilio account that can send messages",
    21608: "a trial account sends only to numbers verified with Twilio",
    21610: "the recipient has opted out (STOP) and must not be written to until they write START",
    21611: "too many messages wait at Twilio for this sender",
    21612: "the recipient cannot be reached from our sender's number",
    21614: "the recipient's number is not a mobile number",
    21617: "the message is longer than 1,600 characters",
    21619: "the message has neither words nor files",
    21620: "Twilio could not use the file's address: check PUBLIC_URL",
    21623: "too many files for one message",
    21655: "Twilio does not know the template: check its `sid` under [whatsapp.templates] in bot.toml",
    21656: "the template's variables are not valid: check its `text` under [whatsapp.templates] in bot.toml",
    21910: "sender and recipient are on different channels",
    30001: "too many messages wait at Twilio for this sender",
    30002: "the Twilio account was suspended",
    30003: "the recipient's phone is off, out of reach or takes no messages",
    30004: "the recipient or their carrier blocks our messages",
    30005: "the recipient's number does not exist or is not in service any more",
    30006: "the recipient's number is a landline, or their carrier cannot be reached",
    30007: "the carrier filtered the message as spam or against its rules",
    30008: "the carrier did not deliver the message and does not say why",
    30034: "our number is not registered for sending to the United States (A2P 10DLC)",
    63001: "WhatsApp does not accept our credentials: check the sender in Twilio's console",
    63003: "WhatsApp does not know the recipient: they may have no WhatsApp on this number",
    63005: "WhatsApp did not accept the message's content",
    63007: "our sender is no WhatsApp sender of this Twilio account: check TWILIO_WHATSAPP_FROM",
    63010: "WhatsApp had a fault of its own",
    63012: "WhatsApp had a fault of its own",
    63013: "WhatsApp refused the message because of its policies",
    63015: "the recipient has not joined our WhatsApp sandbox, or no longer is in it",
    63016: "the recipient last wrote more than 24 hours ago: only an approved template reaches them",
    63018: "too many messages at once: WhatsApp slows this sender down",
    63019: "WhatsApp could not download the file: check PUBLIC_URL",
    63020: "the WhatsApp business account is not set up completely",
    63021: "WhatsApp found the content invalid",
    63024: "WhatsApp says the recipient is invalid: they may have no WhatsApp on this number",
    63027: "WhatsApp has no such template in this language",
    63028: "the template's variables do not match what WhatsApp approved",
    63030: "WhatsApp does not support one of the message's settings",
    63031: "sender and recipient are the same number",
    63032: "WhatsApp withholds the message from this recipient as part of an experiment",
    63033: "the recipient has blocked our business",
    63036: "the recipient has no WhatsApp on this number",
    63038: "the day's limit of messages of the Twilio account is reached; what is to leave waits",
    63040: "WhatsApp rejected the template",
    63041: "WhatsApp has paused the template because of its rating",
    63042: "WhatsApp has disabled the template",
    63049: "WhatsApp chose not to deliver this marketing message to the recipient",
    63051: "WhatsApp has locked or restricted our business account",
}


def trouble_of(code: int | None) -> Trouble | None:
    """What somebody can do something about, if it is that."""
    return _TROUBLES.get(code or 0)


def pause_after(code: int | None) -> float | None:
    """Seconds until it may be worth another attempt, where that is known."""
    return _PAUSES.get(code or 0)


def in_words(code: int | None, told: str = "") -> str:
    """Why Twilio refused, for operators; `told` are Twilio's own words, for codes not known here."""
    words = _WORDS.get(code or 0) or told or "Twilio gives no reason"
    return f"{words} ({code})" if code else words
