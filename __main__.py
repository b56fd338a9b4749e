"""The program: a WireGuard VPN server from the stack's configuration."""

from pathlib import Path

import pulumi

from components import stack_config
from components.vpn import Vpn
from providers import end_at_once
from vpn.errors import ConfigError


def main() -> None:
    """Declare the server and say what a person needs next."""
    try:
        settings = stack_config.load(Path(__file__).parent)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
    end_at_once()
    vpn = Vpn("vpn", settings)
    for name, value in vpn.outputs.items():
        pulumi.export(name, value)


main()
