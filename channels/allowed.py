"""What HTML may hold that anybody is shown: one list, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping

TAGS = frozenset(
    {
        *("p", "br", "hr", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
        *("strong", "b", "em", "i", "u", "del", "s", "small", "sub", "sup", "a"),
        *("ul", "ol", "li", "dl", "dt", "dd"),
        *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    }
)
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href", "title"}),
    "ol": frozenset({"start"}),
    "td": frozenset({"colspan", "rowspan"}),
    "th": frozenset({"colspan", "rowspan"}),
}
SCHEMES = frozenset({"http", "https", "mailto", "tel"})
