"""What a site does to the machine, tried without one: control groups, containers' features, probes, clocks."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import lxc, wireguard
from lab.api.scheduler import SWITCH, Scheduler
from lab.container_spec import ContainerSpec
from lab.site import Site

SPEC = ContainerSpec(2190, "wireguard", 512, 512, 1, 8, ())


def test_control_groups_go_though_another_site_s_vanish_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, scan = Site(tmp_path, "abcdef"), os.scandir
    for name in ("cpu/wgl-fedcba/2190", "cpu/wgl-abcdef/2190", "memory/wgl-abcdef/bare", "wgl-abcdef"):
        (tmp_path / "cgroup" / name).mkdir(parents=True)

    def scandir(path: Any) -> Any:
        if "wgl-fedcba" in os.fspath(path):
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(lxc, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(os, "scandir", scandir)
    assert len(lxc.groups(site)) == 3
    lxc.remove_groups(site)
    assert lxc.groups(site) == []
    assert (tmp_path / "cgroup/cpu/wgl-fedcba/2190").exists()


def test_a_group_that_is_still_busy_leaves_no_other_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lxc, "CGROUPS", tmp_path / "cgroup")
    busy, idle = tmp_path / "cgroup/a/wgl-abcdef", tmp_path / "cgroup/b/wgl-abcdef"
    for each in (busy, idle):
        each.mkdir(parents=True)
    (busy / "a process").touch()
    lxc.remove_groups(Site(tmp_path, "abcdef"))
    assert lxc.groups(Site(tmp_path, "abcdef")) == [busy]


@pytest.mark.parametrize("nesting", [True, False])
def test_a_container_nests_only_where_it_is_told_to(tmp_path: Path, *, nesting: bool) -> None:
    text = lxc.configuration(Site(tmp_path, "abcdef"), replace(SPEC, nesting=nesting))
    assert ("/nesting.conf" in text) is nesting
    assert f"lxc.apparmor.allow_nesting = {int(not nesting)}" not in text


def test_peers_that_come_at_once_probe_the_kernel_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[str] = []

    def run(argv: list[str], **_: object) -> SimpleNamespace:
        taken = bool(there)
        there.append(argv[5])
        time.sleep(0.05)
        return SimpleNamespace(returncode=int(taken))

    monkeypatch.setattr(wireguard, "run", run)
    monkeypatch.setattr(wireguard, "batch", lambda *_: there.clear())
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(wireguard.in_kernel, [Site(tmp_path, "abcdef")] * 4))


@pytest.mark.parametrize("switch", ["", "1"])
def test_jobs_run_by_the_clock_only_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    asked = threading.Event()

    def planned() -> list[Any]:
        asked.set()
        return []

    monkeypatch.setenv(SWITCH, switch)
    before = {*threading.enumerate()}
    Scheduler(planned, pause=0.02).start()
    started = [each.name for each in threading.enumerate() if each not in before]
    assert started == ["scheduler"] * bool(switch)
    assert not switch or asked.wait(5)
