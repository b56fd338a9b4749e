"""What NetBox is asked for, and its ways to refuse, each as the one error that says what to do; no network."""

from collections.abc import Callable

import httpx
import pytest

from clients.netbox import Access, Mark, NetBox, Registry
from vpn import errors

TOKEN = "nbt_abcdefghijkl.0123456789012345678901234567890123456789"


def netbox(answer: Callable[[httpx.Request], httpx.Response]) -> NetBox:
    return NetBox(Access("https://netbox.example", TOKEN, attempts=1), httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, {"detail": "Invalid v2 token"}, errors.Unauthorized, "the token is refused (Invalid v2 token)"),
        (403, {"detail": "Token expired"}, errors.Unauthorized, "set netbox_token or NETBOX_TOKEN"),
        (
            403,
            {"detail": "You do not have permission to perform this action."},
            errors.Forbidden,
            "GET /api/dcim/sites/ was refused: You do not have permission",
        ),
        (400, {"name": ["This field is required."]}, errors.Rejected, "name: This field is required."),
        (400, {"__all__": ["Tunnel with this name already exists."]}, errors.Conflict, "already exists"),
        (
            400,
            {"detail": "1 of 2 objects could not be created.", "errors": [{"index": 1, "errors": {"mtu": ["Big"]}}]},
            errors.Rejected,
            "mtu: Big",
        ),
        (409, {"detail": "Unable to delete object. 1 dependent objects were found: x (1)"}, errors.Conflict, "x (1)"),
        (404, {"detail": "Not found."}, errors.NotFound, "Not found."),
        (429, {"detail": "Request was throttled."}, errors.Throttled, "throttled"),
        (500, {"error": "boom", "exception": "E", "netbox_version": "4.7"}, errors.ServerFault, "refused: boom"),
        (502, "<html>Bad gateway</html>", errors.ServerFault, "HTTP 502"),
        (200, "<html>Sign in</html>", errors.BadAnswer, "not JSON"),
        (200, {"results": "nothing", "count": 0}, errors.BadAnswer, "is not a list of objects"),
        (200, "", errors.BadAnswer, "the answer is empty"),
    ],
)
def test_each_refusal_is_one_error(status: int, body: object, kind: type[errors.ClientError], words: str) -> None:
    content = {"text": body} if isinstance(body, str) else {"json": body}
    with netbox(lambda _: httpx.Response(status, **content)) as client, pytest.raises(kind) as caught:
        client.find("dcim/sites")
    assert words in str(caught.value)
    assert str(caught.value).startswith("NetBox: ")
    assert "\n" not in str(caught.value)


def test_a_token_echoed_by_the_server_is_struck_out() -> None:
    client = netbox(lambda r: httpx.Response(400, json={"detail": r.headers["authorization"]}))
    with client, pytest.raises(errors.Rejected) as caught:
        client.find("dcim/sites")
    assert TOKEN not in str(caught.value)
    assert "[secret]" in str(caught.value)


@pytest.mark.parametrize(("token", "scheme"), [(TOKEN, "Bearer"), ("0123456789" * 4, "Token")])
def test_both_kinds_of_token_are_sent_as_netbox_wants_them(token: str, scheme: str) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={"count": 0, "next": None, "results": []})

    with NetBox(Access("https://netbox.example", token), httpx.MockTransport(answer)) as client:
        client.find("dcim/sites")
    assert seen == [f"{scheme} {token}"]


@pytest.mark.parametrize("base", ["https://netbox.example", "https://example.org/netbox"])
@pytest.mark.parametrize(
    "wrote", ["http://netbox.example", "http://127.0.0.1:8001/netbox", "https://elsewhere.example"]
)
def test_further_pages_are_asked_for_at_the_configured_address(base: str, wrote: str) -> None:
    """pynetbox makes the second page's address itself, and follows NetBox's link from the third on."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        page = len(asked)
        following = f"{wrote}/api/dcim/sites/?limit=1&offset={page}&name=a%26b" if page < 4 else None
        return httpx.Response(200, json={"count": 4, "next": following, "results": [{"id": page}]})

    with NetBox(Access(base, TOKEN), httpx.MockTransport(answer)) as client:
        assert [each["id"] for each in client.find("dcim/sites")] == [1, 2, 3, 4]
    assert all(url.startswith(f"{base}/api/dcim/sites/?") for url in asked)
    assert asked[2:] == [f"{base}/api/dcim/sites/?limit=1&offset={page}&name=a%26b" for page in (2, 3)]


def test_only_what_is_read_is_asked_for_of_addresses_and_of_the_virtual_machine() -> None:
    """There is an address for each peer, and NetBox takes long to tell all it knows of a thousand."""
    asked: dict[str, str | None] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.path] = request.url.params.get("fields")
        return httpx.Response(200, json={"count": 0, "next": None, "results": []})

    with netbox(answer) as client:
        assert Registry(client, Mark("pulumi: wireguard-vpn/prod/0a1b2c")).observed({"virtual_machine": {}}) is None
    machine = "name,site,cluster,role,status,start_on_boot,vcpus,memory,disk,description,primary_ip4,primary_ip6"
    address = "address,assigned_object_type,assigned_object_id,status,dns_name,description"
    assert {path: each for path, each in asked.items() if each} == {
        "/api/virtualization/virtual-machines/": f"id,tags,{machine},virtual_disk_count",
        "/api/ipam/ip-addresses/": f"id,tags,{address}",
    }


def test_a_link_out_of_the_api_is_not_followed() -> None:
    links = iter(["https://elsewhere.example/login", "https://elsewhere.example/login", None])

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"count": 3, "next": next(links), "results": [{"id": 1}]})

    with (
        netbox(answer) as client,
        pytest.raises(errors.BadAnswer, match="no page of its API"),
    ):
        client.find("dcim/sites")


def test_writes_go_out_by_the_hundred_and_are_counted() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies = httpx.Response(200, content=request.content).json()
        sizes.append(len(bodies))
        return httpx.Response(201, json=[{"id": n} for n in range(len(bodies))])

    with netbox(answer) as client:
        client.create("ipam/ip-addresses", [{"address": f"10.8.0.{n}/32"} for n in range(250)])
    assert sizes == [100, 100, 50]
    with netbox(lambda _: httpx.Response(201, json=[])) as client, pytest.raises(errors.BadAnswer, match="not as many"):
        client.create("ipam/ip-addresses", [{"address": "10.8.0.1/32"}])
