"""What the Proxmox VE client says of a failure."""

from collections.abc import Callable

import httpx
import pytest

from clients.proxmox import Proxmox
from vpn.errors import ServerFault

TOKEN = "a@pve!b=1b9f3a52-0c1d-4c56-9a55-3a1f0e8f6a7b"


def failing(outcome: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return a node whose every task ends with `outcome`."""
    answers: dict[str, object] = {
        "start": "UPID:x",
        "status": {"status": "stopped", "exitstatus": outcome, "type": "vzstart"},
        "log": [],
    }
    return lambda request: httpx.Response(200, json={"data": answers[request.url.path.rpartition("/")[2]]})


@pytest.mark.parametrize("before", [0, 360, 390])
def test_a_long_text_is_cut_after_its_secrets_are_struck_out(before: int) -> None:
    """Cut first, the beginning of a token would stay: it is no longer the token that is looked for."""
    text = f"{'x' * before}{TOKEN.partition('=')[2]} refused"
    api = Proxmox("https://pve", TOKEN, transport=httpx.MockTransport(failing(text)), sleep=lambda _: None)
    with pytest.raises(ServerFault) as failed:
        api.start("pve", 2090)
    assert "1b9f" not in str(failed.value)
