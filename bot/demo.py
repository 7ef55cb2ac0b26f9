"""The demo shop's help centre, served where its pages say they are, so that citations lead somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot import markup
from bot.settings import BotSection

_TEMPLATES = Path(__file__).parent / "templates"
SAMPLE = Path(__file__).parents[1] / "knowledge" / "sample"

# Who answers while there is no bot.toml and nothing but the sample has been learned.
SHOP = BotSection(
    company="Northwind Outfitters",
    instructions="You answer for Northwind Outfitters, an outdoor shop. Friendly, brief, precise.",
    suggestions=("Where is my order?", "What does a return cost?", "Which size fits me?"),
)


# The sections' titles, in the order in which visitors ask for them.
_SECTIONS = {
    "orders": "Orders",
    "delivery": "Delivery",
    "returns": "Returns and refunds",
    "products": "Products and repairs",
    "payments": "Payment and invoices",
    "account": "Your account",
    "company": "Contact and company",
}


@dataclass(frozen=True, kw_only=True)
class _Page:
    address: str
    title: str
    description: str
    text: str


@dataclass(frozen=True, kw_only=True)
class _Section:
    name: str
    title: str
    pages: Sequence[_Page]


class HelpCentre:
    """`/help` lists the sample's pages, `/help/SECTION/PAGE` shows one."""

    def __init__(self, folder: Path = SAMPLE) -> None:
        self._sections = [
            _Section(
                name=name,
                title=title,
                pages=[_read(path, folder) for path in sorted(folder.glob(f"{name}/*.md"))],
            )
            for name, title in _SECTIONS.items()
        ]
        templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), trim_blocks=True
        )
        self._template = templates.get_template("help.html")

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/help", self._index),
            Route("/help.css", self._style),
            Route("/help/{page:path}", self._page),
        ]

    async def _style(self, _: Request) -> Response:
        return FileResponse(_TEMPLATES / "help.css", headers={"Cache-Control": "no-cache"})

    async def _index(self, _: Request) -> Response:
        description = "Orders, delivery, returns, repairs and everything else that is asked often."
        return HTMLResponse(
            self._template.render(title="Help centre", description=description, sections=self._sections)
        )

    async def _page(self, request: Request) -> Response:
        address = request.url.path
        for section in self._sections:
            for page in section.pages:
                if page.address == address:
                    return HTMLResponse(self._shown(page, section))
        raise HTTPException(404, "there is no such help page")

    def _shown(self, page: _Page, section: _Section) -> str:
        body = markup.from_markdown(page.text)
        # Wide tables are scrolled by themselves, by keyboard too, and leave the page where it is.
        body = body.replace(
            "<table>", '<div class="table" tabindex="0" role="region" aria-label="Table"><table>'
        )
        body = body.replace("</table>", "</table></div>")
        body = body.replace("EUR ", "EUR&nbsp;")  # an amount is read in one piece
        return self._template.render(
            title=page.title,
            description=page.description,
            section=section,
            body=Markup(body),  # noqa: S704  cleaned by the allow-list
        )


def _read(path: Path, folder: Path) -> _Page:
    _, head, text = path.read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(head)
    name = path.relative_to(folder).with_suffix("").as_posix()
    return _Page(address=f"/help/{name}", title=told["title"], description=told["description"], text=text)
