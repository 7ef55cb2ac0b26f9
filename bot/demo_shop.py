"""The demo shop's order service: what its tools ask, on a port of its own, as a company's would be.

Orders stand in a table and age with the calendar; refunds and new addresses are kept in a file. A write with
an `Idempotency-Key` that was seen before is answered as it was then, and done once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.hours import OfficeHours
from tools.http import HttpTool


@dataclass(frozen=True, kw_only=True)
class _Order:
    """`placed` and `moved` are days ago: when it was ordered, and when it came into its status."""

    status: str
    placed: int
    moved: int
    items: tuple[str, ...]
    total: str
    carrier: str = ""


_ORDERS: Mapping[str, _Order] = {
    "123456": _Order(
        status="Delivered",
        placed=9,
        moved=5,
        items=("Fjell hiking shoes, size 42", "Merino socks, two pairs"),
        total="148.80",
        carrier="DHL",
    ),
    "481920": _Order(
        status="Sent", placed=3, moved=2, items=("Skog rain jacket, size M",), total="129.00", carrier="DHL"
    ),
    "481977": _Order(status="Received", placed=0, moved=0, items=("Lykta head torch",), total="39.90"),
}
_TELLS = {
    "Received": "we have it since {moved}, and it leaves our warehouse on the next working day.",
    "Sent": "it left our warehouse on {moved} with {carrier} and should arrive on {due}.",
    "Delivered": "{carrier} delivered it on {moved}.",
}


def demo_sections(url: str) -> Mapping[str, object]:
    """What the shop's bot.toml says beside [bot], as its help pages have it: nothing while its service, at
    `url`, does not run."""
    if not url:
        return {}
    hours = {"timezone": "Europe/Berlin", "mon-fri": "09:00-18:00", "sat": "10:00-14:00"}
    return {"tools": demo_tools(url), "hours": OfficeHours.model_validate(hours)}


def demo_tools(url: str) -> Mapping[str, HttpTool]:
    """The shop's tools, as its bot.toml would have them."""
    order_id = {"type": "string", "pattern": "^[0-9]{6}$", "description": "the order number, six digits"}
    asks = "What is your order number? It has six digits; the demo shop knows 123456, 481920 and 481977."
    missing = "I can't find an order {order_id}. The demo shop knows 123456, 481920 and 481977."
    sections: Mapping[str, Mapping[str, Any]] = {
        "order_status": {
            "description": "Where an order is, what is in it and when it arrives, by its number",
            "url": f"{url}/orders/{{order_id}}",
            "parameters": {"order_id": order_id},
            "examples": [
                "Where is my order?",
                "Where is order 481920?",
                "Track my parcel",
                "I never got my parcel",
                "Has my parcel been sent yet?",
                "When does my parcel arrive?",
                "What is the status of my order?",
                "Wo ist meine Bestellung 481920?",
            ],
            "answer": "Order {order_id} ({contents}): {told}",
            "otherwise": {"404": missing},
            "asks": {"order_id": asks},
        },
        "refund": {
            "description": "Ask for the money for an order back; a colleague must approve it",
            "method": "POST",
            "url": f"{url}/refunds",
            "parameters": {
                "order_id": order_id,
                "reason": {
                    "type": "string",
                    "enum": ["damaged", "wrong item", "lost", "price difference", "other"],
                    "description": "what the refund is for",
                },
            },
            "effect": "write",
            "approval": "operator",
            "idempotent": True,
            "examples": [
                "I want my money back",
                "Refund order 481920",
                "Please refund my order, it arrived damaged",
                "Give me a refund for 123456",
                "Ich möchte mein Geld für Bestellung 481920 zurück",
            ],
            "otherwise": {
                "404": missing,
                "409": "Order {order_id} has not been delivered yet, or has been refunded already.",
            },
            "answer": "EUR {amount} for order {order_id} go back the way you paid.",
            "asks": {
                "order_id": asks,
                "reason": "What is it for: damaged, wrong item, lost, price difference or other?",
            },
        },
        "change_address": {
            "description": "Send an order that has not been packed to another address",
            "method": "PUT",
            "url": f"{url}/orders/{{order_id}}/address",
            "parameters": {
                "order_id": order_id,
                "address": {"type": "string", "minLength": 5, "description": "the whole new address"},
            },
            "idempotent": True,
            "examples": [
                "Change the delivery address of order 481977",
                "Send my parcel to another address",
                "Please deliver my order to my new address",
                "Bitte liefern Sie Bestellung 481977 an eine andere Adresse",
            ],
            "otherwise": {
                "404": missing,
                "409": "Order {order_id} has left our warehouse: now only the carrier can redirect it, with "
                "the tracking link in your email.",
            },
            "answer": "Order {order_id} goes to: {address}. We have sent a confirmation link to the email "
            "address of the order; the new address counts once you have selected it.",
            "asks": {
                "order_id": asks,
                "address": "What is the whole new address, with postcode, town and country?",
            },
        },
    }
    return {name: HttpTool.model_validate(section) for name, section in sections.items()}


class DemoShop:
    """`/orders/NUMBER`, `/orders/NUMBER/address` and `/refunds`; what is written is kept in `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writing = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/", self._start),
                Route("/orders/{number}", self._order),
                Route("/orders/{number}/address", self._address, methods=["PUT"]),
                Route("/refunds", self._refunds),
                Route("/refunds", self._refund, methods=["POST"]),
            ]
        )

    async def _start(self, _: Request) -> Response:
        return JSONResponse({"orders": list(_ORDERS)})

    async def _order(self, request: Request) -> Response:
        number = request.path_params["number"]
        order = _ORDERS.get(number)
        if order is None:
            return _refusal(404, f"there is no order {number}")
        today = datetime.now(UTC).date()
        moved = today - timedelta(days=order.moved)
        told = _TELLS[order.status].format(
            moved=_day(moved), carrier=order.carrier, due=_day(moved + timedelta(days=4))
        )
        kept = await asyncio.to_thread(self._read)
        return JSONResponse(
            {
                "order_id": number,
                "status": order.status,
                "contents": "; ".join(order.items),
                "total": f"EUR {order.total}",
                "placed": (today - timedelta(days=order.placed)).isoformat(),
                "told": told,
                **kept["addresses"].get(number, {}),
            }
        )

    async def _address(self, request: Request) -> Response:
        number = request.path_params["number"]
        address = (await request.json()).get("address")
        order = _ORDERS.get(number)
        if order is None:
            return _refusal(404, f"there is no order {number}")
        if not isinstance(address, str) or not address.strip():
            return _refusal(422, "an address is missing")
        if order.status != "Received":
            return _refusal(409, f"order {number} is {order.status}: only the carrier can redirect it now")
        return await self._once(
            request, "addresses", number, {"order_id": number, "address": address.strip()}
        )

    async def _refunds(self, _: Request) -> Response:
        kept = await asyncio.to_thread(self._read)
        return JSONResponse({"refunds": kept["refunds"]})

    async def _refund(self, request: Request) -> Response:
        told = await request.json()
        number = str(told.get("order_id"))
        order = _ORDERS.get(number)
        if order is None:
            return _refusal(404, f"there is no order {number}")
        if order.status != "Delivered" and told.get("reason") != "lost":
            return _refusal(409, f"order {number} is {order.status}: it has not been delivered")
        refund = {"order_id": number, "amount": order.total, "reason": told.get("reason")}
        return await self._once(request, "refunds", number, refund)

    async def _once(self, request: Request, kind: str, number: str, entry: dict[str, Any]) -> Response:
        """Keep and answer it; the same key again changes nothing, and an order is refunded once."""
        key = request.headers.get("Idempotency-Key", "")
        async with self._writing:
            kept = await asyncio.to_thread(self._read)
            if key and key in kept["answered"]:
                return JSONResponse(kept["answered"][key])
            if kind == "refunds" and number in kept["refunds"]:
                return _refusal(409, f"order {number} has been refunded already")
            kept[kind][number] = entry
            if key:
                kept["answered"][key] = entry
            await asyncio.to_thread(self._write, kept)
        return JSONResponse(entry)

    def _read(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = orjson.loads(self._file.read_bytes())
        except FileNotFoundError:
            kept = {"refunds": {}, "addresses": {}, "answered": {}}
        return kept

    def _write(self, kept: dict[str, Any]) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(kept))
        fresh.replace(self._file)


def _refusal(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status_code=status)


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
