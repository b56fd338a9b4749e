"""The way from pynetbox to NetBox: requests' adapter point over the transport all clients share.

pynetbox speaks through a `requests` session. Mounting this adapter there gives it the TLS trust,
time limits, careful retries and errors of `clients.http`, in NetBox's own words. A module of its own,
imported only when NetBox is asked: both libraries take long.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import pynetbox
import requests
from pynetbox.core.query import Request
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from clients.http import Answer, Http
from clients.netbox.transport import SYSTEM
from vpn.errors import BadAnswer

REPEATABLE = frozenset({"OPTIONS", "PATCH"})
"""Methods that may be sent twice beside GET: a PATCH writes the same values again."""


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
            _at(self._http.url, str(request.url)),
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


def connect(http: Http, url: str, token: str) -> Any:
    """Return pynetbox's API object over `http`."""
    api = pynetbox.api(url, token=token)
    api.http_session = session(http)
    return api


def request(api: Any, path: str, **options: Any) -> Request:
    """Return one request below the API's address."""
    return Request(f"{api.base_url}/{path}", api.http_session, token=api.token, **options)


def _at(own: str, url: str) -> str:
    """Return the address with what is before `/api/` as configured: the token goes nowhere else.

    pynetbox follows the links to further pages as NetBox wrote them: behind a proxy to another host, or by http.
    """
    parts = urlsplit(url)
    _, api, path = parts.path.rpartition("/api/")
    if not api:
        raise BadAnswer(SYSTEM, "it links to what is no page of its API; is this NetBox's URL?")
    return f"{own}{api}{path}" + (f"?{parts.query}" if parts.query else "")


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
