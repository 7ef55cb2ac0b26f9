"""Keeps the catalogues of `locale/` true: `make words` after words have changed.

A new language is a new file named by its code: `touch locale/fr.po`, `make words`, translate. Whatever is
missing stays English.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from bot.languages import LOCALE, translations

_HERE = Path(__file__).parent.parent
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "many": (1, 2),
    # What is refused, by the place of its words among the arguments.
    "refusal": (3,),
    "not_found": (1,),
    "path_id": (2,),
    "NotFilled": (1,),
}
_SCRIPTS = {"dashboard/static/*.js": "javascript"}
_SOURCES = {
    "templates/error.html": "jinja2.ext:babel_extract",
    "dashboard/templates/**/*.html": "jinja2.ext:babel_extract",
    "*.py": "python",
    "api/*.py": "python",
    "dashboard/*.py": "python",
    "../channels/*.py": "python",
    **_SCRIPTS,
}


def extracted(sources: Mapping[str, str] = _SOURCES) -> Catalog:
    """Every text that pages, code and scripts want translated."""
    catalogue = Catalog()
    for pattern, method in sources.items():
        for path in sorted(_HERE.glob(pattern)):
            options = (
                {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
                if path.suffix == ".html"
                else {}
            )
            for line, text, _comments, context in extract_from_file(
                method, path, keywords=_KEYWORDS, options=options
            ):
                place = (str(path.relative_to(_HERE)), line)
                catalogue.add(text, None, locations=[place], context=context)
    return catalogue


@cache
def for_scripts(code: str) -> str:
    """A module whose default export maps what scripts say in English to a language."""
    words = translations(code)
    said = {
        each.id: words.gettext(each.id)
        for each in extracted(_SCRIPTS)
        if isinstance(each.id, str) and each.id
    }
    told = {english: text for english, text in said.items() if text != english}
    return f"export default {json.dumps(told, ensure_ascii=False, sort_keys=True)};\n"


def update() -> None:
    """Bring every catalogue up to what is said now."""
    template = extracted()
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.stem)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=110, no_location=True, omit_header=True, sort_output=True)
        missing = [each.id for each in catalogue if each.id and not each.string]
        print(f"{path.name}: {len(catalogue)} texts, {len(missing)} without a translation")
