"""Backup jobs, backups and restores."""

import re
from typing import Any

import pytest

from tests.lab_api.stand_ins import CT, Pve

JOB = {"id": "wg-job", "schedule": "02:00", "storage": "local", "vmid": "2090"}


def test_jobs_take_more_than_the_deployment_token_has(pve: Pve) -> None:
    assert pve.call("POST", "/cluster/backup", **JOB).message == "Permission check failed (/, Sys.Modify)"
    assert pve.call("GET", "/cluster/backup").status == 200


def test_job_is_made_read_changed_and_removed(pve: Pve) -> None:
    root = pve.root_ticket()
    more = {"prune-backups": "keep-last=3,keep-daily=7", "mode": "snapshot", "enabled": 1}
    assert pve.call("POST", "/cluster/backup", root, **JOB, **more).data is None
    job = pve.call("GET", "/cluster/backup/wg-job", root).data
    assert job["prune-backups"] == {"keep-last": "3", "keep-daily": "7"}
    assert (job["type"], job["enabled"], job["vmid"]) == ("vzdump", 1, "2090")
    listed = {each["id"]: each for each in pve.call("GET", "/cluster/backup", root).data}
    assert listed["wg-job"]["next-run"] > 0
    assert "next-run" not in job
    again = pve.call("POST", "/cluster/backup", root, **JOB)
    assert (again.status, again.message) == (500, "Job 'wg-job' already exists")
    pve.call("PUT", "/cluster/backup/wg-job", root, schedule="daily", delete="prune-backups,mode")
    assert set(pve.call("GET", "/cluster/backup/wg-job", root).data) == {
        "id", "type", "enabled", "schedule", "storage", "vmid"}  # fmt: skip
    assert pve.call("DELETE", "/cluster/backup/wg-job", root).data is None
    for method in ("GET", "DELETE", "PUT"):
        gone = pve.call(method, "/cluster/backup/wg-job", root)
        assert (gone.status, gone.errors) == (400, {"id": "No such job 'wg-job'"})


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"vmid": ""}, "vmid"),
        ({"pool": "wireguard"}, "pool"),
        ({"all": 1}, "all"),
        ({"schedule": "someday"}, "schedule"),
        ({"schedule": ""}, "schedule"),
        ({"starttime": "02:00"}, "starttime"),
        ({"maxfiles": 3}, "maxfiles"),
        ({"id": "1job"}, "id"),
        ({"storage": "", "notes-template": "x"}, "storage"),
    ],
)
def test_job_that_means_nothing_is_refused(pve: Pve, changes: dict[str, Any], parameter: str) -> None:
    answer = pve.call("POST", "/cluster/backup", pve.root_ticket(), **(JOB | changes))
    assert (answer.status, list(answer.errors)) == (400, [parameter])


def test_purge_takes_the_guest_out_of_jobs_and_removes_a_job_left_empty(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container()
    pve.call("POST", "/cluster/backup", root, **JOB)
    pve.call("POST", "/cluster/backup", root, **(JOB | {"id": "both", "vmid": "2090,2091"}))
    pve.done(pve.call("DELETE", CT))
    assert pve.call("GET", "/cluster/backup/wg-job", root).data["vmid"] == "2090"
    pve.container()
    pve.done(pve.call("DELETE", CT, purge=1))
    assert pve.call("GET", "/cluster/backup/wg-job", root).status == 400
    assert pve.call("GET", "/cluster/backup/both", root).data["vmid"] == "2091"


def test_coverage_by_the_pools_job(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container()
    pve.container(root, vmid=3000, pool=None)
    assert [each["vmid"] for each in pve.call("GET", "/cluster/backup-info/not-backed-up", root).data] == [3000]
    found = pve.call("GET", "/cluster/backup/wireguard-pool/included_volumes", root).data["children"]
    assert [(guest["id"], guest["children"][0]["included"]) for guest in found] == [(2090, True)]


def backup(pve: Pve, root: dict[str, str]) -> str:
    assert pve.done(pve.call("POST", "/nodes/pve/vzdump", root, vmid=2090, storage="local"), root) == "OK"
    found = pve.call("GET", "/nodes/pve/storage/local/content", root, content="backup", vmid=2090).data
    return str(found[-1]["volid"])


def test_backup_brings_back_content_configuration_and_firewall(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container(description="kept")
    pve.call("PUT", f"{CT}/firewall/options", enable=1)
    before = pve.call("GET", f"{CT}/config").data
    volume = backup(pve, root)
    pve.done(pve.call("DELETE", CT))
    answer = pve.call("POST", "/nodes/pve/lxc", root, vmid=2090, ostemplate=volume, restore=1, pool="wireguard")
    assert pve.done(answer, root) == "OK"
    after = pve.call("GET", f"{CT}/config").data
    assert {k: v for k, v in after.items() if k != "digest"} == {k: v for k, v in before.items() if k != "digest"}
    assert pve.call("GET", f"{CT}/firewall/options").data["enable"] == 1


def test_restore_over_a_container_takes_force_and_a_stopped_one(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container(start=1)
    volume = backup(pve, root)
    wanted = {"vmid": 2090, "ostemplate": volume, "restore": 1}
    assert pve.call("POST", "/nodes/pve/lxc", root, **wanted).message == "CT 2090 already exists on node 'pve'"
    assert "container is running" in pve.call("POST", "/nodes/pve/lxc", root, **wanted, force=1).message
    pve.done(pve.call("POST", f"{CT}/status/stop"))
    assert pve.done(pve.call("POST", "/nodes/pve/lxc", root, **wanted, force=1, start=1), root) == "OK"
    assert pve.call("GET", f"{CT}/status/current").data["status"] == "running"


@pytest.mark.parametrize("option", [{"unique": 1}, {"net0": "name=eth0,bridge=vmbr0,ip=192.168.20.91/16"}])
def test_restore_beside_the_original_gets_a_mac_of_its_own(pve: Pve, option: dict[str, Any]) -> None:
    root = pve.root_ticket()
    pve.container()
    volume = backup(pve, root)
    answer = pve.call("POST", "/nodes/pve/lxc", root, vmid=2999, ostemplate=volume, restore=1, **option)
    assert pve.done(answer, root) == "OK"
    nets = [pve.call("GET", f"/nodes/pve/lxc/{vmid}/config", root).data["net0"] for vmid in (2090, 2999)]
    macs = {*re.findall(r"hwaddr=([0-9A-F:]+)", ",".join(nets))}
    assert len(macs) == 2


def test_backup_of_a_locked_container_fails_its_task(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container()
    pve.cluster.lock(2090, "destroyed")
    answer = pve.call("POST", "/nodes/pve/vzdump", root, vmid=2090, storage="local")
    assert pve.done(answer, root) == "job errors"
    log = pve.call("GET", f"/nodes/pve/tasks/{answer.data}/log", root).data
    assert any("CT is locked (destroyed)" in line["t"] for line in log)
    assert log[0]["n"] == 1


def test_protected_backup_stays(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.container()
    volume = backup(pve, root)
    path = f"/nodes/pve/storage/local/content/{volume}"
    pve.call("PUT", path, root, protected=1, notes="keep me")
    assert "protected" in pve.done(pve.call("DELETE", path, root), root)
    pve.call("PUT", path, root, protected=0)
    assert pve.done(pve.call("DELETE", path, root), root) == "OK"
    assert pve.call("GET", "/nodes/pve/storage/local/content", root, content="backup").data == []
