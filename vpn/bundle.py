"""The one thing that is sent to the server: all files, their checksums and what to do, as base64 of a tar.gz.

The same network, epoch and instance give the same bytes: a changed bundle is a changed server.
"""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from typing import Final

from vpn import rendering
from vpn.expectation import Expectation, expectation
from vpn.files import Files, collect, settings, sha256
from vpn.fingerprints import Fingerprints, fingerprints
from vpn.network import Network

__all__ = ["Expectation", "Fingerprints", "bootstrap", "expectation", "fingerprints", "pack", "pack_tool"]

TOOL_PARTS: Final = ("lib.sh", "canonical.awk")


def pack(network: Network, *, epoch: int, instance: str) -> str:
    """Return the bundle as base64 text for the standard input of `bootstrap()`. It holds secrets.

    `epoch` is raised for each version, and to run an unchanged one again (drift was found); `instance` names the
    container it is for.
    """
    found = collect(network)
    members = {**found.members, **_index(found, settings(network, epoch=epoch, instance=instance))}
    members["manifest"] = "".join(f"{sha256(members[name])}  {name}\n" for name in sorted(members)).encode()
    return _encoded(members)


def pack_tool(script: str, expected: Expectation) -> str:
    """Return the bundle for `bootstrap(script)` of a script that changes nothing else: `observe` or `retire`."""
    values = {
        "interface": expected.interface,
        "config": next(path for path, each in expected.files.items() if each.digest is None),
        "packages": " ".join(expected.packages),
        "units": " ".join(expected.units),
        "sysctls": " ".join(f"{name}={value}" for name, value in expected.sysctls.items()),
    }
    members = {name: rendering.static(f"server/{name}") for name in (script, *TOOL_PARTS)}
    members["settings"] = "".join(f"{key}={value}\n" for key, value in values.items()).encode()
    members["placement"] = "".join(f"{each.mode} {path} -\n" for path, each in expected.files.items()).encode()
    return _encoded(members)


def bootstrap(script: str = "apply") -> str:
    """Return the one line of shell that unpacks a bundle from standard input and runs it. It holds no secret."""
    line = rendering.static("server/bootstrap").decode().strip()
    return line.replace('"$d/apply"', f'"$d/{script}"')


def _encoded(members: dict[str, bytes]) -> str:
    return base64.b64encode(gzip.compress(_tar(members), compresslevel=6, mtime=0)).decode("ascii")


def _index(found: Files, values: dict[str, str]) -> dict[str, bytes]:
    placements = "".join(f"{each.mode} {each.target} {each.member}\n" for each in found.placements)
    return {
        "placement": placements.encode(),
        "settings": "".join(f"{key}={value}\n" for key, value in values.items()).encode(),
    }


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(members[name]), 0o600
            archive.addfile(member, io.BytesIO(members[name]))
    return buffer.getvalue()
