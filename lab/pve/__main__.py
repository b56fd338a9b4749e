"""Run the stand-in of one site in the foreground: `python -m lab.pve`."""

import argparse
from pathlib import Path

from lab.pve.service import serve, site_config
from lab.pve.simulation import SimulatedContainers
from lab.site import Site


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lab.pve", description=__doc__)
    parser.add_argument("--checkout", type=Path, help="checkout whose .lab holds the state (default: this one)")
    parser.add_argument("--port", type=int, help="loopback port (default: the site's)")
    parser.add_argument("--simulate", action="store_true", help="containers exist as files only (no root needed)")
    options = parser.parse_args()
    site = Site.of(options.checkout)
    site.prepare()
    driver = SimulatedContainers(site.state / "pve" / "simulated") if options.simulate else None
    config = site_config(site, options.port or site.port("pve"), driver)
    serve(config, site)


if __name__ == "__main__":
    main()
