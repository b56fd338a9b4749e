"""Zabbix's JSON-RPC: pyzabbix for the protocol, our HTTP transport under it, our errors above it."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import httpx
from packaging.version import InvalidVersion, Version
from pyzabbix.api import ZabbixAPI, ZabbixAPIException
from requests import Session

from clients.http import TIMEOUT_SECONDS, Http
from clients.tls import Trust
from clients.zabbix.records import SYSTEM
from vpn.errors import (
    BadAnswer,
    ClientError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    ServerFault,
    Unauthorized,
)

OLDEST: Final = Version("6.0")
SERVER_FAULTS: Final = frozenset({-32603, -32400, -32300})
"""Internal error, system error (a failed database query), transport error."""
NOT_LOGGED_IN: Final = re.compile(r"not authori[sz]ed|re-login|token (has )?expired|session terminated", re.IGNORECASE)
WORDS: Final[tuple[tuple[str, type[ClientError]], ...]] = (
    ("no permissions to call", Forbidden),
    ("no permissions to referred object", NotFound),
    ("already exists", Conflict),
)
"""What Zabbix says, and what it means: its error codes do not tell these cases apart."""

# pyzabbix logs whole requests at DEBUG: the token (6.0) and the agent's preshared key among them.
logging.getLogger("pyzabbix").setLevel(logging.INFO)


class Rpc:
    """One connection to one Zabbix. Raises a ClientError for whatever goes wrong.

    Reading, importing and updating say what shall be, so they are repeated after a broken
    connection; what creates or deletes is not: the caller looks again.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        trust: Trust | None = None,
        secrets: Iterable[str] = (),
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.http = Http(
            SYSTEM,
            url.removesuffix("/api_jsonrpc.php"),
            trust=trust,
            secrets=(token, *secrets),
            timeout=timeout,
            transport=transport,
        )
        self._api = ZabbixAPI(self.http.url, session=cast("Session", _OverHttp(self.http)))
        self._token = token

    def login(self) -> Version:
        """Learn the version, which decides how the token travels; return it.

        Raises Rejected for a Zabbix older than 6.0.
        """
        self._said(lambda: self._api.login(api_token=self._token))
        version = self._api.version
        if version is None or version < OLDEST:
            raise Rejected(SYSTEM, f"version {version} is too old; 6.0 or newer is needed")
        return version

    def call(self, method: str, params: Mapping[str, Any] | list[Any]) -> Any:
        """Return the result of `method`."""
        return self._said(lambda: self._api.do_request(method, params)["result"])

    def _said(self, ask: Any) -> Any:
        try:
            return ask()
        except ZabbixAPIException as exception:
            raise _meaning(exception.error or {}, self.http) from None
        except (KeyError, TypeError, InvalidVersion):
            raise BadAnswer(SYSTEM, "the answer is no JSON-RPC; is this the right URL?") from None


class _OverHttp:
    """What pyzabbix wants of a requests.Session, done by our transport."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.headers: dict[str, str] = {}

    def post(self, url: str, *, json: Any, headers: dict[str, str], timeout: Any) -> httpx.Response:
        """Send one JSON-RPC request; `timeout` is pyzabbix's own, ours is the transport's."""
        del timeout
        answer = self._http.request(
            "POST",
            url,
            json=json,
            headers={**self.headers, **headers},
            idempotent=_repeatable(str(json["method"])),
        )
        answer.json()
        return answer.response


def _repeatable(method: str) -> bool:
    name = method.rpartition(".")[2]
    return name in ("get", "version", "export", "import", "update")


def _meaning(error: Mapping[str, Any], http: Http) -> ClientError:
    """Return our error for Zabbix's; an answer without one was empty or cut short."""
    if not error:
        return BadAnswer(SYSTEM, "the answer is empty or incomplete")
    said = " ".join(str(error.get("data") or error.get("message")).split())
    text = http.redact(said)
    if NOT_LOGGED_IN.search(said):
        return Unauthorized(SYSTEM, "the API token is not accepted: wrong, expired or disabled", 401)
    for words, kind in WORDS:
        if words in said.lower():
            return kind(SYSTEM, text)
    kind = ServerFault if error.get("code") in SERVER_FAULTS else Rejected
    return kind(SYSTEM, text)
