"""The languages that pages and refusals are told in: English as written, others by a catalogue in
`dashboard/locale/`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import cast

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

LOCALE = Path(__file__).parent / "dashboard" / "locale"
COOKIE = "switchboard_language"
SOURCE = "en"  # the language that pages and code are written in

_ENGLISH = NullTranslations()
_speaking: ContextVar[NullTranslations] = ContextVar("speaking")


@cache
def languages() -> Mapping[str, str]:
    """Each language by its code, with its own name for itself."""
    codes = [SOURCE, *sorted(path.stem for path in LOCALE.glob("*.po"))]
    return {code: Locale(code).get_display_name(code) or code for code in codes}


@cache
def translations(code: str) -> NullTranslations:
    """The words of a language."""
    if code == SOURCE:
        return _ENGLISH
    with (LOCALE / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def chosen(request: Request) -> str:
    """The language to answer in: the reader's choice, else the first of their browser's that we speak."""
    known = languages()
    if (wanted := request.cookies.get(COOKIE)) in known:
        return cast("str", wanted)
    for accepted in _by_weight(request.headers.get("accept-language", "")):
        if (code := accepted.partition("-")[0].lower()) in known:
            return code
    return SOURCE


def speak(code: str) -> None:
    """From here on, and in this request alone, `_` and `many` speak this language."""
    _speaking.set(translations(code))


def _(text: str) -> str:
    """Text in the language that is spoken."""
    return _speaking.get(_ENGLISH).gettext(text)


def many(one: str, several: str, number: int) -> str:
    """The form that goes with a number."""
    return _speaking.get(_ENGLISH).ngettext(one, several, number)


def N_(text: str) -> str:  # noqa: N802
    """Mark text that `_` is asked for later; gettext's own name for that."""
    return text


def _by_weight(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the preferred first."""
    weighed: list[tuple[float, str]] = []
    for part in header[:1_000].split(","):
        name, _sep, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), name.strip()))
        except ValueError:
            continue
    return [name for weight, name in sorted(weighed, key=lambda each: -each[0]) if weight > 0]
