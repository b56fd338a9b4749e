"""The faults' own machinery: what it would notice, tried without a lab."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from chaos import __main__ as program
from chaos import cases, faults, troubles, witness, world
from chaos.arena import Ran, discard
from chaos.cases import Bench, Outcome
from chaos.verdict import judge, said
from lab.peers import Connection
from tests.leaks.canaries import Canary
from vpn import tables

WELL, REFUSED = Ran(0, "all is well", 1), Ran(1, "    error: the stack is currently used", 1)
SECRET = "the secret of a server, base64"
JUMP = "-----BEGIN\nheader\npublic key\nthird line, which is secret\n-----END\n"


class Arena:
    """An arena without a site: what its commands answer, in turn, and which ran."""

    def __init__(self, keys: Path, *answers: Ran) -> None:
        self.answers = list(answers)
        self.ran: list[str] = []
        self.configured: dict[str, Any] = {}
        self.environ = {"ZABBIX_BACKUP_TOKEN": "wgmon@pbs!zabbix:a backup monitor's secret"}
        self.site = SimpleNamespace(keys=keys)
        self.stored = "sealed"
        (keys / "jump").write_text(JUMP)

    def pulumi(self, *args: str, **_: str) -> Ran:
        """Answer with the next answer; all is well after the last."""
        self.ran.append(args[0])
        return self.answers.pop(0) if self.answers else WELL

    def up(self, *args: str, **extra: str) -> Ran:
        """Run `up`."""
        return self.pulumi("up", *args, **extra)

    def configure(self, **changes: Any) -> None:
        """Remember the configuration."""
        self.configured = changes

    def resources(self) -> list[dict[str, Any]]:
        """Return the keyring alone."""
        return [{"urn": "urn::keyring", "outputs": {"keys": self.stored}}]

    def export(self) -> dict[str, Any]:
        """Return the keyring opened."""
        self.ran.append("export")
        keys = tables.dumps({"server": {"kind": "wireguard", "secret": SECRET}})
        return {"deployment": {"resources": [{"urn": "urn::keyring", "outputs": {"keys": keys}}]}}

    def outputs(self) -> dict[str, Any]:
        """Return no outputs."""
        return {}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """Return a factory of benches whose arena gives these answers and whose world is empty."""
    monkeypatch.setattr(world, "look", lambda *_, **__: {})
    monkeypatch.setattr(troubles, "SECOND_RUN", 0.0)
    monkeypatch.setattr(faults, "heal", lambda _: 0)
    return lambda *answers: Bench(Arena(tmp_path, *answers))  # type: ignore[arg-type]


def ran(bench: Bench) -> list[str]:
    """Return what ran, the exports left out."""
    return [each for each in bench.arena.ran if each != "export"]  # type: ignore[attr-defined]


def test_the_judge_refuses_what_no_person_should_see() -> None:
    sesame = [Canary("sesame", "open, sesame, open")]
    assert judge(WELL, sesame) == []
    assert judge(Ran(1, "Traceback (most recent call last)\n    error: x", 1), sesame) != []
    assert judge(Ran(1, "    error: the word is open, sesame, open", 1), sesame) == [
        "printed a secret: sesame in its output"
    ]
    assert judge(Ran(1, "nothing at all", 1), []) != []
    assert said(Ran(1, "    error: Zabbix: refused\nerror: update failed", 1)) == ["Zabbix: refused"]


def test_every_secret_is_looked_for_and_the_keyring_opened_only_when_it_changed(bench: Callable[..., Bench]) -> None:
    one = bench()
    assert {each.name for each in one.secrets()} == {"server", "ZABBIX_BACKUP_TOKEN", "jump key line 3"}
    one.secrets()
    one.arena.stored = "sealed anew"  # type: ignore[attr-defined]
    one.secrets()
    assert one.arena.ran == ["export", "export"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("leaking", [1, 2, 3])
def test_what_the_looks_afterwards_print_is_judged(bench: Callable[..., Bench], leaking: int) -> None:
    changes = Ran(1, "    error: no changes were expected", 1)
    answers = [WELL, changes, WELL, WELL]
    answers[leaking] = Ran(answers[leaking].code, f"{answers[leaking].out}\n{SECRET}", 1)
    one, outcome = bench(*answers), Outcome("case", 1)
    one.normal[json.dumps({})] = {}
    cases.converges(one, {}, outcome)
    assert [each for each in outcome.problems if "printed a secret: server" in each]


def test_a_state_of_which_nothing_is_known_is_not_its_own_yardstick(bench: Callable[..., Bench]) -> None:
    outcome = Outcome("case", 1)
    cases.converges(bench(), {"newcomer": True}, outcome)
    assert outcome.problems == ["no undisturbed run has shown what {'newcomer': True} means: this proves nothing"]


def test_what_the_server_shows_is_compared_and_its_keys_are_not() -> None:
    usual, now = {"server": "active", "keys": "a"}, {"server": "inactive", "keys": "b"}
    found = world.differences(cases.comparable(usual), cases.comparable(now))
    assert [each.partition(":")[0] for each in found] == ["server"]
    assert "public-key" not in world.ABOUT_SERVER


def test_two_things_of_one_name_are_two_facts_whoever_owns_them() -> None:
    facts: world.Facts = {}
    for owner in ("0a1b", "2c3d"):
        world.add(facts, f"NetBox tag wireguard-vpn/chaos/{owner}", "")
    assert len(facts) == 2


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, bench: Callable[..., Bench]) -> list[str]:
    """Let nobody look on; return what there was when, beside the commands."""
    del bench
    seen: list[str] = []

    @contextmanager
    def watching(arena: Arena) -> Iterator[witness.Seen]:
        arena.ran.append("watch")
        yield witness.Seen()
        arena.ran.append("watched")

    monkeypatch.setattr(witness, "watching", watching)
    return seen


@pytest.mark.usefixtures("watched")
def test_both_of_two_runs_are_judged_under_the_eyes_of_a_peer_who_sees_the_repair(bench: Callable[..., Bench]) -> None:
    undisturbed = [WELL, WELL]
    one = bench(*undisturbed, REFUSED, Ran(0, f"all is well: {SECRET}", 1))
    outcome = troubles.run(one, troubles.Trouble("two-at-once"), 1)
    assert outcome.problems == ["the other run printed a secret: server in its output"]
    assert ran(one) == ["up", "up", "watch", "up", "up", "up", "preview", "watched"]


@pytest.mark.usefixtures("watched")
def test_two_runs_must_not_both_fail(bench: Callable[..., Bench]) -> None:
    one = bench(WELL, WELL, REFUSED, REFUSED)
    assert troubles.run(one, troubles.Trouble("two-at-once"), 1).problems == ["both runs failed"]


@pytest.mark.parametrize(("config", "blamed"), [("the same file", True), ("a new server's file", False)])
def test_a_tunnel_that_is_dead_is_not_hidden_by_connecting_anew(
    monkeypatch: pytest.MonkeyPatch, config: str, *, blamed: bool
) -> None:
    digest = hashlib.sha256(b"the same file").hexdigest()
    known = Connection("alice-laptop", 4, "peer4", "wg4", digest, 1.0)
    did: list[str] = []

    def connect(*_: object) -> Connection:
        did.append("connect")
        return known

    peers = SimpleNamespace(
        get=lambda _: known,
        ping=lambda *_, **__: None,
        disconnect=lambda _: did.append("disconnect"),
        connect=connect,
    )
    flow = SimpleNamespace(lost=0, received=1)
    monkeypatch.setattr(witness, "Peers", lambda _: peers)
    monkeypatch.setattr(witness, "Flow", lambda *_: nullcontext(flow))
    monkeypatch.setattr(witness, "PATIENCE", 0.0)
    monkeypatch.setattr(witness, "LINGER", 0.0)
    arena: Any = SimpleNamespace(site=None, stack=SimpleNamespace(clients=lambda: {"alice-laptop": config}))
    with witness.watching(arena) as seen:
        pass
    assert bool(seen.problems) is blamed
    assert did[-1] == "connect"


def test_a_case_that_breaks_does_not_end_the_others(bench: Callable[..., Bench]) -> None:
    def breaks(*_: object) -> Outcome:
        raise subprocess.TimeoutExpired("pulumi", 600)

    outcomes: list[Outcome] = []
    wanted: list[program.Case] = [("a", breaks), ("b", lambda _, seed: Outcome("b", seed))]
    program.run_all(bench(), wanted, 1, 1e12, outcomes)
    assert [each.held for each in outcomes] == [False, True]
    assert "TimeoutExpired" in outcomes[0].problems[0]


def test_who_interrupts_is_told_what_was_done(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> None:
        args[-1].append(Outcome("ssh-read-429", 1))
        raise KeyboardInterrupt

    with_site(monkeypatch, bench())
    monkeypatch.setattr(program, "run_all", interrupted)
    done = CliRunner().invoke(program.app, ["--only", "ssh-read"])
    assert done.exit_code not in (0, 1)
    assert "1 of 1 held" in done.output


def with_site(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """Let the program have this bench's arena instead of a site of its own."""

    @contextmanager
    def arena(*_: object) -> Iterator[Any]:
        yield bench.arena

    monkeypatch.setattr(program, "_site", arena)
    monkeypatch.setattr(program, "gated", arena)


def test_a_run_that_tries_nothing_is_no_success(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    with_site(monkeypatch, bench())
    assert CliRunner().invoke(program.app, ["--minutes", "0"]).exit_code == 2
    unknown = CliRunner().invoke(program.app, ["--only", "ssh-read,netbx"])
    assert unknown.exit_code == 2
    assert "netbx" in unknown.output


def test_the_cases_are_named_without_a_lab() -> None:
    listed = CliRunner().invoke(program.app, ["--list", "--services", "zabbix", "--kills", "10"])
    assert listed.exit_code == 0
    names = listed.output.split()
    assert {"zabbix-update-500", "kill-update-0", "two-at-once"} <= {*names}
    assert not any(name.startswith("netbox") for name in names)


def test_a_copy_goes_with_what_it_points_to_left_alone(tmp_path: Path) -> None:
    (tmp_path / "toolchain").mkdir()
    copy = tmp_path / "place" / "a checkout"
    copy.mkdir(parents=True)
    (copy / ".venv").symlink_to(tmp_path / "toolchain")
    discard(copy.parent)
    assert [each.name for each in tmp_path.iterdir()] == ["toolchain"]
