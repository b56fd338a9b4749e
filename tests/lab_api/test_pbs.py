"""The backup server: errors as it words them, jobs that act, snapshots that are real."""

import json
from typing import Any

import pytest

from lab.pbs.datastore import Snapshot
from tests.lab_api.stand_ins import BACKUP_SECRET, Pbs

PRUNE = {"id": "wg-prune", "store": "backup", "ns": "wireguard", "schedule": "daily", "keep-last": 2, "max-depth": 0}
VERIFY = {"id": "wg-verify", "store": "backup", "ns": "wireguard", "schedule": "sat 03:00"}
STORE = "/admin/datastore/backup"
OWNER = "pve@pbs!backup"


def snapshot(pbs: Pbs, time: int, *, finished: bool = True) -> Snapshot:
    store = pbs.server.datastore("backup")
    snap = store.begin("wireguard", "ct", "2090", time, OWNER)
    (snap.path / "root.pxar.didx").write_text(f"content of {time}")
    if finished:
        store.finish(snap, "wireguard", protected=False)
    return snap


def listed(pbs: Pbs) -> list[dict[str, Any]]:
    found = pbs.call("GET", f"{STORE}/snapshots", ns="wireguard", backup_type="ct", backup_id="2090").data
    return list(found)


@pytest.mark.parametrize("authorization", ["", "PBSAPIToken=wgdeploy@pbs!pulumi=wrong", "PBSAPIToken=x@pbs!y:z"])
def test_bad_token_is_401_in_bare_text(pbs: Pbs, authorization: str) -> None:
    answer = pbs.call("GET", "/version", authorization)
    assert (answer.status, answer.body) == (401, b"authentication failed")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "x"}, "parameter verification failed - 'id': value must be at least 3 characters long"),
        ({"keep-last": 0}, "parameter verification failed - 'keep-last': value must have a minimum value of 1"),
        ({"keep-last": "2"}, "parameter verification failed - 'keep-last': Expected integer value."),
        ({"other": 1}, "parameter verification failed - 'other': schema does not allow additional properties."),
        ({"max-depth": 8}, "parameter verification failed - 'max-depth': value must have a maximum value of 7"),
        ({"comment": "a\nb"}, "parameter verification failed - 'comment': value does not match the regex pattern"),
        ({"ns": "elsewhere"}, "missing permissions 'Datastore.Modify' on '/datastore/backup/elsewhere'"),
        ({"store": "other"}, "missing permissions 'Datastore.Modify' on '/datastore/other/wireguard'"),
    ],
)
def test_refused_job_is_400_in_bare_text(pbs: Pbs, changes: dict[str, Any], says: str) -> None:
    answer = pbs.call("POST", "/config/prune", **(PRUNE | changes))
    assert (answer.status, answer.body.decode()) == (400, says)


def test_several_errors_are_told_line_by_line(pbs: Pbs) -> None:
    answer = pbs.call("POST", "/config/prune", id="ab", store="backup")
    assert answer.body.decode() == (
        "parameter verification failed:\n- 'id': value must be at least 3 characters long\n"
        "- 'schedule': parameter is missing and it is not optional."
    )


@pytest.mark.parametrize(("kind", "section", "job"), [("prune", "prune", PRUNE), ("verify", "verification", VERIFY)])
def test_job_is_made_changed_and_removed_with_digests(pbs: Pbs, kind: str, section: str, job: dict[str, Any]) -> None:
    path = f"/config/{kind}/{job['id']}"
    assert pbs.call("POST", f"/config/{kind}", **job).data is None
    taken = pbs.call("POST", f"/config/{kind}", **job)
    assert taken.body.decode() == f"parameter verification failed - 'id': job '{job['id']}' already exists."
    found = pbs.call("GET", path).json
    assert found["data"] == job
    assert len(found["digest"]) == 64
    assert pbs.call("GET", f"/config/{kind}").json == {"data": [job], "digest": found["digest"]}
    stale = pbs.call("PUT", path, comment="x", digest="0" * 64)
    assert stale.body.decode() == "detected modified configuration - file changed by other user? Try again."
    assert pbs.call("PUT", path, comment="x", delete=["ns"], digest=found["digest"]).status == 400
    assert pbs.call("PUT", path, comment="x", schedule="weekly", digest=found["digest"]).data is None
    assert pbs.call("GET", path).data == job | {"comment": "x", "schedule": "weekly"}
    assert pbs.call("PUT", path, delete=["comment"]).data is None
    assert pbs.call("DELETE", path).data is None
    for method in ("GET", "PUT", "DELETE"):
        gone = pbs.call(method, path)
        assert (gone.status, gone.body.decode()) == (400, f"no such {section} '{job['id']}'")


def test_prune_job_removes_what_its_rules_do_not_keep(pbs: Pbs) -> None:
    for time in (1000, 2000, 3000, 4000):
        snapshot(pbs, time)
    pbs.call("POST", "/config/prune", **PRUNE)
    dry = pbs.call("POST", f"{STORE}/prune", **{"backup-type": "ct", "backup-id": "2090", "ns": "wireguard",
                                               "keep-last": 1, "dry-run": True}).data  # fmt: skip
    assert [each["keep"] for each in dry] == [False, False, False, True]
    assert len(listed(pbs)) == 4
    assert pbs.done(pbs.call("POST", "/admin/prune/wg-prune/run")) == "OK"
    assert [each["backup-time"] for each in listed(pbs)] == [3000, 4000]
    state = pbs.call("GET", "/admin/prune").data[0]
    assert (state["last-run-state"], state["id"]) == ("OK", "wg-prune")
    assert state["next-run"] > state["last-run-endtime"]


def test_verify_job_finds_a_broken_file(pbs: Pbs) -> None:
    snapshot(pbs, 1000)
    broken = snapshot(pbs, 2000)
    pbs.call("POST", "/config/verify", **VERIFY)
    assert pbs.done(pbs.call("POST", "/admin/verify/wg-verify/run")) == "OK"
    assert [each["verification"]["state"] for each in listed(pbs)] == ["ok", "ok"]
    (broken.path / "root.pxar.didx").write_text("something else")
    pbs.call("PUT", "/config/verify/wg-verify", ignore_verified=False)
    assert "verification failed" in pbs.done(pbs.call("POST", "/admin/verify/wg-verify/run"))
    assert [each["verification"]["state"] for each in listed(pbs)] == ["ok", "failed"]


def test_unfinished_snapshot_has_no_size_but_counts_as_the_groups_last(pbs: Pbs) -> None:
    snapshot(pbs, 1000)
    snapshot(pbs, 2000, finished=False)
    assert [("size" in each, each["files"] != []) for each in listed(pbs)] == [(True, True), (False, False)]
    assert listed(pbs)[0]["files"] == ["root.pxar.didx", "index.json.blob"]
    group = pbs.call("GET", f"{STORE}/groups", ns="wireguard").data[0]
    assert (group["last-backup"], group["owner"]) == (2000, OWNER)


def test_backup_token_sees_its_own_and_removes_nothing(pbs: Pbs) -> None:
    snapshot(pbs, 1000)
    backup = f"PBSAPIToken={OWNER}:{BACKUP_SECRET}"
    assert len(pbs.call("GET", f"{STORE}/snapshots", backup, ns="wireguard").data) == 1
    where = {"ns": "wireguard", "backup-type": "ct", "backup-id": "2090", "backup-time": 1000}
    answer = pbs.call("DELETE", f"{STORE}/snapshots", backup, **where)
    assert answer.body.decode() == "missing permissions 'Datastore.Prune' on '/datastore/backup/wireguard'"
    assert pbs.call("POST", "/config/prune", backup, **PRUNE).status == 400


def test_namespaces_and_permissions(pbs: Pbs) -> None:
    assert [each["ns"] for each in pbs.call("GET", f"{STORE}/namespace").data] == ["", "wireguard"]
    assert pbs.call("POST", f"{STORE}/namespace", name="inner", parent="wireguard").data == "wireguard/inner"
    assert pbs.call("POST", f"{STORE}/namespace", name="inner").status == 400
    snapshot(pbs, 1000)
    refused = pbs.call("DELETE", f"{STORE}/namespace", ns="wireguard")
    assert "missing permissions" in refused.body.decode()
    held = pbs.call("GET", "/access/permissions", path="/datastore/backup").data
    assert held == {"/datastore/backup": {"Datastore.Audit": False}}
    assert [each["store"] for each in pbs.call("GET", "/admin/datastore").data] == ["backup"]
    assert pbs.call("GET", f"{STORE}/status").data["avail"] > 0


def test_state_and_snapshots_survive_a_restart(pbs: Pbs) -> None:
    snapshot(pbs, 1000)
    pbs.call("POST", "/config/prune", **PRUNE)
    again = Pbs(pbs.root)
    assert len(listed(again)) == 1
    assert again.call("GET", "/config/prune/wg-prune").data == PRUNE
    assert BACKUP_SECRET not in json.dumps(again.server.data)
