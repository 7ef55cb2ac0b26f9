"""Addresses with places: whatever a value is, it stays one value in the place it was meant for."""

from __future__ import annotations

import posixpath
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from tests.tools.given import JO
from tools.base import Person, ToolFailed
from tools.templates import fault, filled, leads_here

ANYTHING = st.text() | st.text(alphabet="./\\%2eE25fF?#&=:@ab\r\n\t {}") | st.integers() | st.booleans()


@given(value=ANYTHING, other=ANYTHING)
@example(value="..", other="%2e%2e%2f")
@example(value="a/..", other="\\..\\")
@example(value="%2e%2e", other="..%2f")
def test_a_value_stays_in_its_place(value: str | int | bool, other: str | int | bool) -> None:
    template = "https://shop.example:8443/orders/{id}/lines/{line}?q={id}&x=1"
    try:
        url = filled(template, {"id": value, "line": other}, JO)
    except (ToolFailed, UnicodeEncodeError):
        return
    told = [("true" if each else "false") if isinstance(each, bool) else str(each) for each in (value, other)]
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "shop.example:8443", "")
    assert [unquote(each) for each in parts.path.split("/")] == ["", "orders", told[0], "lines", told[1]]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", told[0]), ("x", "1")]
    # as the client sends it, and as a server may read it that unfolds everything first
    assert URL(url, encoded=True).raw_path == parts.path
    unfolded = posixpath.normpath(unquote(parts.path).replace("\\", "/"))
    assert unfolded.startswith("/orders/")
    assert len([each for each in unfolded.split("/") if each]) >= 4


@given(st.text())
def test_an_address_that_may_be_asked_names_its_host(text: str) -> None:
    for url in (text, f"https://{text}", f"https://shop.example/{text}"):
        if fault(url) == "":
            host = urlsplit(url).hostname
            assert host
            assert "{" not in urlsplit(url).netloc
            leads_here(url)


def test_what_is_known_of_the_contact_is_filled_in_encoded() -> None:
    person = Person(id="c", addresses={"email": ("o'jo+x/y@example.com",)})
    url = filled("https://shop.example/c/{contact.email}", {}, person)
    assert url == "https://shop.example/c/o%27jo%2Bx%2Fy%40example.com"
    with pytest.raises(ToolFailed):
        filled("https://shop.example/c/{contact.phone}", {}, person)
