"""Whose mark a line is, and that a renamed stack knows its own."""

import pytest

from vpn import marks

pytestmark = pytest.mark.pure

MARK = "pulumi: wireguard-vpn/prod/0123456789abcdef"


def test_a_mark_names_its_stack() -> None:
    assert marks.stack_of(f" {MARK}\n") == "wireguard-vpn/prod"
    assert marks.stack_of("hands off") is None


@pytest.mark.parametrize(
    ("text", "former"),
    [
        ("WireGuard VPN server\npulumi: wireguard-vpn/old/0123456789abcdef\n", "old"),
        (f"pulumi: wireguard-vpn/old/0123456789abcdef\n{MARK}", "old"),
        (MARK, None),
        ("pulumi: wireguard-vpn/old/fedcba9876543210", None),
        ("it was pulumi: wireguard-vpn/old/0123456789abcdef", None),
        ("", None),
    ],
)
def test_our_own_id_under_another_name_is_our_former_name(text: str, former: str | None) -> None:
    assert marks.former_name(text, MARK) == former
    assert marks.former_name(text, "") is None
