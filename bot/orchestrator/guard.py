"""What a model writes, made safe piece by piece before anybody sees it.

Passages and messages may hold planted instructions. Whatever a model was talked into, no address that is
not ours reaches the customer, no remote picture, no source that was not given, and never the secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.orchestrator.agent import ModelFailed
from knowledge.base import Passage

_HELD = 2_000  # characters kept back at most, waiting for a bracket to close
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'`\])]+", re.IGNORECASE)
# Every repetition is bounded or stops at its own beginning: hostile text must not cost more than its length.
_CONSTRUCT = re.compile(
    r"!\[(?P<picture>[^\[\]]*)\]\((?:[^()]|\([^()]*\)){0,2000}\)"
    r"|<img\b[^<>]*>"
    r"|[ ]?(?P<cited>[\[【](?P<numbers>\d{1,3}(?:\s{0,2}[,;]\s{0,2}\d{1,3}){0,20})"
    r"(?:†[^\[\]】]*)?[\]】])(?!\()"
    r"|\[(?P<label>[^\[\]]*)\]\(\s{0,9}<?(?P<target>(?:[^()\s<>]|\([^()\s<>]*\)){0,2000})>?[^()]*\)"
    r"|<?(?P<bare>(?:(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://|www\.|(?<![:\w/])//[\w-]{1,63}\.)[^\s<>\"`\]]+)>?"
    r"|\b(?P<host>(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/[^\s<>\"`\])]*)",
    re.IGNORECASE,
)
_OPEN = re.compile(r"!?\[[^\[\]]*(?:\]\([^()]*)?\Z|<[a-z/][^<>]*\Z", re.IGNORECASE)
_RIPE = re.compile(r".*(?=\s)|.*[\u3000-\u9fff]", re.DOTALL)  # a word, an address or the secret may end later
_TRAILING = ".,;:!?)'*_"


class Guard:
    """One answer's guard: numbers the cited passages anew, 1 being the first cited."""

    def __init__(
        self,
        *,
        passages: Sequence[Passage],
        instructions: str,
        secret: str,
        links: Sequence[str] = (),
        noted: bool = False,
    ) -> None:
        """`links` may be given besides those in passages and instructions; what else stands there is not.

        `noted`: the number after the passages' is that of the company's own word. The customer never sees it;
        `by_note` tells that the answer rests on it.
        """
        self.cited: list[Passage] = []
        self.removed: list[str] = []
        self._passages = passages
        self._known = "\n".join([instructions, *(f"{each.url} \n{each.text}" for each in passages)])
        self._listed = {_bare(url) for url in _URL.findall(self._known)}
        self._listed |= {_bare(link) for link in links if _URL.fullmatch(link)}
        self._note = len(passages) + 1 if noted else None
        self.by_note = False
        self._secret = _plain(secret)
        self._tail = ""
        self._held = ""

    def feed(self, text: str) -> str:
        """What of the answer so far may be shown now. Raises ModelFailed when the secret is in it."""
        self._tail = self._tail[-len(self._secret) :] + _plain(text)
        if self._secret in self._tail:
            raise ModelFailed("the answer gave away what it must not", retry=False)
        self._held += text
        ripe = _RIPE.match(self._held)
        cut = ripe.end() if ripe else 0
        if len(self._held) > _HELD:
            cut = cut or len(self._held)
        elif opened := _OPEN.search(self._held, 0, cut):
            cut = opened.start()
        shown, self._held = self._held[:cut], self._held[cut:]
        return self._cleaned(shown)

    def finish(self) -> str:
        """The rest of the answer."""
        shown, self._held = self._held, ""
        return self._cleaned(shown)

    def cite(self, passage: Passage) -> str:
        """The marker for a passage."""
        if passage not in self.cited:
            self.cited.append(passage)
        return f"[{self.cited.index(passage) + 1}]"

    def _cleaned(self, text: str) -> str:
        return _CONSTRUCT.sub(self._replacement, text)

    def _replacement(self, found: re.Match[str]) -> str:
        if found["cited"]:
            return self._citations(found)
        if (label := found["label"]) is not None:
            label = self._cleaned(label)
            target = found["target"]
            return f"[{label}]({target})" if self._is_ours(target) else self._without(target, label)
        if bare := found["bare"] or found["host"]:
            url = bare.rstrip(_TRAILING)
            if self._is_ours(url) or (found["host"] and url in self._known):
                return found[0]
            return self._without(url, bare[len(url) :])
        return self._without(found[0], found["picture"] or "")

    def _citations(self, found: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", found["numbers"])]
        if numbers == [0] and found.string[: found.start()][-1:].isalnum():
            return found[0]  # `list[0]` in code cites nothing
        self.by_note |= self._note in numbers
        given = [self._passages[number - 1] for number in numbers if 0 < number <= len(self._passages)]
        space = " " if given and found[0].startswith(" ") else ""
        return space + "".join(map(self.cite, given))

    def _is_ours(self, target: str) -> bool:
        scheme, colon, address = target.partition(":")
        if colon and scheme.lower() in {"mailto", "tel"}:
            return bool(address) and address.partition("?")[0] in self._known
        return _bare(target) in self._listed

    def _without(self, removed: str, rest: str) -> str:
        self.removed.append(removed)
        return rest


def reveals(text: str, secret: str) -> bool:
    """Whether the secret stands in a text, however it is spaced or written."""
    return _plain(secret) in _plain(text)


def _bare(url: str) -> str:
    """An address without what doesn't tell it from another: scheme, final slash, punctuation after it."""
    return re.sub(r"^(?:https?:)?//", "", url.rstrip(_TRAILING), flags=re.IGNORECASE).rstrip("/")


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()
