"""Every secret of the stack, looked for in every place a run could leave it; and that the search would find one."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.stack.rehearsal import VMID, Rehearsal
from tests.leaks.canaries import TOKENS, Canary, hits, of_stack, pieces
from tests.leaks.places import Watch, files, of_lab, unmarked, without_engine_log

CANARY_KEY = "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
CANARY_PSK = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="
HISTORY = "cat /root/.*_history /root/.viminfo 2>/dev/null || true"
JOURNAL = "journalctl --no-pager -o export"
READABLE = "find / -xdev -type f -perm /o=r -newer /root/begun -print0 | xargs -0 -r cat 2>/dev/null || true"
TEMPORARY = (
    "find /tmp /var/tmp /run /dev/shm -xdev -type f -newer /root/begun -print0 | xargs -0 -r cat 2>/dev/null || true"
)
PROCESSES = (
    "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; tr '\\0' ' ' <$p/environ; echo; done 2>/dev/null || true"
)


@dataclass
class Left:
    """What a story of runs left, by place; and every secret it had."""

    canaries: list[Canary]
    places: dict[str, bytes] = field(default_factory=dict)
    environments: dict[str, bytes] = field(default_factory=dict)
    excepted: set[str] = field(default_factory=set)


class Inside(Watch):
    """Looks at every process in the container too."""

    def __init__(self, lab: Rehearsal) -> None:
        super().__init__(lab.root)
        self.lab, self.inside = lab, ""

    def look(self) -> None:
        """Look at the machine, then into the container."""
        super().look()
        self.inside += self.lab.sh(PROCESSES)


@pytest.fixture(scope="module")
def left(deployed: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """The story: secrets given and made, preview, up, refresh, a failed up, each with its output kept."""
    config = deployed.root / "Pulumi.lab.yaml"
    before, scratch = config.read_text(), tmp_path_factory.mktemp("scratch")
    deployed.sh("touch /root/begun; echo for anyone >/srv/readable")  # what a search of readable files has to find
    with Inside(deployed) as watch:
        printed = story(deployed, scratch)
    found = Left(canaries(deployed), excepted=watch.excepted)
    found.places |= printed | {"Pulumi.lab.yaml": config.read_bytes()}
    found.places |= {f"arguments of {name}": text for name, text in watch.arguments.items()}
    found.environments = watch.environments
    found.places |= {"processes in the container": watch.inside.encode()}
    found.places |= on_disk(deployed, scratch) | in_container(deployed)
    yield found
    config.write_text(before)
    deployed.stack("lab").up()


def story(lab: Rehearsal, scratch: Path) -> dict[str, bytes]:
    """Run every command on changes with secrets; return what each printed and what went between its processes."""
    stack, grpc, said = lab.stack("lab"), scratch / "grpc.json", dict[str, str]()
    keep(lab, "peers[0].private_key", CANARY_KEY)
    keep(lab, "peers[1].preshared_key", CANARY_PSK)
    keep(lab, "proxmox_api_token", lab.environ["PROXMOX_VE_API_TOKEN"])
    said["preview --diff"] = stack.preview("--diff").out
    verbose = ("--diff", "-v=9", "--logtostderr")
    said["up --diff -v=9"] = stack.up(*verbose, PULUMI_DEBUG_GRPC=str(grpc), TMPDIR=str(scratch)).out
    said["refresh"] = stack.run("refresh", "--yes", "--skip-preview", "--diff").out
    said["a failed up"] = failed_push(lab)
    found = {name: without_engine_log(text.encode()) for name, text in said.items()}
    return found | {"traffic not marked secret": unmarked(grpc)}


def keep(lab: Rehearsal, path: str, secret: str) -> None:
    """Set a secret as a careful person does: by standard input, where no process list shows it."""
    stack = lab.stack("lab")
    argv = ["pulumi", "config", "set", "--secret", "--path", f"wireguard-vpn:{path}", "--stack", stack.name]
    subprocess.run(argv, cwd=stack.root, env=stack.environ, input=secret, text=True, check=True, capture_output=True)


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


def canaries(lab: Rehearsal) -> list[Canary]:
    """Return every secret of the stack: its whole keyring, what was given, the jump host's key, the tokens."""
    exported = lab.stack("lab").run("stack", "export", "--show-secrets").out
    given = [Canary("given private key", CANARY_KEY), Canary("given preshared key", CANARY_PSK)]
    jump = pieces("jump key", (lab.site.keys / "jump").read_text())
    return [*given, *jump, *of_stack(exported, lab.environ)]


def on_disk(lab: Rehearsal, scratch: Path) -> dict[str, bytes]:
    """Return every file the runs left on this machine, and what the lab's servers know of them."""
    found = {"state as exported": lab.stack("lab").export().encode()} | of_lab(lab.root / ".lab")
    return found | {name: text for name, text in files(scratch) if not name.endswith("grpc.json")}


def in_container(lab: Rehearsal) -> dict[str, bytes]:
    """Return journal, histories, temporary files and everything others may read, in the container."""
    commands = {"journal": JOURNAL, "histories": HISTORY, "readable files": READABLE, "temporary files": TEMPORARY}
    return {f"{name} of the container": output_of(lab, command) for name, command in commands.items()}


def output_of(lab: Rehearsal, command: str) -> bytes:
    """Return what a command in the container printed; a search that breaks off has searched nothing."""
    done = lab.containers.execute(VMID, ["/bin/sh", "-c", command], timeout=300)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


SEEN = (
    "up --diff -v=9",
    "traffic not marked secret",
    "processes in the container",
    "journal of the container",
    "readable files of the container",
)
"""Places that cannot be empty unless the search looks at nothing."""


def test_no_secret_is_anywhere(left: Left, capsys: pytest.CaptureFixture[str]) -> None:
    assert {"given private key", "server", "ssh line 3", "jump key line 3"} <= {c.name for c in left.canaries}
    assert all(left.places[place].strip() for place in SEEN)
    assert hits(left.canaries, left.places) == []
    with capsys.disabled():
        sys.stdout.write(f"\n{len(left.canaries)} canaries, {len(left.places)} places: 0 hits\n")


def test_no_key_is_in_an_environment(left: Left) -> None:
    """Of tokens those are there that the user put there; of keys none."""
    keys = [canary for canary in left.canaries if canary.name not in TOKENS]
    assert hits(keys, left.environments) == []


PULUMIS_OWN = (b"pulumi-language-python", b"pulumi.dynamic", b"pulumi-resource-")


def test_pulumi_hands_the_config_s_secrets_to_program_and_plugins_alone(left: Left) -> None:
    """The one exception, of Pulumi's own making: a variable of their environment, readable to their user only."""
    words = [left.places[f"arguments of {name}"] for name in left.excepted]
    assert words
    assert all(any(sign in each for sign in PULUMIS_OWN) for each in words)


@pytest.mark.parametrize("form", ["plain", "base64", "hexadecimal", "compressed"])
def test_a_planted_leak_is_found(left: Left, tmp_path: Path, form: str) -> None:
    import base64
    import gzip

    secret = f"the key is {CANARY_KEY}, keep it".encode()
    forms = {
        "plain": secret,
        "base64": base64.b64encode(secret),
        "hexadecimal": base64.b64decode(CANARY_KEY).hex().encode(),
        "compressed": gzip.compress(secret),
    }
    (tmp_path / "left behind").write_bytes(forms[form])
    found = hits(left.canaries, dict(files(tmp_path)))
    assert any("left behind" in each for each in found)
