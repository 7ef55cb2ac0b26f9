"""Who is asking: operators by a session's cookie, programs by a token, and what each may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from pwdlib import PasswordHash
from starlette.requests import Request
from starlette.responses import Response

from bot.api.bodies import refusal
from bot.api.guessing import Guessing
from bot.api.refusals import Refusals
from bot.store import Store
from bot.store.actor import Actor, act_as
from bot.store.audit import Act
from bot.store.records import Operator

_SAFE = {"GET", "HEAD", "OPTIONS"}
_KEPT = 14 * 86_400  # seconds the browser keeps the session's cookie; the store decides whether it is good
_KNOWN = 365 * 86_400  # seconds a browser that has signed in is known for
# What an unknown account's password is checked against, at the same cost as everybody's; nobody knows it.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$/WK+jXUiD35OGft5ChTBgA$pApSJzSWmIh7l6i3sot7EkiaZvWboeSFrKbLHBgLi0o"
_LONGEST_ADDRESS = 100  # characters
_CHECKS = 2  # passwords checked at once: each takes 64 MB and a good part of a core


class TooManyTries(Exception):  # noqa: N818
    """Passwords were tried too often; `wait` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"wait {wait:.0f} s")
        self.wait = wait


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Who asks. `csrf` is what unsafe requests of this browser must carry; None for a program's token."""

    operator: Operator
    csrf: str | None

    @property
    def may_write(self) -> bool:
        return self.operator.role != "viewer"


class Gate:
    """Signs operators in and out, and says who sends a request.

    `address` is where this server is reached; with https its cookies travel by https alone.
    """

    def __init__(self, *, store: Store, key: str, address: str) -> None:
        self._store = store
        self._key = key.encode()
        self._host = urlsplit(address).netloc
        self._secure = address.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self._session = prefix + "switchboard_session"
        self._device = prefix + "switchboard_device"
        self._guessing = Guessing()
        self._refusals = Refusals()
        self._hasher = PasswordHash.recommended()
        self._checks = asyncio.Semaphore(_CHECKS)

    # in and out -----------------------------------------------------------------------------------------

    async def sign_in(self, request: Request, email: str, password: str) -> tuple[Operator, str] | None:
        """The operator and their new session's token; None when the two don't belong together, or to somebody
        who has left.

        An unknown account takes as long as a wrong password. Raises TooManyTries.
        """
        account = email.strip().lower()
        address = address_of(request)
        device = self._known_device(request, account)
        nobody = Actor(kind="nobody", address=address)
        if wait := self._guessing.wait(account=account, address=address, device=device):
            await self._refused("session.throttled", "throttled", by=nobody)
            raise TooManyTries(wait)
        operator = await self._store.operators.by_email(account)
        matches = await self._matches(password, operator if operator and operator.active else None)
        if not matches or operator is None:
            # What was typed for an address we don't know may be somebody's password: it is not kept.
            about = operator.id if operator else ""
            await self._refused("session.refused", about, about=about, by=nobody)
            return None
        self._guessing.forgive(account=account, address=address, device=device)
        await self.sign_out(request)
        act_as(Actor(kind="operator", id=operator.id, name=operator.name, address=address))
        token = secrets.token_urlsafe(32)
        if not await self._store.sessions.begin(_hash(token), operator.id):
            return None
        return operator, token

    async def change_password(self, request: Request, who: SignedIn, *, current: str, new: str) -> bool:
        """Whoever is signed in chooses another password, and stays signed in here alone. False when
        `current` is not theirs. Raises TooManyTries; refuses programs with 403."""
        token = request.cookies.get(self._session)
        if who.csrf is None or token is None:
            raise refusal(403, "no_session", "a password is for whoever signs in with it to change")
        operator = who.operator
        account, address = operator.email, address_of(request)
        device = self._known_device(request, account)
        if wait := self._guessing.wait(account=account, address=address, device=device):
            await self._refused("operator.refused", f"own {operator.id}", about=operator.id)
            raise TooManyTries(wait)
        if not await self._matches(current, operator):
            await self._refused("operator.refused", f"own {operator.id}", about=operator.id)
            return False
        self._guessing.forgive(account=account, address=address, device=device)
        async with self._checks:
            hashed = await asyncio.to_thread(self._hasher.hash, new)
        return await self._store.operators.change_password(operator, hashed, kept=_hash(token))

    async def sign_out(self, request: Request) -> None:
        """End the session the request came with."""
        if token := request.cookies.get(self._session):
            await self._store.sessions.end(_hash(token))

    def remember(self, response: Response, operator: Operator, token: str) -> None:
        """Give the browser its session, and what tells it from strangers the next time."""
        self._set(response, self._session, token, _KEPT)
        nonce = secrets.token_urlsafe(12)
        self._set(response, self._device, f"{nonce}.{self._vouch(nonce, operator.email)}", _KNOWN)

    def forget(self, response: Response) -> None:
        response.delete_cookie(self._session, path="/", secure=self._secure, httponly=True, samesite="lax")

    # who is it ------------------------------------------------------------------------------------------

    async def who(self, request: Request) -> SignedIn | None:
        """Who sends this request, if we know; what it changes is theirs."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind:
            return await self._program(request, secret.strip()) if kind.lower() == "bearer" else None
        token = request.cookies.get(self._session)
        operator = await self._store.sessions.find(_hash(token)) if token else None
        if operator is None or token is None:
            return None
        act_as(Actor(kind="operator", id=operator.id, name=operator.name, address=address_of(request)))
        return SignedIn(operator=operator, csrf=self.csrf(token))

    async def admit(self, request: Request, *, looking: bool = False) -> SignedIn:
        """Who sends this request, allowed to; refuses with 401 or 403. What is only `looking`, viewers may do
        whatever the method."""
        who = await self.who(request)
        if who is None:
            raise refusal(401, "not_signed_in", "sign in, or send Authorization: Bearer API_TOKEN")
        if request.method not in _SAFE:
            self.check_csrf(request, who)
            if not who.may_write and not looking:
                raise refusal(403, "read_only", "viewers may look, not write")
        return who

    async def administrator(self, request: Request) -> SignedIn:
        """As `admit`; refuses with 403 whoever is none."""
        who = await self.admit(request)
        if who.operator.role != "admin":
            raise refusal(403, "not_admin", "administrators alone may do this")
        return who

    def check_csrf(self, request: Request, who: SignedIn, *, given: str | None = None) -> None:
        """An unsafe request that a cookie vouches for must prove that our own page sent it."""
        if who.csrf is None:
            return
        self.check_origin(request)
        given = request.headers.get("x-csrf-token", "") if given is None else given
        if not hmac.compare_digest(given.encode(), who.csrf.encode()):
            raise refusal(403, "csrf", "send the csrf_token of /api/me as X-CSRF-Token")

    def check_origin(self, request: Request) -> None:
        """No other site's page may act with this browser's cookies."""
        origin = request.headers.get("origin")
        ours = {self._host, request.headers.get("host", "")}
        if origin is not None and urlsplit(origin).netloc not in ours:
            raise refusal(403, "foreign_origin", "another site may not do this")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise refusal(403, "foreign_origin", "another site may not do this")

    def csrf(self, token: str) -> str:
        """What unsafe requests of this session carry; it can't be had without the session."""
        return hmac.new(self._key, b"csrf" + token.encode(), hashlib.sha256).hexdigest()

    async def _program(self, request: Request, secret: str) -> SignedIn | None:
        token = await self._store.operators.find_token(_hash(secret))
        if token is None:
            return None
        act_as(Actor(kind="token", id=token.id, name=token.name, address=address_of(request)))
        if token.operator_id is not None:
            operator = await self._store.operators.get(token.operator_id)
            if operator is None or not operator.active:  # it was lent by somebody who is gone
                return None
        else:  # the token acts under its own name
            operator = Operator(
                id=token.id,
                email="",
                name=token.name,
                password_hash="",
                role="operator",
                created_at=token.created_at,
            )
        return SignedIn(operator=operator, csrf=None)

    async def _refused(self, act: Act, share: str, *, about: str = "", by: Actor | None = None) -> None:
        said = self._refusals.worth_telling(share)
        if said is not None:
            await self._store.audit.note(act, about, said, by=by)

    async def _matches(self, password: str, operator: Operator | None) -> bool:
        async with self._checks:
            known = operator.password_hash if operator else _NOBODY
            return await asyncio.to_thread(self._hasher.verify, password, known)

    def _known_device(self, request: Request, account: str) -> str | None:
        nonce, _, seal = request.cookies.get(self._device, "").partition(".")
        good = hmac.compare_digest(seal.encode(), self._vouch(nonce, account).encode())
        return nonce if nonce and good else None

    def _vouch(self, nonce: str, account: str) -> str:
        return hmac.new(self._key, f"device {nonce} {account}".encode(), hashlib.sha256).hexdigest()

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy, what the proxy says."""
    return request.client.host[:_LONGEST_ADDRESS] if request.client else ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
