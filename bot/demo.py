"""The demo shop's help centre, served where its pages say they are, so that citations lead somewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot import markup
from bot.settings import BotSection

SAMPLE = Path(__file__).parents[1] / "knowledge" / "sample"

# Who answers while there is no bot.toml and nothing but the sample has been learned.
SHOP = BotSection(
    company="Northwind Outfitters",
    instructions="You answer for Northwind Outfitters, an outdoor shop. Friendly, brief, precise.",
    suggestions=("Where is my order?", "What does a return cost?", "Which size fits me?"),
)


class HelpCentre:
    """`/help` lists the sample's pages, `/help/SECTION/PAGE` shows one."""

    def __init__(self, folder: Path = SAMPLE) -> None:
        self._pages: Mapping[str, tuple[Mapping[str, str], str]] = {
            str(path.relative_to(folder).with_suffix("")): _read(path)
            for path in sorted(folder.rglob("*.md"))
        }
        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape()
        )
        self._template = templates.get_template("help.html")

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/help", self._index), Route("/help/{page:path}", self._page)]

    async def _index(self, _: Request) -> Response:
        sections: dict[str, list[tuple[str, str, str]]] = {}
        for name, (told, _text) in self._pages.items():
            section = sections.setdefault(name.partition("/")[0], [])
            section.append((f"/help/{name}", told["title"], told["description"]))
        return HTMLResponse(self._template.render(title="Help centre", sections=sections))

    async def _page(self, request: Request) -> Response:
        page = self._pages.get(request.path_params["page"])
        if page is None:
            raise HTTPException(404, "there is no such help page")
        told, text = page
        body = Markup(markup.from_markdown(text))  # noqa: S704  cleaned by the allow-list
        return HTMLResponse(self._template.render(title=told["title"], body=body))


def _read(path: Path) -> tuple[Mapping[str, str], str]:
    _, head, text = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text
