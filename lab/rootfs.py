"""What the node writes into a container's root file system, as pct does.

Files go in as a tar stream unpacked by the container's own root, so that owners are right
and no link inside the container can lead a write outside of it.
"""

import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.commands import run
from lab.container_spec import ContainerSpec, Nic


@dataclass(frozen=True)
class File:
    """Content and permissions of a file of the container's root."""

    content: str
    mode: int = 0o644


def network_files(spec: ContainerSpec) -> dict[str, File]:
    """Return the files Proxmox VE writes before every start of a Debian container."""
    files = {
        "etc/network/interfaces": File(_interfaces(spec)),
        "etc/hostname": File(spec.hostname + "\n"),
        "etc/hosts": File(_hosts(spec)),
    }
    if spec.nameservers or spec.searchdomain:
        files["etc/resolv.conf"] = File(_resolver(spec))
    return files


def first_files(spec: ContainerSpec) -> dict[str, File]:
    """Return the files of a new container: authorized keys and SSH host keys of its own."""
    # Empty, not "uninitialized": a first boot would apply presets and wait for systemd-networkd.
    files = {"etc/machine-id": File("", 0o444), **_host_keys(spec.hostname)}
    if spec.ssh_public_keys:
        keys = "".join(key.strip() + "\n" for key in spec.ssh_public_keys)
        files["root/.ssh/authorized_keys"] = File(keys, 0o600)
    return files


def as_tar(files: Mapping[str, File]) -> bytes:
    """Return a tar stream of the files, owned by root."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        if any(name.startswith("root/.ssh/") for name in files):
            directory = tarfile.TarInfo("root/.ssh")
            directory.type, directory.mode = tarfile.DIRTYPE, 0o700
            archive.addfile(directory)
        for name, file in files.items():
            member = tarfile.TarInfo(name)
            content = file.content.encode()
            member.size, member.mode = len(content), file.mode
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _interfaces(spec: ContainerSpec) -> str:
    blocks = ["auto lo\niface lo inet loopback\n"]
    for nic in spec.nics:
        blocks.append(f"auto {nic.name}\n" + _family("inet", nic.name, nic.ip, nic.gateway))
        if nic.ip6:
            blocks.append(_family("inet6", nic.name, nic.ip6, nic.gateway6))
    return "\n".join(blocks)


def _family(family: str, name: str, address: str | None, gateway: str | None) -> str:
    if address is None:
        return f"iface {name} {family} manual\n"
    if address in {"dhcp", "auto"}:
        return f"iface {name} {family} {address}\n"
    lines = [f"iface {name} {family} static", f"\taddress {address}"]
    # Duplicate address detection would only delay the start: addresses are the site's.
    lines += ["\tdad-attempts 0"] if family == "inet6" else []
    lines += [f"\tgateway {gateway}"] if gateway else []
    return "\n".join(lines) + "\n"


def _hosts(spec: ContainerSpec) -> str:
    name = f"{spec.hostname}.{spec.searchdomain} {spec.hostname}" if spec.searchdomain else spec.hostname
    own = _static_address(spec.nics)
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    return "\n".join([*lines, f"{own or '127.0.1.1'} {name}"]) + "\n"


def _static_address(nics: "tuple[Nic, ...]") -> str | None:
    addresses = [nic.ip.partition("/")[0] for nic in nics if nic.ip and re.match(r"\d", nic.ip)]
    return addresses[0] if addresses else None


def _resolver(spec: ContainerSpec) -> str:
    search = [f"search {spec.searchdomain}"] if spec.searchdomain else []
    return "\n".join([*search, *(f"nameserver {a}" for a in spec.nameservers)]) + "\n"


def _host_keys(hostname: str) -> dict[str, File]:
    files = {}
    with TemporaryDirectory() as directory:
        for kind in ("ecdsa", "ed25519"):
            path = Path(directory) / f"ssh_host_{kind}_key"
            run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-C", f"root@{hostname}", "-f", path])
            files[f"etc/ssh/{path.name}"] = File(path.read_text(), 0o600)
            public = path.with_name(path.name + ".pub")
            files[f"etc/ssh/{public.name}"] = File(public.read_text())
    return files
