"""Run the backup server's stand-in of one site in the foreground: `python -m lab.pbs`."""

import argparse
from pathlib import Path

from lab.pbs.service import serve, site_config
from lab.site import Site


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lab.pbs", description=__doc__)
    parser.add_argument("--checkout", type=Path, help="checkout whose .lab holds the state (default: this one)")
    parser.add_argument("--port", type=int, help="loopback port (default: the site's)")
    options = parser.parse_args()
    site = Site.of(options.checkout)
    site.prepare()
    serve(site_config(site, options.port or site.port("pbs")), site)


if __name__ == "__main__":
    main()
