"""POST /nodes/{node}/lxc: a new container from a template, or from a backup."""

from typing import Any

from lab.api.schema import boolean, number, text
from lab.api.tasks import TaskError
from lab.errors import LabError
from lab.pve import formats as f
from lab.pve.backup_stores import BackupError
from lab.pve.backups import open_store
from lab.pve.cluster import Cluster
from lab.pve.dialect import bad_parameter, died, forbidden
from lab.pve.disks import allocate, release
from lab.pve.firewall_filter import apply
from lab.pve.guest_permissions import check_options
from lab.pve.guests import DEFAULTS, canonical, generate_mac, spec_of, status_of
from lab.pve.lxc_destroy import remove_guest
from lab.pve.parameters import GUEST_OPTIONS, NODE, VMID
from lab.pve.routing import Call, endpoint
from lab.pve.storage import split_volume

NOT_CONFIG = {
    "node",
    "vmid",
    "ostemplate",
    "storage",
    "pool",
    "start",
    "password",
    "ssh-public-keys",
    "restore",
    "force",
    "unique",
    "bwlimit",
    "ha-managed",
    "ignore-unpack-errors",
    "lock",
}


@endpoint("GET", "/nodes/{node}/lxc", NODE)
def list_containers(call: Call) -> Any:
    """Return the containers the caller may see."""
    allowed = call.cluster.permissions.has
    return [
        status_of(call.cluster, vmid)
        for vmid in call.cluster.guests()
        if allowed(call.who, f"/vms/{vmid}", ["VM.Audit"])
    ]


@endpoint(
    "POST",
    "/nodes/{node}/lxc",
    {
        **NODE,
        **GUEST_OPTIONS,
        "vmid": VMID.required(),
        "ostemplate": text(size=(None, 255)).required(),
        "bwlimit": number(0),
        "force": boolean(),
        "ha-managed": boolean(),
        "ignore-unpack-errors": boolean(),
        "password": text(size=(5, None)),
        "pool": text(check=f.pool_id),
        "restore": boolean(),
        "ssh-public-keys": text(),
        "start": boolean(),
        "storage": text(check=f.storage_id),
        "unique": boolean(requires="restore"),
    },
)
def create_container(call: Call) -> Any:
    """Start the creation (or restore) and return its task."""
    _permit(call)
    volume = call.params["ostemplate"]
    storage, name = split_volume(call.cluster, volume)
    restoring = bool(call.get("restore"))
    _permit_source(call, storage, backup=restoring)
    replaced = _replaced(call, restoring=restoring)
    config, firewall = _from_backup(call, volume) if restoring else (_fresh(call, name), None)
    disk_storage = _disk_storage(call, config)
    call.cluster.permissions.require(call.who, f"/storage/{disk_storage}", ["Datastore.AllocateSpace"])
    if "rootdir" not in call.cluster.storage(disk_storage)["content"].split(","):
        raise died(f"storage '{disk_storage}' does not support container directories")
    with call.cluster.store.edit() as data:
        if replaced:
            release(data, call.vmid)
        config["rootfs"] = allocate(data, call.vmid, disk_storage, config.get("rootfs"))
        data["guests"][str(call.vmid)] = {"config": config, "lock": "create"}
        if firewall is not None:
            data["guest_firewalls"][str(call.vmid)] = firewall
    kind = "vzrestore" if restoring else "vzcreate"
    return call.cluster.tasks.start(kind, str(call.vmid), call.who.authid, lambda log: _build(call, log))


def _permit(call: Call) -> None:
    permissions, pool = call.cluster.permissions, call.get("pool")
    if pool is not None and pool not in call.cluster.data["pools"]:
        raise died(f"pool '{pool}' does not exist")
    overwriting = (
        call.get("restore") and call.get("force") and permissions.has(call.who, f"/vms/{call.vmid}", ["VM.Backup"])
    )
    if (
        not overwriting
        and not permissions.has(call.who, f"/vms/{call.vmid}", ["VM.Allocate"])
        and not (pool and permissions.has(call.who, f"/pool/{pool}", ["VM.Allocate"]))
    ):
        raise forbidden()
    if not call.get("restore") and not call.get("unprivileged", 1) and not call.who.is_root:
        permissions.require(call.who, "/", ["Sys.Modify"])
    options = {name: value for name, value in call.params.items() if name not in NOT_CONFIG and name != "unprivileged"}
    check_options(call.cluster, call.who, call.vmid, pool, new=options | {"unprivileged": call.get("unprivileged", 1)})


def _permit_source(call: Call, storage: str, *, backup: bool) -> None:
    path = f"/storage/{storage}"
    if backup:
        call.cluster.permissions.require(call.who, path, ["Datastore.AllocateSpace"])
    else:
        call.cluster.permissions.require(call.who, path, ["Datastore.AllocateSpace", "Datastore.Audit"], any_of=True)


def _replaced(call: Call, *, restoring: bool) -> bool:
    if call.vmid not in call.cluster.guests():
        return False
    if not (restoring and call.get("force")):
        raise died(f"CT {call.vmid} already exists on node '{call.node}'")
    if call.cluster.driver.running(call.vmid):
        raise died(f"unable to restore CT {call.vmid} - unable to restore CT {call.vmid} - container is running")
    call.cluster.unlocked(call.vmid)
    return True


def _fresh(call: Call, template: str) -> dict[str, Any]:
    config = {**DEFAULTS, "hostname": f"CT{call.vmid}", "unprivileged": 1, "ostype": "debian"}
    for option, value in call.params.items():
        if option not in NOT_CONFIG:
            config[option] = canonical(option, value)
    if not template.startswith("vztmpl/"):
        raise bad_parameter("ostemplate", f"unable to parse directory volume name '{template}'")
    return config


def _from_backup(call: Call, volume: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        record = open_store(call.cluster, volume.partition(":")[0]).describe(volume)
    except BackupError as error:
        raise died(f"unable to restore CT {call.vmid} - {error}") from None
    call.cluster.permissions.require_guest(call.who, record["vmid"], call.get("pool"), ["VM.Backup"])
    given = {name: canonical(name, value) for name, value in call.params.items() if name not in NOT_CONFIG}
    config = {**record["config"], **given}
    if call.get("unique"):  # it takes the backup's interfaces, whatever is given
        for option in [name for name in record["config"] if name.startswith("net")]:
            net = f.NET.parse(record["config"][option]) | {"hwaddr": generate_mac()}
            config[option] = f.NET.render(net)
    return config, record["firewall"]


def _disk_storage(call: Call, config: dict[str, Any]) -> str:
    given = str(call.params.get("rootfs", ""))
    if given:
        return given.removeprefix("volume=").partition(":")[0]
    if call.get("restore") and "storage" not in call.params:
        return str(config["rootfs"]).partition(":")[0]
    return str(call.get("storage", "local"))


def _build(call: Call, log: Any) -> None:
    cluster, vmid, restoring = call.cluster, call.vmid, bool(call.get("restore"))
    emsg = f"unable to {'restore' if restoring else 'create'} CT {vmid} - "
    config = cluster.guest(vmid)["config"]
    try:
        if restoring:
            _unpack_backup(cluster, spec_of(vmid, config), call.params["ostemplate"], log)
        else:
            _unpack_template(call, config, log)
    except (LabError, BackupError) as error:
        remove_guest(cluster, vmid)
        raise TaskError(emsg + str(error)) from None
    _settle(call)
    if call.get("start"):
        cluster.driver.start(vmid)
        apply(cluster, vmid)


def _settle(call: Call) -> None:
    pool = call.get("pool")
    with call.cluster.store.edit() as data:
        if pool and str(call.vmid) not in data["pools"][pool]["vms"]:
            data["pools"][pool]["vms"].append(str(call.vmid))
        call.cluster.lock(call.vmid, "")


def _unpack_template(call: Call, config: dict[str, Any], log: Any) -> None:
    volume = call.params["ostemplate"]
    storage, name = split_volume(call.cluster, volume)
    path = call.cluster.storage_path(storage, "template", "cache") / name.removeprefix("vztmpl/")
    if not path.exists():
        raise BackupError(f"can't find file '{volume}'")
    log(f"extracting archive '/var/lib/vz/template/cache/{path.name}'")
    call.cluster.driver.create(spec_of(call.vmid, config, call.get("ssh-public-keys", "")), path)


def _unpack_backup(cluster: Cluster, spec: Any, volume: str, log: Any) -> None:
    if cluster.driver.exists(spec.vmid):
        cluster.driver.destroy(spec.vmid)
    log(f"restoring '{volume}' now..")
    with open_store(cluster, volume.partition(":")[0]).archive(volume) as path:
        cluster.driver.restore(spec, path)
