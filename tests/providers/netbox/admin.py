"""NetBox's API as an administrator has it: what people do by hand, and a dump of everything."""

import json
import ssl
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

CHANGING = ("core/object-changes", "core/jobs", "core/background", "users/tokens", "users/users", "status")
"""What NetBox itself keeps writing: its change log, its jobs, when tokens and users were last seen."""
NO_LISTS = ("dcim/connected-device", "extras/scripts/upload", "users/config")
"""Addresses of the API that list nothing."""


class Admin:
    """NetBox at `url` with an administrator's token; `trust` is for one that speaks TLS."""

    def __init__(self, url: str, token: str, trust: ssl.SSLContext | None = None) -> None:
        self.url = url
        self.admin_token = token
        self.trust = trust

    def get(self, path: str, token: str | None = None) -> Any:
        """Return what GET `path` answers; with `token` as someone else than the administrator."""
        return self._call("GET", path, None, token)

    def post(self, path: str, body: Any) -> Any:
        """Make something as the administrator."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """Change something as the administrator: "by hand"."""
        return self._call("PATCH", path, body)

    def delete(self, path: str, body: Any = None) -> None:
        """Remove something as the administrator: the object at `path`, or those of a list that `body` names."""
        self._call("DELETE", path, body)

    def all(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """Return every object of a list."""
        query = urllib.parse.urlencode({"limit": 1000, **filters})
        return list(self.get(f"{path}/?{query}")["results"])

    def only(self, path: str, **filters: str) -> dict[str, Any]:
        """Return the one object of a list."""
        (found,) = self.all(path, **filters)
        return found

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every object of every list of the API, but what changes by itself."""
        paths = [path for app in self._apps() for path in app if not path.startswith((*CHANGING, *NO_LISTS))]
        return {path: [_ordered(item) for item in self.all(path)] for path in paths}

    def _apps(self) -> Iterator[list[str]]:
        for app in self.get(""):
            if app not in {"status", "plugins"}:
                yield [urlsplit(each).path.removeprefix("/api/").strip("/") for each in self.get(f"{app}/").values()]

    def _call(self, method: str, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin_token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60, context=self.trust) as response:  # noqa: S310
            return json.loads(response.read() or b"null")


def _ordered(item: dict[str, Any]) -> dict[str, Any]:
    """Put lists of words in order: NetBox answers them as its database happens to find them."""
    words = {name: sorted(value) for name, value in item.items() if isinstance(value, list) and _all_words(value)}
    return item | words


def _all_words(values: list[Any]) -> bool:
    """Whether there is nothing but text in the list."""
    return all(isinstance(value, str) for value in values)
