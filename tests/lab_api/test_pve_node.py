"""Templates, pools, tasks, and what a restart leaves."""

import hashlib
import re

import pytest

from tests.lab_api.stand_ins import CT, TEMPLATE, URL, Pve

DOWNLOAD = "/nodes/pve/storage/local/download-url"
SHA512 = hashlib.sha512(b"a template").hexdigest()


def download(pve: Pve, **changes: str) -> str:
    wanted = {"content": "vztmpl", "filename": TEMPLATE, "url": URL, "node": "pve", "storage": "local"} | changes
    return pve.done(pve.call("POST", DOWNLOAD, **wanted))


def test_download_with_a_checksum_is_verified_and_idempotent(pve: Pve) -> None:
    right = {"checksum": SHA512, "checksum-algorithm": "sha512"}
    assert "checksum mismatch" in download(pve, **(right | {"checksum": "0" * 128}))
    assert pve.call("GET", "/nodes/pve/storage/local/content", content="vztmpl").data == []
    assert download(pve, **right) == "OK"
    assert download(pve, **right) == "OK"
    assert "checksum mismatch" in download(pve, **(right | {"checksum": "0" * 128}))
    assert download(pve).startswith("refusing to override existing file '")
    found = pve.call("GET", "/nodes/pve/storage/local/content", content="vztmpl").data
    assert [(each["volid"], each["size"]) for each in found] == [(f"local:vztmpl/{TEMPLATE}", 10)]


def test_download_that_is_refused(pve: Pve) -> None:
    wanted = {"content": "vztmpl", "filename": TEMPLATE, "url": URL}
    missing = pve.call("POST", DOWNLOAD, **wanted, checksum="aa")
    assert list(missing.errors) == ["checksum-algorithm"]
    assert pve.call("POST", DOWNLOAD, **(wanted | {"filename": "x.txt"})).errors == {"filename": "wrong file extension"}
    assert pve.call("POST", DOWNLOAD, **(wanted | {"content": "iso"})).status == 500
    assert pve.call("GET", "/nodes/pve/query-url-metadata", url="http://example.org/x").status == 500
    assert pve.call("GET", "/nodes/pve/query-url-metadata", url=URL).data["size"] == 10


def test_template_is_removed_only_with_datastore_allocate(pve: Pve) -> None:
    pve.template()
    path = f"/nodes/pve/storage/local/content/local:vztmpl/{TEMPLATE}"
    assert pve.call("DELETE", path).message == "Permission check failed (/storage/local, Datastore.Allocate)"
    root = pve.root_ticket()
    assert pve.done(pve.call("DELETE", path, root), root) == "OK"
    assert pve.call("GET", path, root).status == 500


def test_pool_that_holds_a_guest_cannot_be_removed(pve: Pve) -> None:
    pve.container()
    root = pve.root_ticket()
    answer = pve.call("DELETE", "/pools", root, poolid="wireguard")
    assert answer.message == "delete pool failed: pool 'wireguard' is not empty (contains VM 2090)"
    pve.call("POST", "/pools", root, poolid="other")
    assert pve.call("PUT", "/pools", root, poolid="other", vms="2090").status == 500
    assert pve.call("PUT", "/pools", root, poolid="other", vms="2090", **{"allow-move": 1}).status == 200
    members = pve.call("GET", "/pools", root, poolid="other").data[0]["members"]
    assert [member["id"] for member in members] == ["lxc/2090"]
    assert pve.call("DELETE", "/pools", root, poolid="wireguard").status == 200


def test_task_is_known_by_a_upid_and_shown_to_its_owner_only(pve: Pve) -> None:
    pve.template()
    task = pve.call("GET", "/nodes/pve/tasks").data[0]
    assert re.fullmatch(
        rf"UPID:pve:[0-9A-F]{{8}}:[0-9A-F]{{8}}:[0-9A-F]{{8}}:download:{re.escape(TEMPLATE)}:wgdeploy@pve!pulumi:",
        task["upid"],
    )
    assert (task["user"], task["tokenid"], task["status"]) == ("wgdeploy@pve", "pulumi", "OK")
    secret = pve.call("POST", "/access/users/wgdeploy@pve/token/other", pve.root_ticket()).data["value"]
    other = {"authorization": f"PVEAPIToken=wgdeploy@pve!other={secret}"}
    answer = pve.call("GET", f"/nodes/pve/tasks/{task['upid']}/status", other)
    assert answer.message == "Permission check failed (/nodes/pve, Sys.Audit)"
    for upid in ("nonsense", "UPID:pve:1:2:3:a:b:c:"):
        assert pve.call("GET", f"/nodes/pve/tasks/{upid}/status").status == 400


def test_state_survives_a_restart(pve: Pve) -> None:
    pve.container(start=1)
    before = pve.call("GET", f"{CT}/config").data
    tasks = pve.call("GET", "/nodes/pve/tasks").data
    pve.start()
    assert pve.call("GET", f"{CT}/config").data == before
    assert pve.call("GET", f"{CT}/status/current").data["status"] == "running"
    assert pve.call("GET", "/nodes/pve/tasks").data == tasks


@pytest.mark.parametrize(("lock", "left"), [("create", []), ("backup", [2090])])
def test_restart_puts_right_what_was_interrupted(pve: Pve, lock: str, left: list[int]) -> None:
    pve.container()
    pve.cluster.lock(2090, lock)
    pve.start()
    found = pve.call("GET", "/cluster/resources", type="vm").data
    assert [guest["vmid"] for guest in found] == left
    assert all("lock" not in guest for guest in found)


def test_lists_show_only_what_the_caller_may_see(pve: Pve) -> None:
    shown = {each["storage"]: each["type"] for each in pve.call("GET", "/nodes/pve/storage").data}
    assert shown == {"local": "dir", "local-lvm": "lvmthin"}
    secret = pve.call("POST", "/access/users/wgdeploy@pve/token/bare", pve.root_ticket()).data["value"]
    bare = {"authorization": f"PVEAPIToken=wgdeploy@pve!bare={secret}"}
    pve.container()
    assert pve.call("GET", "/nodes/pve/storage", bare).data == []
    assert pve.call("GET", "/nodes/pve/lxc", bare).data == []
    assert pve.call("GET", "/cluster/nextid", bare, vmid=2090).status == 400
