"""What the desk's first page asks of a browser: little, and of nobody else; and what it may run."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.e2e.desk import listening
from tests.processes import Switchboard

_MOST = 150_000  # bytes


def test_the_first_page_is_light_and_asks_no_other_host(
    browser: Browser, desk: Page, house: Switchboard
) -> None:
    fresh = browser.new_context(storage_state=desk.context.storage_state())
    page = fresh.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    answer = page.goto(f"{house.url}/dashboard/conversations?tab=all")
    listening(page)
    sizes = page.evaluate(
        "['navigation', 'resource'].flatMap(each => performance.getEntriesByType(each))"
        ".map(each => [each.name, each.transferSize])"
    )
    assert len(sizes) > 5, sizes
    assert sum(size for _, size in sizes) < _MOST, sizes
    assert hosts == {urlsplit(house.url).netloc}
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert re.search(r"(default|script)-src 'self'(;|$)", policy), policy
    assert page.locator("[style], script:not([src]), style").count() == 0
    fresh.close()


def test_what_is_not_secret_comes_compressed(desk: Page, house: Switchboard) -> None:
    for name in ("dashboard.css", "page.js"):
        told = desk.request.get(f"{house.url}/dashboard/static/{name}", headers={"Accept-Encoding": "gzip"})
        assert (told.status, told.headers.get("content-encoding")) == (200, "gzip"), name
    page = desk.request.get(f"{house.url}/dashboard/conversations", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in page.headers
