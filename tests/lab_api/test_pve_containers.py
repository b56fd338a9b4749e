"""A container's life through the API, and everything it refuses."""

import re
from typing import Any

import pytest

from tests.lab_api.stand_ins import CT, NEW_CT, TEMPLATE, Pve

LXC = "/nodes/pve/lxc"


def create(pve: Pve, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    return pve.call("POST", LXC, headers, **(NEW_CT | changes))


def test_created_container_reads_back_as_the_real_server_tells_it(pve: Pve) -> None:
    pve.container(description="hello", tags="wg;vpn")
    config = pve.call("GET", f"{CT}/config").data
    assert config["description"] == "hello\n"
    assert config["tags"] == "vpn;wg"
    assert (config["memory"], config["onboot"], config["unprivileged"]) == (512, 1, 1)
    assert config["rootfs"] == "local-lvm:vm-2090-disk-0,size=8G"
    assert re.fullmatch(
        r"name=eth0,bridge=vmbr0,firewall=1,gw=192\.168\.10\.1,host-managed=0,"
        r"hwaddr=BC:24:11(:[0-9A-F]{2}){3},ip=192\.168\.20\.90/16,type=veth",
        config["net0"],
    )
    assert re.fullmatch(r"[0-9a-f]{40}", config["digest"])


def test_taken_vmid_is_500_with_the_text_the_provider_takes_for_success(pve: Pve) -> None:
    pve.container(pve.root_ticket(), pool=None, hostname="foreign")
    answer = create(pve)
    assert (answer.status, answer.message) == (500, "CT 2090 already exists on node 'pve'")
    assert answer.json == {"data": None, "message": "CT 2090 already exists on node 'pve'\n"}
    taken = pve.call("GET", "/cluster/nextid", vmid=2090)
    assert (taken.status, taken.errors) == (400, {"vmid": "VM 2090 already exists"})


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"features": "nesting=1,keyctl=1"}, 403, "changing feature flags (except nesting) is only allowed"),
        ({"dev0": "path=/dev/net/tun"}, 403, "configuring device passthrough is only allowed for root@pam"),
        ({"mp0": "/srv,mp=/srv"}, 403, "mount point type bind is only allowed for root@pam"),
        ({"mp0": "/dev/sda,mp=/srv"}, 403, "mount point type device is only allowed for root@pam"),
        ({"hookscript": "local:snippets/x"}, 403, "hookscript"),
        ({"unprivileged": 0}, 403, "(/, Sys.Modify)"),
        ({"net0": "name=eth0,bridge=vmbr1"}, 403, "(/sdn/zones/localnetwork/vmbr1, SDN.Use)"),
        ({"storage": "local", "rootfs": "local:8"}, 403, "(/storage/local, Datastore.AllocateSpace)"),
        ({"pool": "nowhere"}, 500, "pool 'nowhere' does not exist"),
        ({"ostemplate": "nowhere:vztmpl/x.tar.zst"}, 500, "storage 'nowhere' does not exist"),
    ],
)  # fmt: skip
def test_token_may_not(pve: Pve, changes: dict[str, Any], status: int, says: str) -> None:
    pve.template()
    answer = create(pve, **changes)
    assert answer.status == status
    assert says in answer.message
    assert pve.call("GET", "/cluster/resources", type="vm").data == []


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"vmid": 99}, "vmid"),
        ({"memory": 15}, "memory"),
        ({"hostname": "under_score"}, "hostname"),
        ({"net0": "bridge=vmbr0"}, "net0"),
        ({"net0": "name=eth0,ip=192.168.20.90"}, "net0"),
        ({"net0": "name=eth0,hwaddr=01:00:00:00:00:00"}, "net0"),
        ({"net32": "name=eth0"}, "net32"),
        ({"cores": "many"}, "cores"),
        ({"onboot": "perhaps"}, "onboot"),
        ({"rootfs": "size=8G"}, "rootfs"),
        ({"unknown": 1}, "unknown"),
        ({"unique": 1}, "restore"),
    ],
)
def test_parameter_that_breaks_its_schema_is_400_by_name(pve: Pve, changes: dict[str, Any], parameter: str) -> None:
    answer = create(pve, **changes)
    assert (answer.status, answer.message) == (400, "Parameter verification failed.")
    assert list(answer.errors) == [parameter]


def test_root_with_a_ticket_may_what_tokens_may_not_even_roots_own(pve: Pve) -> None:
    root = pve.root_ticket()
    pve.template()
    secret = pve.call("POST", "/access/users/root@pam/token/own", root, privsep=0).data["value"]
    own = {"authorization": f"PVEAPIToken=root@pam!own={secret}"}
    assert create(pve, own, dev0="/dev/net/tun").status == 403
    assert pve.done(create(pve, root, dev0="/dev/net/tun", features="nesting=1,keyctl=1"), root) == "OK"


def test_missing_template_fails_the_task_and_leaves_nothing(pve: Pve) -> None:
    assert pve.done(create(pve)) == f"unable to create CT 2090 - can't find file 'local:vztmpl/{TEMPLATE}'"
    assert pve.call("GET", "/cluster/nextid", vmid=2090).data == "2090"
    assert pve.call("GET", "/pools", poolid="wireguard").data[0]["members"] == []


def test_in_place_change_of_features_is_refused_to_tokens_even_when_nothing_changes(pve: Pve) -> None:
    pve.container()
    answer = pve.call("PUT", f"{CT}/config", features="fuse=0,keyctl=0,nesting=1,mknod=0")
    assert answer.message == (
        "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)"
    )


def test_update_drops_what_is_named_and_gives_an_interface_without_a_mac_a_new_one(pve: Pve) -> None:
    pve.container(nameserver="192.0.2.1")
    before = pve.call("GET", f"{CT}/config").data
    answer = pve.call("PUT", f"{CT}/config", net0="name=eth0,bridge=vmbr0,ip=dhcp", delete=["nameserver", "net1"])
    assert answer.status == 200
    after = pve.call("GET", f"{CT}/config").data
    mac = re.search(r"hwaddr=[0-9A-F:]+", before["net0"])
    assert mac is not None
    assert mac[0] not in after["net0"]
    assert "ip=dhcp" in after["net0"]
    assert "nameserver" not in after
    assert after["digest"] != before["digest"]


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({}, 500, "no options specified"),
        ({"delete": "nonsense"}, 400, "Parameter verification failed."),
        ({"delete": "cores", "cores": 2}, 400, "Parameter verification failed."),
        ({"unprivileged": 0}, 500, "unable to modify read-only option: 'unprivileged'"),
        ({"cores": 2, "digest": "0" * 40}, 500, "detected modified configuration - file changed by other user?"),
        ({"ostemplate": "local:vztmpl/x"}, 400, "Parameter verification failed."),
    ],
)
def test_update_that_is_refused(pve: Pve, changes: dict[str, Any], status: int, says: str) -> None:
    pve.container()
    answer = pve.call("PUT", f"{CT}/config", **changes)
    assert answer.status == status
    assert says in answer.message


def test_disk_grows_and_never_shrinks(pve: Pve) -> None:
    pve.container()
    assert pve.done(pve.call("PUT", f"{CT}/resize", disk="rootfs", size="+2G")) == "OK"
    assert pve.call("GET", f"{CT}/config").data["rootfs"].endswith("size=10G")
    assert pve.call("PUT", f"{CT}/resize", disk="rootfs", size="4G").message == "unable to shrink disk size"


def test_power(pve: Pve) -> None:
    pve.container()
    assert pve.call("GET", f"{CT}/interfaces").data is None
    assert pve.call("POST", f"{CT}/status/stop").message == "CT 2090 not running"
    assert pve.done(pve.call("POST", f"{CT}/status/start")) == "OK"
    assert pve.call("POST", f"{CT}/status/start").message == "CT 2090 already running"
    found = pve.call("GET", f"{CT}/interfaces").data
    assert [item["name"] for item in found] == ["lo", "eth0"]
    assert found[1]["ip-addresses"][0]["ip-address-type"] == "inet"
    assert pve.call("GET", f"{CT}/status/current").data["status"] == "running"
    assert pve.done(pve.call("POST", f"{CT}/status/reboot", timeout=5)) == "OK"
    assert pve.done(pve.call("POST", f"{CT}/status/shutdown", forceStop=1, timeout=5)) == "OK"
    assert pve.call("GET", f"{CT}/status/current").data["status"] == "stopped"


def test_destroy_is_refused_while_running_or_protected_and_then_leaves_nothing(pve: Pve) -> None:
    pve.container(start=1)
    assert pve.call("DELETE", CT).message == "unable to destroy CT 2090 - container is running"
    pve.done(pve.call("POST", f"{CT}/status/stop"))
    pve.call("PUT", f"{CT}/config", protection=1)
    assert pve.call("DELETE", CT).message == "can't remove CT 2090 - protection mode enabled"
    pve.call("PUT", f"{CT}/config", protection=0)
    pve.call("PUT", "/access/acl", pve.root_ticket(), path="/vms/2090", roles="PVEAuditor", users="wgdeploy@pve")
    assert pve.done(pve.call("DELETE", CT)) == "OK"
    gone = pve.call("GET", f"{CT}/status/current")
    assert (gone.status, gone.message) == (500, "Configuration file 'nodes/pve/lxc/2090.conf' does not exist")
    assert pve.call("GET", "/pools", poolid="wireguard").data[0]["members"] == []
    assert pve.cluster.data["volumes"] == {}
    assert all(item["path"] != "/vms/2090" for item in pve.cluster.data["acl"])


def test_locked_container_can_be_read_but_not_changed(pve: Pve) -> None:
    pve.container()
    pve.cluster.lock(2090, "backup")
    assert pve.call("GET", f"{CT}/config").data["lock"] == "backup"
    for answer in (pve.call("PUT", f"{CT}/config", cores=2), pve.call("DELETE", CT)):
        assert (answer.status, answer.message) == (500, "CT is locked (backup)")


def test_conflict_between_path_and_body_is_refused(pve: Pve) -> None:
    answer = pve.call("POST", LXC, **(NEW_CT | {"node": "other"}))
    assert answer.errors == {"node": "duplicate parameter (already defined in URI) with conflicting values!"}
    assert pve.call("GET", "/nodes/other/lxc").status == 500
    assert pve.call("GET", "/nodes/pve/nothing").status == 501
