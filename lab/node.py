"""SSH on the Proxmox VE node: the jump host of the site.

A real sshd, one per connection, in the node's network namespace, reached through a port of
the machine's loopback. Its only user is `jump`, who may forward TCP and nothing else. What
sshd reads of /etc is the node's own, in a mount table of its own.
"""

import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from lab import namespaces
from lab.commands import run
from lab.processes import Processes
from lab.site import NODE, Site, write_atomically

USER = "jump"
_FILES = {
    "passwd": (
        "root:x:0:0:root:/root:/usr/sbin/nologin\n"
        "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
        f"{USER}:x:2000:2000::/:/usr/sbin/nologin\n"
    ),
    "shadow": f"root:*:19000::::::\nsshd:!:19000::::::\n{USER}:*:19000::::::\n",
    "group": f"root:x:0:\nnogroup:x:65534:\n{USER}:x:2000:\n",
    "ssh/sshd_config": f"""HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
AllowUsers {USER}
AuthenticationMethods publickey
UsePAM no
UseDNS no
StrictModes no
AllowTcpForwarding local
AllowStreamLocalForwarding no
AllowAgentForwarding no
GatewayPorts no
PermitTTY no
PermitTunnel no
PermitUserRC no
X11Forwarding no
ForceCommand /usr/sbin/nologin
MaxStartups 100:30:200
MaxSessions 100
PidFile none
""",
}


def jump_key(site: Site) -> Path:
    """Return the private key of the user `jump`."""
    return site.keys / "jump"


def host_key(site: Site) -> str:
    """Return the node's public host key, as a line of known_hosts has it (type and key)."""
    words = (site.keys / "node_host.pub").read_text().split()
    return " ".join(words[:2])


def ensure_keys(site: Site) -> None:
    """Make the keys of the node and of its jump user, once."""
    with site.lock("keys"):
        for name, comment in (("jump", f"{USER}@{NODE}"), ("node_host", f"root@{NODE}")):
            path = site.keys / name
            if not path.with_name(name + ".pub").exists():
                path.unlink(missing_ok=True)
                run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-C", comment, "-f", path])


def _write_files(site: Site) -> Path:
    """Write what the node's sshd reads; returns the directory."""
    directory = site.state / "node"
    (directory / "ssh").mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        write_atomically(directory / name, text, mode=0o644)
    write_atomically(directory / "ssh/host_key", (site.keys / "node_host").read_text())
    keys = (site.keys / "jump.pub").read_text()
    write_atomically(directory / "ssh/authorized_keys", keys, mode=0o644)
    return directory


def _settle(site: Site) -> None:
    """Move this process onto the node: its network and its own /etc and /run."""
    directory = _write_files(site)
    namespaces.enter(site.node)
    namespaces.leave_mounts()
    for name in ("passwd", "shadow", "group", "ssh"):
        run(["mount", "--bind", directory / name, f"/etc/{name}"])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run"])
    Path("/run/sshd").mkdir(mode=0o755)


def _answer(connection: socket.socket) -> "subprocess.Popen[bytes]":
    with connection:
        return subprocess.Popen(
            ["/usr/sbin/sshd", "-i", "-e", "-f", "/etc/ssh/sshd_config"],
            stdin=connection.fileno(),
            stdout=connection.fileno(),
        )


def serve(site: Site) -> None:
    """Give every connection a server, until ended."""
    listening = namespaces.listening("127.0.0.1", site.port("ssh"))
    _settle(site)
    Processes(site).ready_file("ssh").touch()
    listening.settimeout(1)
    sessions: list[subprocess.Popen[bytes]] = []
    while True:
        with suppress(TimeoutError):
            connection, _ = listening.accept()
            connection.setblocking(True)
            sessions.append(_answer(connection))
        sessions = [session for session in sessions if session.poll() is None]


if __name__ == "__main__":
    serve(Site.of())
