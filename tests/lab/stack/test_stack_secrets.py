"""Canary keys, looked for in every place a secret could leak to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.stack.rehearsal import VMID, Rehearsal, keys_in

CANARY_KEY = "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
CANARY_PSK = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="
HISTORY = "cat /root/.bash_history /root/.*_history 2>/dev/null || true"
READABLE_FILES = "find / -xdev -type f -perm /o=r -print0"
PROCESSES = (
    "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; tr '\\0' ' ' <$p/environ; echo; done 2>/dev/null || true"
)


@pytest.fixture(scope="module")
def seeded(deployed: Rehearsal) -> Iterator[tuple[Rehearsal, dict[str, str]]]:
    """The site after changes with given and generated secrets; and all that was printed on the way."""
    stack, printed = deployed.stack("lab"), {}
    config = deployed.root / "Pulumi.lab.yaml"
    before = config.read_text()
    stack.set("peers[0].private_key", CANARY_KEY, "--secret")
    stack.set("peers[1].preshared_key", CANARY_PSK, "--secret")
    stack.set("proxmox_api_token", deployed.environ["PROXMOX_VE_API_TOKEN"], "--secret")
    printed["config"] = config.read_text()
    printed["preview --diff"] = stack.preview("--diff").out
    watched = Watch(deployed)
    with watched:
        printed["up --diff"] = stack.up("--diff").out
    printed["processes in the container"] = watched.seen
    printed["refresh"] = stack.run("refresh", "--yes", "--skip-preview", "--diff").out
    printed["a failed up"] = failed_push(deployed)
    yield deployed, printed
    config.write_text(before)
    stack.up()


class Watch(threading.Thread):
    """Looks at arguments and environment of every process in the container until left."""

    def __init__(self, lab: Rehearsal) -> None:
        super().__init__(daemon=True)
        self.lab, self.seen, self.done = lab, "", threading.Event()

    def run(self) -> None:
        """Collect what there is to see."""
        while not self.done.is_set():
            self.seen += self.lab.sh(PROCESSES)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


def failed_push(lab: Rehearsal) -> str:
    """Let an apply fail in the middle and return everything that was said about it."""
    stack = lab.stack("lab")
    lab.sh("mv /usr/bin/wg /usr/bin/wg.real; printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/wg; chmod 755 /usr/bin/wg")
    stack.set("peers[2].preshared_key", "generated")
    try:
        run = stack.up("--diff", check=False)
    finally:
        lab.sh("mv /usr/bin/wg.real /usr/bin/wg")
    assert run.code != 0
    return run.out + stack.up("--diff").out


def secrets(lab: Rehearsal) -> set[str]:
    """Return every secret of the stack: of server, peers, login and API."""
    texts = [*lab.stack("lab").clients().values(), lab.sh("cat /etc/wireguard/wg0.conf")]
    public = {peer["public_key"] for peer in lab.stack("lab").outputs()["peers"].values()}
    public.add(lab.stack("lab").outputs()["public_key"])
    found = set().union(*map(keys_in, texts)) - public
    assert {CANARY_KEY, CANARY_PSK} <= found
    return found | {lab.environ["PROXMOX_VE_API_TOKEN"].partition("=")[2], "BEGIN OPENSSH PRIVATE KEY"}


def readable(root: Path) -> str:
    """Return all text below a directory."""
    return "\n".join(p.read_text(errors="replace") for p in root.rglob("*") if p.is_file() and not p.is_symlink())


def test_no_secret_is_printed_or_seen_on_the_way(seeded: tuple[Rehearsal, dict[str, str]]) -> None:
    lab, printed = seeded
    assert printed["processes in the container"].strip()
    for where, text in printed.items():
        assert not [secret[:6] for secret in secrets(lab) if secret in text], where


def test_no_secret_stands_readable_in_state_history_or_logs(seeded: tuple[Rehearsal, dict[str, str]]) -> None:
    lab, _ = seeded
    state = lab.root / ".lab"
    places = {
        "state": lab.stack("lab").export(),
        "backend": readable(state / "backend"),
        "logs": readable(state / "logs"),
        "Pulumi.lab.yaml": (lab.root / "Pulumi.lab.yaml").read_text(),
        "tasks of the node": readable(state / "pve"),
    }
    for where, text in places.items():
        assert text.strip(), where
        assert not [secret[:6] for secret in secrets(lab) if secret in text], where


def test_no_secret_is_in_the_journal_the_shell_s_history_or_a_world_readable_file(
    seeded: tuple[Rehearsal, dict[str, str]],
) -> None:
    lab, _ = seeded
    wanted = secrets(lab)
    for where, command in {"journal": "journalctl --no-pager", "history": HISTORY}.items():
        text = lab.sh(command)
        assert not [secret[:6] for secret in wanted if secret in text], where
    lab.containers.execute(VMID, ["/bin/sh", "-c", "umask 077; cat >/root/wanted"], "\n".join(wanted).encode())
    assert lab.sh("grep -c . /root/wanted") == str(len(wanted))
    assert lab.sh(f"{READABLE_FILES} | xargs -0 grep -lFf /root/wanted; rm /root/wanted") == ""
