"""Reading and changing a container's configuration, growing its disk."""

import re
from typing import Any

from lab.api.schema import boolean, text
from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.dialect import bad_parameter, died
from lab.pve.disks import resize
from lab.pve.firewall_filter import apply
from lab.pve.guest_permissions import check_options
from lab.pve.guests import canonical, shown_config, spec_of
from lab.pve.options import NOT_OPTIONS, check_digest, digest
from lab.pve.parameters import DELETE, DIGEST_SHA1, GUEST, GUEST_OPTIONS
from lab.pve.routing import Call, endpoint

ANY_CONFIG = on(
    "/vms/{vmid}",
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    any_of=True,
)
ESSENTIAL = {"hostname", "memory", "swap", "rootfs", "arch"}
DISKS = ("rootfs", *(f"mp{n}" for n in range(256)))


@endpoint(
    "GET",
    "/nodes/{node}/lxc/{vmid}/config",
    {**GUEST, "current": boolean(), "snapshot": text(check=f.config_id, size=(None, 40))},
    permission=on("/vms/{vmid}", "VM.Audit"),
)
def read_config(call: Call) -> Any:
    """Return the configuration with its digest."""
    return shown_config(call.cluster, call.vmid)


@endpoint("GET", "/nodes/{node}/lxc/{vmid}/pending", GUEST, permission=on("/vms/{vmid}", "VM.Audit"))
def pending(call: Call) -> Any:
    """Return the configuration option by option; changes take effect at once here, so none is pending."""
    config = call.cluster.guest(call.vmid)["config"]
    return [{"key": key, "value": value} for key, value in config.items()]


@endpoint(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/config",
    {**GUEST, **GUEST_OPTIONS, **DELETE, **DIGEST_SHA1, "revert": text(check=f.each(f.option_id))},
    permission=ANY_CONFIG,
)
def update_config(call: Call) -> Any:
    """Change options; the driver learns of them at once, the container at its next start."""
    guest = call.cluster.unlocked(call.vmid)
    config = guest["config"]
    new = {name: value for name, value in call.params.items() if name not in NOT_OPTIONS and name != "revert"}
    delete = f.split_list(call.get("delete", ""))
    if not new and not delete and "revert" not in call.params:
        raise died("no options specified")
    _check_delete(delete, new)
    check_options(
        call.cluster,
        call.who,
        call.vmid,
        call.cluster.pool_of(call.vmid),
        new=new,
        old=config,
        delete=[name for name in delete if name in config],
    )
    check_digest(call, digest(config))
    _check_values(call.vmid, config, new, delete)
    with call.cluster.store.edit():
        for option in delete:
            if option in config and option not in ESSENTIAL:
                del config[option]
        for option, value in new.items():
            config[option] = canonical(option, value)
    call.cluster.driver.reconfigure(spec_of(call.vmid, config))
    apply(call.cluster, call.vmid)


def _check_delete(delete: list[str], new: dict[str, Any]) -> None:
    for option in delete:
        if option in new:
            raise bad_parameter("delete", f"you can't use '-{option}' and -delete {option}' at the same time")
        if option not in GUEST_OPTIONS and re.sub(r"\d+$", "[n]", option) not in GUEST_OPTIONS:
            raise bad_parameter("delete", f"unknown option '{option}'")


def _check_values(vmid: int, config: dict[str, Any], new: dict[str, Any], delete: list[str]) -> None:
    if "unprivileged" in new or "unprivileged" in delete:
        raise died("unable to modify read-only option: 'unprivileged'")
    for option in [name for name in [*new, *delete] if re.fullmatch(r"rootfs|mp\d+", name)]:
        if config.get("protection"):
            raise died(f"can't update CT {vmid} drive '{option}' - protection mode enabled")
        _check_volume(option, config, new)


def _check_volume(option: str, config: dict[str, Any], new: dict[str, Any]) -> None:
    if option == "rootfs" and option not in new:
        raise bad_parameter("delete", "unable to delete required option 'rootfs'")
    if option == "rootfs":
        held = f.ROOTFS.parse(config["rootfs"])["volume"]
        if f.ROOTFS.parse(new["rootfs"])["volume"] != held:
            raise died("the root disk cannot be replaced")
    elif option in new:
        raise died(f"unable to hotplug {option}: mount points are not part of this stand-in")


@endpoint(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/resize",
    {
        **GUEST,
        **DIGEST_SHA1,
        "disk": text(enum=DISKS).required(),
        "size": text(pattern=r"\+?\d+(\.\d+)?[KMGT]?").required(),
    },
    permission=on("/vms/{vmid}", "VM.Config.Disk", any_of=True),
)
def resize_disk(call: Call) -> Any:
    """Grow a disk; it cannot shrink."""
    guest = call.cluster.unlocked(call.vmid)
    check_digest(call, digest(guest["config"]))
    with call.cluster.store.edit() as data:
        resize(data, guest["config"], call.params["disk"], call.params["size"])
    spec = spec_of(call.vmid, guest["config"])
    return call.cluster.tasks.start(
        "resize", str(call.vmid), call.who.authid, lambda _: call.cluster.driver.reconfigure(spec)
    )
