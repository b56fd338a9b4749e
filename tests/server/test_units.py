"""What the units say, where no stand-in would notice: systemd alone acts on it."""

from tests.server.machine import SCRIPTS


def test_a_start_of_the_tunnel_that_fails_is_tried_for_ever() -> None:
    """After a power cut the lease, and the route that needs it, may take longer than any number of attempts."""
    unit = (SCRIPTS / "units/wg-quick.conf").read_text().splitlines()
    assert {"StartLimitIntervalSec=0", "Restart=on-failure", "RestartSec=5"} <= {*unit}


def test_a_name_holds_no_start_for_ever() -> None:
    """Debian's unit has `wg` ask for ever, while no other peer connects."""
    unit = (SCRIPTS / "units/wg-quick.conf").read_text().splitlines()
    assert {"Environment=WG_ENDPOINT_RESOLUTION_RETRIES=1", "TimeoutStartSec=90"} <= {*unit}
