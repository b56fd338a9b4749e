"""The way from pynetbox to NetBox: requests' adapter point over the transport all clients share.

pynetbox speaks through a `requests` session. Mounting this adapter there gives it the TLS trust,
time limits, careful retries and errors of `clients.http`, in NetBox's own words.
"""

import json
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from clients.http import Answer, Http
from vpn.errors import BadAnswer, ClientError, Conflict, Unauthorized

SYSTEM = "NetBox"
REPEATABLE = frozenset({"OPTIONS", "PATCH"})
"""Methods that may be sent twice beside GET: a PATCH writes the same values again."""
TOKEN_REFUSALS = (
    "Invalid token",
    "Invalid v1 token",
    "Invalid v2 token",
    "Invalid authorization header",
    "Authentication credentials were not provided",
    "Token expired",
    "Token disabled",
    "User inactive",
    "Source IP",
)
"""How NetBox begins to say that the token itself is refused: with 403, as for a missing permission
(netbox.api.authentication)."""
DUPLICATES = ("already exists", "duplicate", "must be unique", "only one tunnel at a time")
SHOWN_ERRORS = 5


class NetBoxHttp(Http):
    """The shared transport with NetBox's ways to refuse."""

    def refusal(self, answer: Answer) -> ClientError:
        """Return the error for a refused request, telling a bad token from a missing permission."""
        error = super().refusal(answer)
        words = _words(answer)
        if answer.status in (401, 403) and words.startswith(TOKEN_REFUSALS):
            hint = f"the token is refused ({words}); set netbox_token or NETBOX_TOKEN to a valid one"
            return Unauthorized(SYSTEM, self.redact(hint), answer.status)
        kind = Conflict if answer.status == 400 and _says_duplicate(words) else type(error)
        what = f"{answer.response.request.method} {answer.response.url.path}"
        said = self.redact(words) or f"HTTP {answer.status} {answer.reason}".strip()
        return kind(SYSTEM, f"{what} was refused: {said}", answer.status)


class SharedTransport(BaseAdapter):
    """Sends what `requests` prepared through `http`."""

    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        """Return NetBox's answer; raises ClientError, so pynetbox only ever sees success."""
        method = str(request.method)
        answer = self._http.request(
            method,
            str(request.url),
            headers=_own_headers(request),
            json=json.loads(request.body) if request.body else None,
            idempotent=method in REPEATABLE,
        )
        if not answer.text and method != "DELETE":
            raise BadAnswer(SYSTEM, f"{method} {request.path_url}: the answer is empty")
        return _response(request, answer)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


def session(http: Http) -> requests.Session:
    """Return the session pynetbox shall use; no proxy, netrc or CA of the environment applies."""
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", SharedTransport(http))
    made.mount("http://", SharedTransport(http))
    return made


def _own_headers(request: requests.PreparedRequest) -> dict[str, str]:
    """Keep what pynetbox set; length and encoding belong to the transport."""
    wanted = ("authorization", "accept")
    return {name: value for name, value in request.headers.items() if name.lower() in wanted}


def _response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    answer.json()  # a page of HTML with status 200 is no NetBox: BadAnswer
    response = requests.Response()
    response.status_code = answer.status
    response.reason = answer.reason
    response.headers = CaseInsensitiveDict(answer.response.headers)
    response.url = str(request.url)
    response.request = request
    response.encoding = "utf-8"
    response._content = answer.text.encode()  # noqa: SLF001 - where requests' own adapter's body goes
    return response


def _says_duplicate(words: str) -> bool:
    return any(sign in words.lower() for sign in DUPLICATES)


def _words(answer: Answer) -> str:
    """Return what NetBox says in one line: its detail, or each field with its complaint."""
    try:
        body = answer.response.json()
    except ValueError:
        return ""
    return " ".join("; ".join(_complaints(body)).split())


def _complaints(body: object) -> list[str]:
    """Flatten NetBox's error bodies: {detail}, {field: [words]}, {detail, errors: [{errors}]}."""
    if isinstance(body, list):
        return [line for item in body for line in _complaints(item)][:SHOWN_ERRORS]
    if not isinstance(body, dict):
        return [str(body)]
    if "errors" in body:
        return _complaints(body["errors"])
    return [
        _named(str(field), line)
        for field, said in body.items()
        for line in _complaints(said)
        if field not in ("index", "id", "exception", "netbox_version", "python_version")
    ]


def _named(field: str, line: str) -> str:
    return line if field in ("detail", "error", "__all__", "non_field_errors") else f"{field}: {line}"
