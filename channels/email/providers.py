"""What users of the great providers must set, where a plain password no longer opens a mailbox."""

from __future__ import annotations

_GMAIL = ("gmail.com", "googlemail.com")
_MICROSOFT = ("office365.com", "outlook.com", "hotmail.com")
_BY_OAUTH = "[email] token_command in bot.toml names the program that prints the token"


def on_refused_login(host: str, *, token: bool, sending: bool) -> str:
    """What to do when a great provider lets us in by neither password nor `token`; "" for other hosts."""
    host = host.lower()
    if host.endswith(_GMAIL):
        if token:
            return f"Gmail wants a token of the scope https://mail.google.com/; {_BY_OAUTH}"
        return (
            "Gmail wants an app password here, not the account's own: turn on 2-Step Verification, then make"
            " one at https://myaccount.google.com/apppasswords; where an administrator forbids those, log in"
            f" by OAuth: {_BY_OAUTH}"
        )
    if not host.endswith(_MICROSOFT):
        return ""
    rights = "SMTP.Send" if sending else "IMAP.AccessAsUser.All"
    if token:
        return f"Microsoft 365 wants a token of the scope https://outlook.office.com/{rights}; {_BY_OAUTH}"
    if sending:
        return (
            "Microsoft 365 takes a password only where an administrator has turned on Authenticated SMTP for"
            f" this mailbox; else log in by OAuth, with an app in Entra that may {rights}: {_BY_OAUTH}"
        )
    return (
        "Microsoft 365 no longer takes passwords over IMAP: register an app in Entra that may"
        f" {rights} and SMTP.Send, and log in by OAuth: {_BY_OAUTH}"
    )


def on_unvouched_senders(host: str) -> str:
    """What to set so that the mailbox's own server vouches for who writes (RFC 8601)."""
    if host.lower().endswith(_MICROSOFT):
        return "Microsoft 365 puts no name of its own into Authentication-Results, so none can be relied on"
    known = '"mx.google.com"' if host.lower().endswith(_GMAIL) else ""
    name = known or "the name that begins your own mail server's Authentication-Results headers"
    return f"set authserv_id under [email] in bot.toml to {name}"
