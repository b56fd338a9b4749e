"""What the units say, where no stand-in would notice: systemd alone acts on it."""

import pytest

from tests.server.machine import SCRIPTS

LOOK = "/usr/sbin/nft -t list chain inet wireguard_vpn forward"


def commands(unit: str, key: str) -> list[str]:
    """Return what a unit runs at a moment, in order."""
    lines = (line.partition("=") for line in (SCRIPTS / "units" / unit).read_text().splitlines())
    return [value for name, _, value in lines if name == key]


def test_a_start_of_the_tunnel_that_fails_is_tried_for_ever() -> None:
    """After a power cut the lease, and the route that needs it, may take longer than any number of attempts."""
    unit = (SCRIPTS / "units/wg-quick.conf").read_text().splitlines()
    assert {"StartLimitIntervalSec=0", "Restart=on-failure", "RestartSec=5"} <= {*unit}


def test_a_name_holds_no_start_for_ever() -> None:
    """Debian's unit has `wg` ask for ever, while no other peer connects."""
    unit = (SCRIPTS / "units/wg-quick.conf").read_text().splitlines()
    assert {"Environment=WG_ENDPOINT_RESOLUTION_RETRIES=1", "TimeoutStartSec=90"} <= {*unit}


@pytest.mark.parametrize("moment", ["ExecStart", "ExecReload"])
def test_rules_that_nft_took_from_an_empty_file_are_a_failure(moment: str) -> None:
    """It ends with 0: the tunnel would start without a filter, and the watch could not tell."""
    assert commands("firewall.service", moment) == ["/usr/sbin/nft -f /etc/wireguard-vpn/nftables.conf", LOOK]


def test_the_tunnel_does_not_start_while_its_rules_are_flushed() -> None:
    """The firewall's unit stays active over that."""
    assert commands("wg-quick.conf", "ExecStartPre")[0] == f"/bin/sh -c 'exec {LOOK} >/dev/null'"


def test_an_interface_that_could_not_be_saved_goes_before_its_rules() -> None:
    """`wg-quick down` with SaveConfig leaves it up on a full disk. When it is gone already there is nothing to say."""
    expected = "-/bin/sh -c '[ ! -e /sys/class/net/%i ] || exec /usr/sbin/ip link delete dev %i'"
    assert commands("wg-quick.conf", "ExecStopPost") == [expected]
