"""NetBox's REST API as far as we use it: typed, in bulk, every write explicit.

Over pynetbox: its request layer knows both kinds of token and NetBox's paging. Its records are
left aside, since they issue hidden requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from clients.http import ATTEMPTS
from clients.netbox.fields import ApiObject
from clients.netbox.transport import SYSTEM, NetBoxHttp
from clients.tls import Trust
from vpn.errors import BadAnswer, Forbidden

if TYPE_CHECKING:
    import httpx
    from pynetbox.core.query import Request

PAGE = 1000
"""Objects asked for at once: NetBox's own limit by default (MAX_PAGE_SIZE)."""
ASKED = 50
"""Values of one filter in one query: keeps its URL well under the 4 KiB that proxies allow."""
BULK = 100
"""Objects written at once: about a second of an idle NetBox's time."""
BULK_SECONDS = 60.0
"""How long an answer may take: a busy NetBox was seen to need more than the usual 20 s for a hundred objects."""
T = TypeVar("T")
Filter = str | int | Sequence[str] | Sequence[int]


@dataclass(frozen=True)
class Access:
    """Where NetBox is and how to be let in; `url` is its address without `/api`."""

    url: str
    token: str
    trust: Trust = field(default_factory=Trust)
    timeout: float = BULK_SECONDS
    attempts: int = ATTEMPTS


class NetBox:
    """A connection to NetBox. Every method raises ClientError; `with` gives connections back."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        http = NetBoxHttp(
            SYSTEM,
            access.url,
            trust=access.trust,
            secrets=(access.token,),
            timeout=access.timeout,
            attempts=access.attempts,
            transport=transport,
        )
        self.url = access.url.rstrip("/")
        self._api = _adapter().connect(http, self.url, access.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.http_session.close()

    def version(self) -> tuple[int, int]:
        """Return major and minor version; any valid token may ask."""
        text = str(self._api.version)
        try:
            major, minor = (int(part) for part in text.split(".")[:2])
        except ValueError:
            raise BadAnswer(SYSTEM, "the answer names no API version; is this NetBox's URL?") from None
        return major, minor

    def page(self, path: str, id_: int) -> str:
        """Return the address under which a person sees the object."""
        return f"{self.url}/{path}/{id_}/"

    def find(self, path: str, **filters: Filter) -> list[dict[str, Any]]:
        """Return every object that matches; a long list of values is asked for in parts.

        NetBox ignores a filter it does not know and then returns everything: callers check what
        they get.
        """
        found = [each for part in _short(filters) for each in self._page(path, part)]
        if not all(isinstance(each, dict) and isinstance(each.get("id"), int) for each in found):
            raise BadAnswer(SYSTEM, f"{path} is not a list of objects; is this NetBox's URL?")
        return found

    def _page(self, path: str, filters: Mapping[str, Filter]) -> list[Any]:
        try:
            return list(self._request(path, filters=filters, limit=PAGE).get())
        except (AttributeError, KeyError, TypeError):
            return [None]  # pynetbox takes the shape of a page for granted

    def create(self, path: str, bodies: Sequence[ApiObject]) -> list[dict[str, Any]]:
        """Make the objects, 100 at a time (each hundred wholly or not at all), in their order."""
        return [made for part in _parts(bodies) for made in self._send(path, "post", part)]

    def update(self, path: str, bodies: Sequence[ApiObject]) -> list[dict[str, Any]]:
        """Change the given fields of the objects named by `id`, 100 at a time."""
        return [new for part in _parts(bodies) for new in self._send(path, "patch", part)]

    def delete(self, path: str, ids: Iterable[int], message: str = "") -> None:
        """Remove the objects, 100 at a time; Conflict names what depends on them."""
        for part in _parts(list(ids)):
            self._request(path).delete([{"id": id_, "changelog_message": message} for id_ in part])

    def denied(self, path: str, actions: frozenset[str]) -> frozenset[str]:
        """Return which of view, add, change and delete the token may not do with these objects."""
        asks = {
            "view": lambda: self._request(path, limit=1, filters={"brief": 1}).get_count(),
            # OPTIONS is silent about DELETE; removing no objects asks for the permission alone.
            "delete": lambda: self._request(path).delete([]),
        }
        refused = {action for action, ask in asks.items() if action in actions and not _allowed(ask)}
        return actions & (refused | self._not_offered(path, actions))

    def _not_offered(self, path: str, actions: frozenset[str]) -> frozenset[str]:
        """Return which of add and change OPTIONS does not offer; NetBox calls change PUT there."""
        if not actions & {"add", "change"}:
            return frozenset()
        offered = self._request(path).options().get("actions", {})
        methods = {"add": "POST", "change": "PUT"}
        return frozenset(action for action, method in methods.items() if method not in offered)

    def _send(self, path: str, verb: str, bodies: Sequence[ApiObject]) -> list[dict[str, Any]]:
        answer = getattr(self._request(path), verb)(list(bodies))
        if not isinstance(answer, list) or len(answer) != len(bodies):
            raise BadAnswer(SYSTEM, f"{path}: {len(bodies)} objects sent, the answer is not as many")
        return answer

    def _request(self, path: str, **options: Any) -> Request:
        made: Request = _adapter().request(self._api, path, **options)
        return made


def _adapter() -> Any:
    from clients.netbox import adapter  # noqa: PLC0415 - pynetbox and requests, only when NetBox is asked

    return adapter


def _short(filters: Mapping[str, Filter]) -> Iterator[dict[str, Filter]]:
    """Yield the filters with at most ASKED values of the one that has a long list."""
    long = [name for name, values in filters.items() if isinstance(values, list) and len(values) > ASKED]
    if not long:
        yield dict(filters)
    for name in long[:1]:
        for part in _parts(cast("list[str]", filters[name]), ASKED):
            yield {**filters, name: part}


def _parts(items: Sequence[T], size: int = BULK) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _allowed(call: Callable[[], object]) -> bool:
    try:
        call()
    except Forbidden:
        return False
    return True
