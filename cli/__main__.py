"""Run a command: `python -m cli VERB`, or `wgvpn VERB`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cli.app import app
from cli.exits import REFUSED, code
from cli.output import note
from vpn.errors import VpnError


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error on purpose is told in plain words, without a trace."""
    try:
        return int(app(arguments, prog_name="wgvpn", standalone_mode=True) or 0)
    except VpnError as error:
        note(f"wgvpn: {error}")
        return code(error)
    except OSError as error:
        note(f"wgvpn: {error}")
        return REFUSED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)


if __name__ == "__main__":
    sys.exit(run())
