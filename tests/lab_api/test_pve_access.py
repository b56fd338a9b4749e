"""Who gets in, and what each may do where."""

import pytest

from tests.lab_api.stand_ins import CT, NEW_CT, ROOT_PASSWORD, SECRET, Pve


def token(authid: str, secret: str) -> dict[str, str]:
    return {"authorization": f"PVEAPIToken={authid}={secret}"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No ticket"),
        (token("wgdeploy@pve!pulumi", "wrong"), "Authentication failed!"),
        (token("nobody@pve!x", SECRET), "Authentication failed!"),
        ({"authorization": f"PVEAPIToken=wgdeploy@pve!pulumi:{SECRET}"}, "Authentication failed!"),
    ],
)
def test_bad_credentials_are_401_with_an_empty_body(pve: Pve, headers: dict[str, str], message: str) -> None:
    answer = pve.call("GET", "/version", headers)
    assert (answer.status, answer.message, answer.body) == (401, message, b"")


def test_password_gives_a_ticket_whose_changes_need_the_csrf_token(pve: Pve) -> None:
    assert pve.call("POST", "/access/ticket", {}, username="root@pam", password="wrong-one").status == 401
    ticket = pve.root_ticket()
    assert pve.call("GET", "/cluster/backup", ticket).status == 200
    without = {"cookie": ticket["cookie"]}
    assert pve.call("GET", "/version", without).status == 200
    answer = pve.call("POST", "/pools", without, poolid="other")
    assert (answer.status, answer.message) == (401, "Permission denied - invalid csrf token")
    assert pve.call("POST", "/pools", ticket, poolid="other").status == 200


def test_altered_ticket_is_refused(pve: Pve) -> None:
    cookie = pve.root_ticket()["cookie"].replace("root%40pam", "wgdeploy%40pve")
    assert pve.call("GET", "/version", {"cookie": cookie}).status == 401


def test_403_names_the_path_and_the_missing_privilege(pve: Pve) -> None:
    answer = pve.call("PUT", "/cluster/firewall/options", enable=1)
    assert (answer.status, answer.message) == (403, "Permission check failed (/, Sys.Modify)")
    pve.container(pve.root_ticket(), vmid=3000, pool=None)
    answer = pve.call("POST", "/nodes/pve/lxc/3000/status/start")
    assert (answer.status, answer.message) == (403, "Permission check failed (/vms/3000, VM.PowerMgmt)")


def test_separated_token_has_only_what_user_and_token_both_have(pve: Pve) -> None:
    root = pve.root_ticket()
    made = pve.call("POST", "/access/users/wgdeploy@pve/token/bare", root).data
    bare = token("wgdeploy@pve!bare", made["value"])
    assert pve.call("GET", "/access/permissions", bare).data == {}
    pve.call("PUT", "/access/acl", root, path="/pool/wireguard", roles="PVEAuditor", tokens="wgdeploy@pve!bare")
    held = pve.call("GET", "/access/permissions", bare, path="/pool/wireguard").data["/pool/wireguard"]
    assert held == {"Pool.Audit": 1, "VM.Audit": 1}
    made = pve.call("POST", "/access/users/wgdeploy@pve/token/full", root, privsep=0).data
    full = token("wgdeploy@pve!full", made["value"])
    assert pve.call("GET", "/access/permissions", full).data == pve.call("GET", "/access/permissions").data


def test_nearer_rule_replaces_one_from_above_and_propagation_is_honoured(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.call("PUT", "/access/acl", root, path="/storage", roles="PVEDatastoreAdmin", users="wgdeploy@pve")
    assert pve.cluster.permissions.of("wgdeploy@pve", "/storage/other") != {}
    assert "Datastore.Allocate" not in pve.cluster.permissions.of("wgdeploy@pve", "/storage/local")
    assert pve.cluster.permissions.of("wgdeploy@pve", "/nodes/other") == {}
    assert pve.call("GET", "/access/permissions").data["/"] == {"Sys.Audit": 0}


def test_rights_on_the_pool_reach_its_guests_and_no_others(pve: Pve) -> None:
    pve.container()
    pve.container(pve.root_ticket(), vmid=3000, pool=None)
    assert pve.call("POST", f"{CT}/status/start").status == 200
    assert pve.call("PUT", "/nodes/pve/lxc/3000/config", cores=2).status == 403
    answer = pve.call("POST", "/nodes/pve/lxc", **(NEW_CT | {"vmid": 3001, "pool": "wireguard"}))
    assert answer.status == 200
    without_pool = {name: value for name, value in NEW_CT.items() if name != "pool"} | {"vmid": 3002}
    assert pve.call("POST", "/nodes/pve/lxc", **without_pool).message == "Permission check failed"


def test_token_can_be_rotated_and_revoked(pve: Pve) -> None:
    root = pve.root_ticket()
    path = "/access/users/wgdeploy@pve/token/pulumi"
    made = pve.call("PUT", path, root, regenerate=1).data
    assert pve.call("GET", "/version").status == 401
    assert pve.call("GET", "/version", token("wgdeploy@pve!pulumi", made["value"])).status == 200
    pve.call("PUT", path, root, expire=1)
    assert pve.call("GET", "/version", token("wgdeploy@pve!pulumi", made["value"])).message == "token expired"
    pve.call("DELETE", path, root)
    assert pve.call("GET", "/version", token("wgdeploy@pve!pulumi", made["value"])).status == 401


def test_role_with_a_privilege_that_is_gone_is_refused(pve: Pve) -> None:
    answer = pve.call("POST", "/access/roles", pve.root_ticket(), roleid="old", privs="VM.Audit,VM.Monitor")
    assert (answer.status, list(answer.errors)) == (400, ["privs"])


def test_state_holds_no_secret_in_plain_text(pve: Pve) -> None:
    text = (pve.root / "state.json").read_text()
    assert SECRET not in text
    assert ROOT_PASSWORD not in text
    assert (pve.root / "state.json").stat().st_mode & 0o777 == 0o600
