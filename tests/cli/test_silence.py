"""What no command ever does: print a key, hand one to another program, or load what it does not need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.world import World, make
from tests.pure import support

ROOT = Path(__file__).parents[2]
GIVEN = support.private_key("given psk")
SECRETS = {
    name: support.private_key(name) for name in ("server", "ssh", "peer/alice", "peer/bob", "psk/bob", "peer/dave")
}
CANARIES = {**SECRETS, "psk/erin": GIVEN, "token": support.BASE["proxmox_api_token"].partition("=")[2]}
VERBS = (
    ("peer", "list"),
    ("peer", "list", "--json"),
    ("peer", "add", "frank", "--preshared-key", "generated"),
    ("peer", "add", "bad name"),
    ("peer", "add", "grace", "--public-key", "nonsense"),
    ("peer", "disable", "alice"),
    ("peer", "rotate", "erin", "--preshared"),
    ("peer", "remove", "bob"),
    ("peer", "move"),
    ("rotate", "server"),
    ("rotate", "--all"),
    ("export", "config"),
    ("export", "config", "--json"),
    ("qr", "carol"),
    ("client", "nobody"),
    ("keys", "restore", "nothing"),
    ("show",),
    ("doctor", "--json"),
    ("backup", "list", "--storage", "pbs"),
    ("restore", "--storage", "pbs", "--yes"),
    ("drill", "--address", "192.168.20.91", "--storage", "pbs"),
    ("import", "nothing.conf"),
)


def refuse(*_: object, **__: object) -> None:
    """Stand for a network where nobody answers."""
    raise ConnectionRefusedError(111, "Connection refused")


@pytest.fixture
def guarded(home: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack whose every secret is a canary, and whose systems are out of reach."""
    from tests.cli.world import PEERS

    world = make(home, peers=[*PEERS, {"name": "erin", "preshared_key": GIVEN}], private_key=SECRETS["server"])
    monkeypatch.setattr("cli.recovery.BOOT_SECONDS", 0)

    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("clients.http.FIRST_PAUSE_SECONDS", 0)
    config = world.read()["config"]
    config["proxmox_endpoint"]["value"] = "https://127.0.0.1:1"
    world.write(config=config)
    return world


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_nothing_printed_and_no_argument_holds_a_key(guarded: World, wgvpn: Command, verb: tuple[str, ...]) -> None:
    done = wgvpn(*verb)
    told = done.out + done.err + json.dumps(guarded.calls())
    assert {name for name, canary in CANARIES.items() if canary in told} == set()
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("guarded")
def test_only_what_was_asked_for_is_printed(wgvpn: Command) -> None:
    told = wgvpn("client", "alice")
    assert {name for name, canary in CANARIES.items() if canary in told.out + told.err} == {"peer/alice"}


def test_errors_of_pulumi_are_told_without_keys(home: Path, wgvpn: Command) -> None:
    make(home)
    script = home / "bin" / "pulumi"
    script.write_text(f"#!/bin/sh\necho 'error: {GIVEN} is bad' >&2\nexit 255\n")
    done = wgvpn("show")
    assert (done.code, done.out) == (3, "")
    assert "[key] is bad" in done.err


def test_without_pulumi_one_plain_sentence(home: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home / "nowhere"))
    done = wgvpn("show")
    assert (done.code, "pulumi is not on PATH" in done.err) == (3, True)


@pytest.mark.usefixtures("world")
def test_a_system_out_of_reach_has_a_code_of_its_own(wgvpn: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.create_connection", refuse)
    done = wgvpn("show")
    assert (done.code, "192.168.20.90" in done.err) == (4, True)


def test_a_wrong_command_line_is_told_apart(wgvpn: Command) -> None:
    assert [wgvpn(*words).code for words in (("nonsense",), ("client",), ("show", "--nonsense"))] == [2, 2, 2]


def test_every_verb_explains_itself(wgvpn: Command) -> None:
    from cli.app import VERBS as KNOWN

    overview = wgvpn("--help")
    assert overview.code == 0
    for verb, text in KNOWN.items():
        done = wgvpn(verb, "--help")
        assert (done.code, verb in overview.out) == (0, True)
        assert text.split()[0] in done.out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from cli.__main__ import run; run(['--help']);"
        "heavy = {'pydantic', 'paramiko', 'httpx', 'cryptography', 'jinja2', 'segno', 'ruamel.yaml', 'pulumi'};"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_script_runs_its_own_checkout_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__main__.py").write_text("raise SystemExit('the wrong one')")
    link = tmp_path / "wgvpn"
    link.symlink_to(ROOT / "wgvpn")
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([link, "--help"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_passphrase_that_nobody_gave_is_told_with_the_way_to_give_it(home: Path, wgvpn: Command) -> None:
    """Pulumi's command asks at a terminal; here it cannot."""
    words = "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
    (home / "bin/pulumi").write_text(f"#!/bin/sh\necho error: {words} >&2\nexit 255\n")
    done = wgvpn("peer", "list")
    assert (done.code, "set PULUMI_CONFIG_PASSPHRASE_FILE to a file of yours alone" in done.err) == (3, True)
