"""`python -m policy` over states, and the marks of secrets in them."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from policy import offline
from policy import resources as r
from policy.resources import Resource
from policy.state import SECRET, SIGNATURE, resources
from tests.policy.stack import PRIVATE, sound, urn

ROOT = Path(__file__).resolve().parents[2]


def hidden(**more: Any) -> dict[str, Any]:
    """Return a value as a state holds it that is marked secret."""
    return {SIGNATURE: SECRET, "ciphertext": "v1:abc", **more}


def state(found: list[Resource], stack: str = "prod", **extra: Any) -> str:
    """Return a state of these resources as `pulumi stack export` writes it."""
    listed = [
        {
            "urn": each.urn.replace(":prod:", f":{stack}:"),
            "type": each.type,
            "inputs": dict(each.props),
            "outputs": dict(each.props),
            "protect": each.protect,
        }
        for each in found
    ]
    return json.dumps({"version": 3, "deployment": {"resources": [*listed, *extra.get("more", [])]}})


def run(monkeypatch: pytest.MonkeyPatch, text: str, *options: str) -> int:
    """Judge a state given on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return offline.main(["-", *options])


def ageless() -> list[Resource]:
    """Return the sound stack without its keyring, whose keys would be too old at a later date."""
    return [each for name, each in sound().items() if name != "keyring"]


def test_a_sound_state_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, state(ageless())) == 0
    assert "0 violations" in capsys.readouterr().out


def test_a_broken_rule_is_a_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [each for each in ageless() if each.name != "firewall-options"]
    assert run(monkeypatch, state(bad)) == 1
    assert "mandatory  firewall-present  stack prod: " in capsys.readouterr().out


@pytest.mark.parametrize(("stack", "status", "level"), [("prod", 1, "mandatory"), ("lab", 0, "advisory")])
def test_a_stack_without_backup_stops_production_alone(
    stack: str, status: int, level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [each for each in ageless() if each.name != "backup"]
    assert run(monkeypatch, state(bad, stack)) == status
    assert f"{level:9}  backed-up" in capsys.readouterr().out


def test_marks_of_secrecy_are_seen_in_inputs_and_outputs() -> None:
    either = {"keys": hidden(), "public": {}}
    for inputs, outputs in (({**either, "keys": {"a": 1}}, either), (either, {**either, "keys": {"a": 1}})):
        own = {"urn": urn(r.KEYRING, "keyring"), "type": r.KEYRING, "inputs": inputs, "outputs": outputs}
        (found,) = resources({"deployment": {"resources": [own]}})
        assert found.props["keys"] == {"a": 1}
    own = {"urn": urn(r.KEYRING, "keyring"), "type": r.KEYRING, "inputs": either, "outputs": either}
    (found,) = resources({"deployment": {"resources": [own]}})
    assert "keys" not in found.props


def test_a_key_that_only_the_inputs_show_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {
        "urn": urn("command:remote:Command", "x"),
        "type": "command:remote:Command",
        "inputs": {"create": f"echo {PRIVATE}", "stdin": "clear"},
        "outputs": {"create": "echo", "stdin": hidden()},
    }
    assert run(monkeypatch, state(ageless(), more=[own])) == 1
    told = capsys.readouterr().out
    assert "x: create holds a key in the clear" in told
    assert told.count("x: stdin must be marked secret") == 1
    assert PRIVATE not in told


def test_what_waits_for_its_deletion_is_no_part_of_the_stack_but_its_secrets_are_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(state(ageless()))
    for each in found["deployment"]["resources"]:
        if each["urn"].endswith("firewall-options"):
            each |= {"delete": True, "outputs": {"enabled": False, "comment": PRIVATE}, "inputs": {}}
    assert run(monkeypatch, json.dumps(found)) == 1
    told = capsys.readouterr().out
    assert ("firewall-present" in told, "default-drop" in told) == (True, False)
    assert "firewall-options: comment holds a key in the clear" in told


def test_a_site_judges_by_its_own_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = tmp_path / "limits.json"
    text = state(ageless()).replace("172.16.10.0", "10.99.1.0")
    assert run(monkeypatch, text) == 1
    limits.write_text('{"dmz-unreachable": {"dmz_networks": ["10.99.1.0/24"]}}')
    assert run(monkeypatch, text, "--config", str(limits)) == 0
    for nonsense in ("[]", '{"no-rule": {}}', '{"key-age": {"days": 3}}', '{"key-age": "advisory"}', "no json"):
        limits.write_text(nonsense)
        assert run(monkeypatch, text, "--config", str(limits)) == 2
    assert capsys.readouterr().err.count("policy: ") == 5


@pytest.mark.parametrize(("before", "now", "told"), [(36500, 1, True), (1, 36500, False)])
def test_a_limit_of_age_that_changed_no_key_is_judged_by(
    before: int, now: int, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a run writes the state's inputs alone."""
    found = json.loads(state([*sound().values()]))
    (keyring,) = (each for each in found["deployment"]["resources"] if each["type"] == r.KEYRING)
    keyring["outputs"] |= {"requests": requests(before), "public": json.dumps(KEYS)}
    keyring["inputs"] |= {"requests": requests(now), "public": json.dumps(KEYS)}
    run(monkeypatch, json.dumps(found))
    assert ("key server is" in capsys.readouterr().out) is told


KEYS = {"server": {"public_key": "", "generated": "2020-01-01T00:00:00+00:00"}}


def requests(days: int) -> str:
    """Return the keys that must exist, with a limit, as a state holds them."""
    return json.dumps([{"name": "server", "kind": "wireguard", "max_age_days": days}])


def test_a_part_that_is_marked_is_left_out_alone() -> None:
    way = {"host": "pve", "private_key": hidden()}
    own = {"urn": urn(r.HOST_KEY, "host-key"), "type": r.HOST_KEY, "inputs": {"jump": way}, "outputs": {}}
    (found,) = resources({"deployment": {"resources": [own]}})
    assert found.props["jump"] == {"host": "pve"}


def test_an_export_with_secrets_shown_still_has_its_marks() -> None:
    own = {"urn": urn(r.KEYRING, "k"), "type": r.KEYRING, "inputs": {"keys": hidden(plaintext=f'"{PRIVATE}"')}}
    (found,) = resources({"deployment": {"resources": [own]}})
    assert PRIVATE not in repr(found.props)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"deployment": 3}', "no json"])
def test_what_is_no_state_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, text) == 2
    assert capsys.readouterr().err.startswith("policy: ")


def test_the_module_runs_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(state(ageless()))
    done = subprocess.run(
        [sys.executable, "-m", "policy", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
