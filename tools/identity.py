"""Who somebody is, shown by a code that is sent to an address of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

import orjson
from pydantic import Field

from tools.base import Tool, ToolContext, ToolFailed
from tools.code_words import every, said
from tools.function import tool

SEND = "send_code"
VERIFY = "verify_code"
_ADDRESS = r"^[^\s@<>(),;:]{1,64}@[^\s@<>(),;:]{1,190}\.[A-Za-z]{2,24}$"

Address = Annotated[str, Field(json_schema_extra={"format": "email"}, pattern=_ADDRESS)]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class Codes(Protocol):
    """Sends one-time codes, and knows them again."""

    async def send(self, context: ToolContext, address: str) -> None:
        """Raises ToolFailed when none can be sent, or enough were."""
        ...

    async def redeem(self, context: ToolContext, code: str) -> str | None:
        """The address that whoever writes has shown to be theirs; None when it is not the code."""
        ...


def identity(codes: Codes) -> Sequence[Tool]:
    """The tool that sends a code and the one that takes it."""

    @tool(
        effect="write",
        idempotent=True,
        timeout=20.0,
        answer="{said}",
        examples=("I want to prove who I am", "Please verify my email address", "Verify my identity"),
        asks={"address": every("ask_address")},
    )
    async def send_code(context: ToolContext, address: Address) -> str:
        """Send a one-time code to a mail address that the customer says is theirs, so that they can prove
        it. Needed before tools that serve verified customers only.

        address: The mail address, as the customer wrote it.
        """
        await codes.send(context, address)
        told = f"{said(context.language, 'sent', address=address)}\n\n{said(context.language, 'ask_code')}"
        return orjson.dumps({"said": told}).decode()

    @tool(
        effect="write",
        idempotent=True,
        answer="{said}",
        asks={"code": every("ask_code")},
    )
    async def verify_code(context: ToolContext, code: Code) -> str:
        """Check the code that the customer received by mail. What they write after that is verified.

        code: The six digits.
        """
        address = await codes.redeem(context, code)
        if address is None:
            words = f"{said(context.language, 'wrong')}\n\n{said(context.language, 'ask_code')}"
            raise ToolFailed("it is not the code, or it has expired", refused=True, words=words)
        proven = said(context.language, "proven", address=address)
        told = {
            "said": f"{proven} {said(context.language, 'what_now')}",
            "proven": proven,
            "verified": "from their next message on",
        }
        return orjson.dumps(told).decode()

    return send_code, verify_code
