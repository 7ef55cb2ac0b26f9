"""A shop as an MCP server: by standard input and output, `python -m tests.doubles.mcp_shop`, or as an app."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field
from starlette.applications import Starlette

READS = ToolAnnotations(read_only_hint=True)


class Order(BaseModel):
    order_id: str
    status: str


class McpShop:
    """Its server, and what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.metas: list[Mapping[str, object]] = []  # what came along with calls of order_status
        self.hosts: list[str] = []  # whom they were for
        self.server = MCPServer("shop")
        add = self.server.tool

        @add(annotations=READS)
        async def order_status(
            order_id: Annotated[str, Field(pattern=r"^[0-9]{6}$")], context: Context[None, None]
        ) -> Order:
            """Where an order is."""
            self.metas.append(dict(context.request_context.meta or {}))
            self.hosts.append((context.headers or {}).get("host", ""))
            self.calls.append(("order_status", order_id))
            return Order(order_id=order_id, status="shipped")

        @add(annotations=READS)
        async def points(email: str) -> str:
            """How many points a customer has."""
            self.calls.append(("points", email))
            return f"{email} has 120 points."

        @add()
        async def refund(order_id: str, amount: float = 0) -> str:
            """Give money back."""
            self.calls.append(("refund", order_id, str(amount)))
            if order_id == "000000":
                raise ToolError("there is no such order")
            return f"refunded {order_id}"

        @add(annotations=READS)
        async def slow() -> str:
            """Takes its time."""
            await asyncio.sleep(30)
            return "late"

        @add(annotations=READS)
        async def crash() -> str:
            """Takes the whole server down."""
            os._exit(3)

        @add(name="odd name/é", annotations=READS)
        async def odd() -> str:
            """Is called strangely."""
            return "odd"

    def app(self) -> Starlette:
        anybody = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        return self.server.streamable_http_app(transport_security=anybody)


if __name__ == "__main__":
    McpShop().server.run("stdio")
