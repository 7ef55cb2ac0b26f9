"""What must not stand in logs and traces: secrets, and what tells one person from another.

A mask says what stood there: `[email]`, `[phone]`, `[card …1111]`, `[iban]`, `[secret]`. In doubt more is
masked than need be; who may see the conversation finds everything in its messages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, JsonValue

from bot.trace import Step

SECRET = "[secret]"  # noqa: S105
_SHORTEST = 4  # characters of a setting that can be told from an ordinary word
_WORDLIKE = 8  # characters under which it must stand alone
_PLACES = {"http", "https", "postgres", "postgresql", "sqlite", "redis", "rediss", "unix"}
_DEEPEST = 20  # levels of JSON that are looked into

# ISO 13616: how long each country's are.
_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN = {country: length for length, countries in _LENGTHS.items() for country in countries.split()}

# Every repetition is bounded, and each alternative begins with what few places have: hostile text must not
# cost more than its length.
_KEYS = r"""
    -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----[^-]{0,20000}(?:-----END[ ][A-Z ]{0,30}KEY-----)?
  | \beyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{0,4000}
  | \b(?:sk|pk|rk|swb|hf|glpat|pypi|npm|dop_v1)[-_][\w-]{16,400}
  | \b(?:gh[pousr]|github_pat)_\w{20,255}
  | \bxox[abeprs]-[\w-]{10,250}
  | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
  | \bAIza[\w-]{35}
  | (?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)
"""
# The value after a name that is one of a secret's; the name stays.
_NAMED = r"""
    \b(?P<name>(?:[\w-]{0,40}[_-])?(?:
        pass(?:word|wort|wd|phrase|code)|kennwort|pwd|secret|token|api[ _-]?key|access[ _-]?key|pin|cvv|cvc|
        contrase[nñ]a|mot[ ]de[ ]passe|authorization|sig|signature)
      ["']?(?:\s{0,3}[:=]\s{0,3}|\s{1,3}(?:is|ist|lautet|es|est)\s{1,3})["']?(?:(?:bearer|basic)\s{1,3})?
      |\bbearer\s{1,3}|\bbasic\s{1,3})
    (?P<value>(?!\[secret\])(?=[^\s"'<>&,;]{0,100}?[\d!@\#$%^*+=_~/])[^\s"'<>&,;]{3,4000})
"""
_EMAIL = r"(?P<email>(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD = r"(?P<card>(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-]))"
_PHONE = r"""(?P<phone>
    (?<![\w.+-])(?:\+|00)[1-9](?:[\s().\/-]{0,3}\d){6,14}(?![\w-])
  | (?<![\w.+\/-])\(?0\d{1,5}\)?(?:[\s.\/-]{0,3}\d){6,11}(?![\w-])
  | (?<![\w.+\/-])\(?[2-9]\d\d\)?[\s.-]\d{3}[\s.-]\d{4}(?![\w-])
)"""
_WORDS = re.compile(rf"(?P<key>{_KEYS})|{_NAMED}", re.VERBOSE | re.IGNORECASE)
_ADDRESSES = re.compile(_EMAIL)
_NUMBERS = re.compile(rf"{_CARD}|{_PHONE}", re.VERBOSE)
# Most texts have nothing of the kind, which these tell in a fraction of the time.
_MARKS = (
    *("-----begin", "eyj", "akia", "asia", "aiza", "xox", "sk-", "sk_", "pk-", "pk_", "rk_", "hf_", "swb_"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "glpat", "pypi-", "npm_", "dop_v1", "pass"),
    *("kennwort", "pwd", "secret", "token", "key", "pin:", "pin=", "pin i", "pin e", 'pin"', "cvv", "cvc"),
    *("contrase", "authorization", "sig=", "sig:", "signature", "bearer", "basic"),
)
_MANY_DIGITS = re.compile(r"\d(?:[\s().\/-]{0,3}\d){6}")
_DATE = re.compile(r"(?:19|20)\d\d[-./][01]\d[-./][0-3]\d|[0-3]?\d[-./][0-3]?\d[-./](?:19|20)\d\d")
_KEPT_SECRET = re.compile(
    r"(?:^|[_-])(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cvv|cvc|pin)$",
    re.IGNORECASE,
)
_OPENS = re.compile(r"key|token|secret|sig|pass|pwd|code|auth|cookie|credential", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?:Bearer|Basic|Token) (\S+)", re.IGNORECASE)  # RFC 9110, 11.4
_OUR_ID = re.compile(r"[a-z]{2,8}_[0-9a-f]{31}(?:\.\d{1,4})?(?:\.auto)?")


class Masking:
    """Masks what nobody may read there, and what is personal.

    `secrets` are masked wherever they stand, also as parts of an address; `ours` are addresses and numbers of
    the company's own, which are nobody's secret.
    """

    def __init__(self, *, secrets: Iterable[str] = (), ours: Collection[str] = ()) -> None:
        self._known = _forms(secrets)
        self._ours = frozenset(map(_bare, ours))

    def text(self, text: str) -> str:
        """The text, masked."""
        for secret, alone in self._known:
            if secret in text:
                text = alone.sub(SECRET, text) if alone else text.replace(secret, SECRET)
        lowered = text.lower()
        mail = "@" in text
        if any(mark in lowered for mark in _MARKS) or (mail and "://" in text):
            text = _WORDS.sub(self._mask, text)
        if mail:
            text = _ADDRESSES.sub(self._mask, text)
        if _MANY_DIGITS.search(text):
            text = _NUMBERS.sub(self._mask, _without_accounts(text))
        return text

    def value(self, value: JsonValue, *, depth: int = 0) -> JsonValue:
        """A JSON value, its texts masked; what stands under a secret's name is masked whole."""
        match value:
            case str():
                return self.text(value)
            case bool() | None:
                return value
            case int() | float():
                masked = self.text(str(value))
                return value if masked == str(value) else masked
            case _ if depth >= _DEEPEST:
                return "[…]"
            case list():
                return [self.value(each, depth=depth + 1) for each in value]
            case _:
                return {
                    self.text(name): SECRET
                    if each not in (None, "") and _KEPT_SECRET.search(name)
                    else self.value(each, depth=depth + 1)
                    for name, each in value.items()
                }

    def steps(self, steps: Sequence[Step]) -> Sequence[Step]:
        """A turn's steps as they may be kept and told."""
        return [
            replace(
                step,
                input=self._object(step.input),
                output=self._object(step.output),
                error=None if step.error is None else self.text(step.error),
            )
            for step in steps
        ]

    def _object(self, given: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        masked = self.value(dict(given))
        assert isinstance(masked, dict)
        return masked

    def _mask(self, found: re.Match[str]) -> str:
        text = found[0]
        match found.lastgroup:
            case "key":
                return SECRET
            case "value":
                return f"{found['name']}{SECRET}"
            case "email":
                ours = _bare(text) in self._ours or _OUR_ID.fullmatch(text.partition("@")[0])
                return text if ours else "[email]"
            case "card":
                digits = _bare(text)
                return f"[card …{digits[-4:]}]" if _luhn(digits) else text
            case _:
                return text if _DATE.match(text) or _bare(text) in self._ours else "[phone]"


def _forms(secrets: Iterable[str]) -> Sequence[tuple[str, re.Pattern[str] | None]]:
    """Secrets as they are and as they stand in an address, the longest first; a short one may be a part of
    a word, and is sought standing alone."""
    known = {each for each in secrets if len(each) >= _SHORTEST}
    forms = sorted(known | {quote(each, safe="") for each in known}, key=len, reverse=True)
    return [
        (each, None if len(each) >= _WORDLIKE else re.compile(rf"(?<!\w){re.escape(each)}(?!\w)"))
        for each in forms
    ]


def _without_accounts(text: str) -> str:
    """The text, its account numbers masked. Words may follow one with nothing between: its country says how
    long it is."""
    kept, at = [], 0
    while found := _ACCOUNT.search(text, at):
        if end := _account_ends(found[0]):
            kept += [text[at : found.start()], "[iban]"]
            at = found.start() + end
        else:
            kept.append(text[at : found.start() + 2])
            at = found.start() + 2
    return "".join(kept) + text[at:]


def _account_ends(text: str) -> int:
    """Where the account number ends that a text begins with; 0 when it begins with none (ISO 13616)."""
    left = length = _IBAN.get(text[:2].upper(), 0)
    for end, character in enumerate(text, 1):
        left -= character.isalnum()
        if not left:
            number = "".join(each for each in text[:end] if each.isalnum()).upper()
            turned = "".join(str(int(each, 36)) for each in number[4:] + number[:4])
            whole = len(number) == length and not text[end : end + 1].isalnum()
            return end if whole and int(turned) % 97 == 1 else 0
    return 0


def _luhn(digits: str) -> bool:
    """Whether a number can be a card's (ISO/IEC 7812-1)."""
    doubled = sum(sum(divmod(int(each) * 2, 10)) for each in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0 and len(set(digits)) > 1


def _bare(text: str) -> str:
    """An address or a number, however it is written."""
    return text.lower() if "@" in text else re.sub(r"\D", "", text)


def hidden(told: object, *, secret: bool = False) -> Iterator[str]:
    """What settings hold that must never be shown: the fields they hide, passwords in addresses, headers."""
    match told:
        case str():
            if "://" in told:
                yield from _hidden_in_url(told, secret=secret)
            elif secret and told:
                yield told
                if credentials := _CREDENTIALS.fullmatch(told):
                    yield credentials[1]
        case BaseModel():
            for name, field in type(told).model_fields.items():
                value = getattr(told, name)
                if name.endswith("headers") and isinstance(value, str):  # as OpenTelemetry writes them
                    value = dict(parse_qsl(value.replace(",", "&")))
                yield from hidden(value, secret=secret or not field.repr)
        case Mapping():
            for name, value in told.items():
                opens = isinstance(value, str) and (_OPENS.search(name) or _CREDENTIALS.fullmatch(value))
                yield from hidden(value, secret=bool(opens) if isinstance(value, str) else secret)
        case list() | tuple():
            for value in told:
                yield from hidden(value, secret=secret)
        case _:
            pass


def _hidden_in_url(url: str, *, secret: bool) -> Iterator[str]:
    """The password of an address and what opens something in its query; every part of an address that is
    a secret itself, as those that alerts go to are."""
    parts = urlsplit(url)
    if parts.password:
        yield unquote(parts.password)
    query = parse_qsl(parts.query)
    yield from (value for name, value in query if _OPENS.search(name) and not value.startswith("{"))
    if secret and parts.scheme not in _PLACES:
        yield from (unquote(each) for each in re.split(r"[/:@?&=]+", url)[1:] if len(each) >= _WORDLIKE)
