"""Who asks: API tokens, tickets with their CSRF token, and passwords (kept as salted hashes)."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

from lab.api.errors import ApiError
from lab.api.secrets import matches_hash

TICKET_LIFETIME = 7200


@dataclass(frozen=True)
class Identity:
    """The caller: a user (`root@pam`) or an API token (`user@realm!name`), which is never the user itself."""

    authid: str

    @property
    def user(self) -> str:
        """The user, also of a token."""
        return self.authid.partition("!")[0]

    @property
    def is_token(self) -> bool:
        """Whether an API token was presented."""
        return "!" in self.authid

    @property
    def is_root(self) -> bool:
        """Whether it is root@pam in person, with a ticket."""
        return self.authid == "root@pam"


def unauthorized(message: str) -> ApiError:
    """401; the transport delays it and leaves the body empty."""
    return ApiError(401, message)


class Authenticator:
    """Checks credentials against the state (`users`, `tokens`, and the key tickets are signed with)."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self._known: dict[tuple[str, str], str] = {}

    def identify(self, method: str, headers: Mapping[str, str]) -> Identity:
        """Return the caller of a request; raises 401 with the real server's words."""
        header = headers.get("authorization") or ""
        if header.startswith("PVEAPIToken"):
            return self._token(header)
        cookie = SimpleCookie(headers.get("cookie") or "").get("PVEAuthCookie")
        if cookie is None:
            raise unauthorized("No ticket")
        return self._ticket(method, unquote(cookie.value), headers.get("csrfpreventiontoken") or "")

    def _token(self, header: str) -> Identity:
        authid, _, secret = header.removeprefix("PVEAPIToken").lstrip("= ").partition("=")
        token = self.data["tokens"].get(authid)
        if token is None or not self._secret_fits(authid, secret, token["hash"]):
            raise unauthorized("Authentication failed!")
        self._enabled(authid.partition("!")[0])
        if token.get("expire") and token["expire"] < time.time():
            raise unauthorized("token expired")
        return Identity(authid)

    def _secret_fits(self, authid: str, secret: str, hashed: str) -> bool:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if self._known.get((authid, hashed)) == digest:
            return True
        if not matches_hash(secret, hashed):
            return False
        self._known[authid, hashed] = digest
        return True

    def _enabled(self, userid: str) -> None:
        user = self.data["users"].get(userid)
        if user is None or not user.get("enable", 1):
            raise unauthorized("Authentication failed!")

    def _sign(self, text: str) -> str:
        return hmac.new(self.data["ticket_key"].encode(), text.encode(), hashlib.sha256).hexdigest()

    def _ticket(self, method: str, ticket: str, csrf: str) -> Identity:
        plain, _, signature = ticket.partition("::")
        parts = plain.split(":")
        if len(parts) != 3 or not hmac.compare_digest(signature, self._sign(plain)):
            raise unauthorized("permission denied - invalid PVE ticket")
        if int(parts[2], 16) + TICKET_LIFETIME < time.time():
            raise unauthorized("permission denied - invalid PVE ticket")
        self._enabled(parts[1])
        if method != "GET" and not hmac.compare_digest(csrf, self.csrf(parts[1], parts[2])):
            raise unauthorized("Permission denied - invalid csrf token")
        return Identity(parts[1])

    def csrf(self, user: str, stamp: str) -> str:
        """Return the token a ticket's holder sends with every change."""
        return f"{stamp}:{self._sign(f'csrf:{stamp}:{user}')}"

    def login(self, user: str, password: str) -> dict[str, str]:
        """Ticket and CSRF token for a user's password (or a valid ticket in its place)."""
        held = self.data["users"].get(user)
        if password.startswith("PVE:"):
            self._ticket("GET", password, "")
        elif not held or not held.get("hash") or not matches_hash(password, held["hash"]):
            raise unauthorized("authentication failure")
        self._enabled(user)
        stamp = f"{int(time.time()):08X}"
        plain = f"PVE:{user}:{stamp}"
        return {
            "username": user,
            "ticket": f"{plain}::{self._sign(plain)}",
            "CSRFPreventionToken": self.csrf(user, stamp),
        }
