"""The channels by which customers write, as set: which are open, and what opens the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.languages import N_
from bot.settings import BotConfig, Settings


@dataclass(frozen=True, kw_only=True)
class ChannelSetup:
    """A channel; `told` are names, as in the catalogue, and values of what somebody who sets it up looks for.
    `needs` are the settings that open it."""

    channel: str
    open: bool
    told: Sequence[tuple[str, str]]
    needs: Sequence[str]


def setups(settings: Settings, config: BotConfig) -> Sequence[ChannelSetup]:
    """All of them, without anything secret."""
    posted = f"{settings.address}/webhooks/whatsapp"
    callbacks = [(N_("Messages come in at"), posted), (N_("Statuses come in at"), f"{posted}/status")]
    twilio = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    addresses = [settings.email_address, *(each.address for each in config.email.mailboxes.values())]
    return [
        ChannelSetup(
            channel="web",
            open=True,
            told=[
                (N_("On your pages"), f'<script type="module" src="{settings.address}/widget.js"></script>'),
                (N_("Sites that may have it"), ", ".join(settings.web_origins) or settings.own_origin),
            ],
            needs=["WEB_ORIGINS"],
        ),
        ChannelSetup(
            channel="whatsapp",
            open=bool(settings.twilio_whatsapp_from),
            told=[
                (N_("Sender"), settings.twilio_whatsapp_from),
                *callbacks,
                (N_("Template after 24 hours"), config.whatsapp.template or "–"),
                (N_("Approved templates"), ", ".join(config.whatsapp.templates) or "–"),
            ],
            needs=[*twilio, "TWILIO_WHATSAPP_FROM"],
        ),
        ChannelSetup(
            channel="sms",
            open=bool(settings.twilio_sms_from),
            told=[(N_("Sender"), settings.twilio_sms_from), *callbacks],
            needs=[*twilio, "TWILIO_SMS_FROM"],
        ),
        ChannelSetup(
            channel="email",
            open=bool(settings.email_address),
            told=[
                (N_("Mailboxes"), ", ".join(filter(None, addresses))),
                (N_("Read at"), f"{settings.imap_host}:{settings.imap_port}"),
                (N_("Sent through"), f"{settings.smtp_host}:{settings.smtp_port}"),
            ],
            needs=["EMAIL_ADDRESS", "IMAP_HOST", "IMAP_USER", "IMAP_PASSWORD", "SMTP_HOST"],
        ),
    ]
