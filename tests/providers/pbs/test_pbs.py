"""The backup schedule through Pulumi's plugin host, against both stand-ins over HTTPS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from lab.api.faults import Fault
from providers.pbs import ReservationProvider
from tests.providers.engine import CheckFailed, Managed, error_of
from tests.providers.host import Host, HostError
from tests.providers.pbs.conftest import MARK, PBS_SECRET, PLACE, PVE_SECRET, Stack, Systems, configure

JOB = "wireguard-vpn-test"


def test_the_jobs_are_made_once_and_a_second_up_is_a_no_op(stack: Stack, systems: Systems) -> None:
    assert stack.up() == ("create", "create")
    assert systems.pbs.data["prune"][JOB]["keep-daily"] == 7
    assert systems.pbs.data["prune"][JOB]["ns"] == "wireguard"
    assert systems.pbs.data["verify"][JOB]["comment"] == MARK
    assert stack.registration.outs["covered_by"] == ["wireguard-pool"]
    before = systems.jobs
    assert stack.up() == ("same", "same")
    stack.refresh()
    assert stack.up() == ("same", "same")
    assert systems.jobs == before


def test_destroy_leaves_both_systems_as_they_were(stack: Stack, strong: Systems) -> None:
    before = strong.jobs
    stack.up(backup_job="own")
    assert strong.pve.data["jobs"][JOB]["vmid"] == "2090"
    stack.registration.destroy()
    assert strong.pve.data["jobs"][JOB]["enabled"] == 0
    assert strong.pbs.data["prune"][JOB]["disable"] in (True, 1)
    stack.reservation.destroy()
    assert strong.jobs == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.pbs.data["prune"][JOB].update({"keep-daily": 1}),
        lambda s: s.pbs.data["prune"][JOB].update({"disable": True}),
        lambda s: s.pbs.data["prune"][JOB].update({"keep-yearly": 3}),
        lambda s: s.pbs.data["prune"].pop(JOB),
        lambda s: s.pbs.data["verify"].pop(JOB),
        lambda s: s.pbs.data["verify"][JOB].update({"schedule": "yearly"}),
        lambda s: s.pve.data["jobs"].pop(JOB),
        lambda s: s.pve.data["jobs"][JOB].update({"enabled": 0}),
        lambda s: s.pve.data["jobs"][JOB].update({"vmid": "100"}),
        lambda s: s.pve.data["jobs"][JOB].update({"node": "elsewhere"}),
        lambda s: s.pve.data["jobs"][JOB].update({"prune-backups": "keep-last=1"}),
        lambda s: s.pve.data["jobs"][JOB].update({"exclude-path": ["/etc/wireguard"]}),
    ],
)
def test_what_a_hand_changed_is_seen_by_refresh_and_repaired(
    stack: Stack, strong: Systems, edit: Callable[[Systems], Any]
) -> None:
    stack.up(backup_job="own")
    wanted = strong.jobs
    edit(strong)
    stack.refresh()
    assert stack.up(backup_job="own") == ("same", "update")
    assert strong.jobs == wanted
    assert stack.up(backup_job="own") == ("same", "same")


def test_a_change_of_retention_is_made_in_place(stack: Stack, systems: Systems) -> None:
    stack.up()
    assert stack.up(keep_daily=14, keep_weekly=0) == ("update", "update")
    job = systems.pbs.data["prune"][JOB]
    assert job["keep-daily"] == 14
    assert "keep-weekly" not in job


def test_a_foreign_job_of_our_name_is_refused_and_taken_over_only_on_request(stack: Stack, systems: Systems) -> None:
    theirs = {
        "store": "backup",
        "ns": "wireguard",
        "schedule": "daily",
        "keep-last": 1,
        "max-depth": 0,
        "comment": "hands off",
    }
    systems.pbs.data["prune"][JOB] = dict(theirs, id=JOB)
    assert "pbs_adopt" in error_of(stack.up)
    assert systems.pbs.data["prune"][JOB]["comment"] == "hands off"
    assert stack.up(adopt=True) == ("create", "create")
    assert systems.pbs.data["prune"][JOB]["comment"] == MARK


def test_a_foreign_job_of_any_kind_is_told_at_preview(stack: Stack, strong: Systems) -> None:
    strong.pbs.data["verify"][JOB] = {"id": JOB, "store": "backup", "ns": "wireguard", "comment": "hands off"}
    with pytest.raises(CheckFailed, match=f"the verify job '{JOB}' exists and is not ours"):
        stack.up(backup_job="own")
    del strong.pbs.data["verify"][JOB]
    theirs = {"id": JOB, "vmid": "100", "storage": "pbs", "schedule": "daily", "enabled": 1}
    strong.pve.data["jobs"][JOB] = dict(theirs)
    with pytest.raises(CheckFailed, match=f"the backup job '{JOB}' exists and is not ours"):
        stack.up(backup_job="own")
    assert strong.pve.data["jobs"][JOB] == theirs


def test_a_job_of_another_stack_is_told_with_that_stack_s_name(stack: Stack, systems: Systems) -> None:
    theirs = {
        "id": JOB,
        "store": "backup",
        "ns": "wireguard",
        "comment": "pulumi: wireguard-vpn/other/fedcba9876543210",
    }
    systems.pbs.data["verify"][JOB] = theirs
    with pytest.raises(CheckFailed, match=f"the verify job '{JOB}' exists and is stack wireguard-vpn/other's"):
        stack.up()


def test_a_renamed_stack_is_told_to_take_its_name_back(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs
    mark = MARK.replace("/test/", "/renamed/")
    with pytest.raises(CheckFailed, match=r"the stack was renamed\. Rename it back: pulumi stack rename test") as told:
        stack.up(mark=mark, job_id="wireguard-vpn-renamed")
    assert "pbs_adopt" not in str(told.value)
    assert systems.jobs == before


def test_a_namespace_with_another_guest_s_backups_is_not_pruned_unless_that_is_wanted(
    stack: Stack, systems: Systems
) -> None:
    """A prune job acts on every group of its namespace."""
    systems.back_up("ct", "2090")
    systems.back_up("vm", "100")
    with pytest.raises(CheckFailed, match=r"pbs_namespace: .*other guests \(vm/100\).*pbs_shared_namespace"):
        stack.up()
    assert not systems.pbs.data["prune"]
    assert stack.up(shared=True) == ("create", "create")
    assert stack.up(shared=True) == ("same", "same")


def test_backups_of_others_that_came_later_show_and_stop_the_next_change(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs
    systems.back_up("ct", "2090")
    systems.back_up("vm", "100")
    systems.pbs.data["prune"][JOB]["keep-daily"] = 1
    edited = systems.jobs
    assert stack.up() == ("same", "same")  # asks nobody
    stack.refresh()
    assert stack.registration.outs["strangers"] == ["vm/100"]
    assert "other guests (vm/100)" in error_of(stack.up)
    assert systems.jobs == edited
    systems.pbs.datastore("backup").remove_group("wireguard", "vm", "100")
    assert stack.up() == ("same", "update")
    assert systems.jobs == before
    assert stack.up() == ("same", "same")


def test_a_change_that_the_place_does_not_see_looks_for_others_backups_too(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs
    systems.back_up("vm", "100")
    with pytest.raises(HostError, match=r"pbs_namespace: .*other guests \(vm/100\).*pbs_shared_namespace"):
        stack.up(prune_schedule="05:00")
    assert systems.jobs == before
    assert stack.up(prune_schedule="05:00", shared=True) == ("update", "update")
    stack.refresh()
    assert stack.up(prune_schedule="05:00", shared=True) == ("same", "same")


def test_a_namespace_that_is_gone_is_no_reason_to_see_nothing_else(stack: Stack, systems: Systems) -> None:
    stack.up()
    systems.pbs.datastore("backup").delete_namespace("wireguard", groups=True)
    systems.pbs.data["prune"].pop(JOB)
    stack.refresh()
    assert stack.registration.outs["prune"] == {}


def test_backups_of_the_vmid_our_container_had_before_are_its_own(stack: Stack, systems: Systems) -> None:
    systems.back_up("ct", "2090")
    stack.up()
    assert stack.up(vmid=2091) == ("update", "update")
    assert stack.up(vmid=2091, keep_daily=9) == ("update", "update")
    assert stack.reservation.outs["vmids"] == [2090, 2091]
    stack.refresh()
    assert stack.up(vmid=2091, keep_daily=9) == ("same", "same")


def test_a_prune_job_of_the_same_namespace_that_keeps_more_is_named(stack: Stack, systems: Systems) -> None:
    """Ours would cut what it keeps."""
    theirs = {"id": "theirs", "store": "backup", "ns": "wireguard", "max-depth": 0, "schedule": "daily"}
    systems.pbs.data["prune"]["theirs"] = {**theirs, "keep-daily": 7, "keep-weekly": 4, "keep-yearly": 3}
    with pytest.raises(CheckFailed, match="prune job theirs acts on this namespace too and keeps more"):
        stack.up(shared=True)
    del systems.pbs.data["prune"]["theirs"]["keep-yearly"]
    assert stack.up(shared=True) == ("create", "create")


def test_a_prune_job_that_undercuts_ours_is_named(stack: Stack, systems: Systems) -> None:
    systems.pbs.data["prune"]["nightly"] = {"id": "nightly", "store": "backup", "schedule": "daily", "keep-last": 1}
    systems.pbs.data["acl"].append(
        {"path": "/datastore/backup", "authid": "wgdeploy@pbs!pulumi", "role": "DatastoreAudit", "propagate": 1}
    )
    assert "nightly" in error_of(stack.up)
    assert JOB not in systems.pbs.data["prune"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"datastore": "elsewhere"}, "pbs_datastore"),
        ({"namespace": "nowhere"}, "pbs_namespace"),
        ({"storage": "local"}, "pbs_storage"),
        ({"storage": "nothing"}, "pbs_storage"),
        ({"backup_job": "own"}, "Sys.Modify"),
    ],
)
def test_what_is_missing_is_said_at_preview_by_config_key(
    stack: Stack, systems: Systems, changes: dict[str, Any], said: str
) -> None:
    before = systems.jobs
    with pytest.raises(CheckFailed, match=said):
        stack.up(**changes)
    assert systems.jobs == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pbs_token", f"wgdeploy@pbs!pulumi={PBS_SECRET}", "':' before the secret"),
        ("pbs_token", f"wgdeploy@pbs!pulumi:{PBS_SECRET[:-1]}9", "Proxmox Backup Server"),
        ("pbs_url", "https://127.0.0.1:1", "Proxmox Backup Server"),
        ("pbs_ca_file", "", "certificate"),
        ("proxmox_api_token", f"wgdeploy@pve!pulumi={PVE_SECRET[:-1]}9", "Proxmox VE"),
    ],
)
def test_wrong_credentials_end_in_one_clear_message_without_them(
    stack: Stack, systems: Systems, key: str, value: str, said: str
) -> None:
    configure(stack.host, systems.config | {key: value})
    message = error_of(stack.up)
    assert said in message
    for secret in (PBS_SECRET, PVE_SECRET):
        assert secret[:-1] not in message  # a wrong one differs in its last digit


@pytest.mark.parametrize("change", [{"enabled": 0}, {"node": "elsewhere"}, {"pool": "other"}])
def test_a_pool_s_job_that_passes_the_ct_over_is_told_at_preview(
    stack: Stack, systems: Systems, change: dict[str, Any]
) -> None:
    systems.pve.data["jobs"]["wireguard-pool"].update(change)
    with pytest.raises(CheckFailed, match="no enabled backup job writes pool 'wireguard' to storage 'pbs'"):
        stack.up()
    assert not systems.pbs.data["prune"]


def test_a_pool_s_job_that_went_away_shows_and_is_looked_for_again(stack: Stack, systems: Systems) -> None:
    stack.up()
    theirs = systems.pve.data["jobs"].pop("wireguard-pool")
    stack.refresh()
    assert "no enabled backup job" in error_of(stack.up)
    systems.pve.data["jobs"]["wireguard-pool"] = theirs
    assert stack.up() == ("same", "update")
    assert stack.registration.outs["covered_by"] == ["wireguard-pool"]
    assert stack.up() == ("same", "same")


def test_a_container_taken_out_of_its_pool_is_not_said_to_be_covered(stack: Stack, systems: Systems) -> None:
    systems.have_container(2090, "wireguard")
    stack.up()
    systems.have_container(2090, "elsewhere")
    systems.pve.data["pools"]["wireguard"]["vms"] = []
    stack.refresh()
    assert stack.registration.outs["covered_by"] == []
    assert "no enabled backup job" in error_of(stack.up)
    systems.have_container(2090, "wireguard")
    systems.pve.data["pools"]["elsewhere"]["vms"] = []
    assert stack.up() == ("same", "update")
    assert stack.registration.outs["covered_by"] == ["wireguard-pool"]


def test_a_reservation_that_is_replaced_does_not_take_the_jobs_with_it(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs
    with pytest.raises(CheckFailed, match=f"job {JOB} is this stack's already"):
        stack.reservation.replace()
    assert systems.jobs == before
    assert stack.up() == ("same", "same")


def test_jobs_of_a_reservation_that_the_state_has_lost_are_kept_on_request(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs
    stack.reservation = Managed(stack.host, ReservationProvider())
    with pytest.raises(CheckFailed, match="pbs_adopt"):
        stack.up()
    assert stack.up(adopt=True) == ("create", "update")
    assert systems.jobs == before


def test_our_own_backup_job_goes_when_the_pool_s_job_is_to_do_it(stack: Stack, strong: Systems) -> None:
    stack.up(backup_job="own")
    theirs = strong.pve.data["jobs"].pop("wireguard-pool")
    with pytest.raises(CheckFailed, match="no enabled backup job writes pool 'wireguard'"):
        stack.up()
    strong.pve.data["jobs"]["wireguard-pool"] = theirs
    assert stack.up() == ("update", "update")
    assert [*strong.pve.data["jobs"]] == ["wireguard-pool"]
    assert stack.registration.outs["covered_by"] == ["wireguard-pool"]


def test_destroy_removes_a_backup_job_of_ours_of_which_the_state_knows_nothing(stack: Stack, strong: Systems) -> None:
    before = strong.jobs
    stack.up(backup_job="own")
    ours = strong.jobs["pve"][JOB]
    stack.up()
    strong.pve.data["jobs"][JOB] = ours
    stack.destroy()
    assert strong.jobs == before


def test_a_move_to_another_backup_server_makes_the_jobs_there(stack: Stack, systems: Systems) -> None:
    stack.up()
    wanted = systems.jobs
    for kind in ("prune", "verify"):
        systems.pbs.data[kind].clear()
    assert stack.up(url="https://pbs-2.infra.local:8007") == ("update", "update")
    assert systems.jobs == wanted


def test_a_state_that_knows_no_address_yet_is_brought_up_to_date_in_place(stack: Stack, systems: Systems) -> None:
    stack.up(url=None)
    before = systems.jobs
    assert stack.up() == ("update", "update")
    assert stack.up() == ("same", "same")
    assert systems.jobs == before


FAULTS = [
    Fault("status", status=500),
    Fault("status", status=429),
    Fault("garbage"),
    Fault("cut-before"),
    Fault("cut-after"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("path", ["/config/prune$", "/config/verify$"])
def test_after_a_fault_in_a_write_the_next_up_converges_without_duplicates(
    stack: Stack, systems: Systems, path: str, fault: Fault
) -> None:
    systems.pbs_faults.plant(Fault(**{**vars(fault), "method": "POST", "path": path}))
    with suppress(HostError, CheckFailed):  # some are survived at once
        stack.up()
    assert systems.pbs_faults.planned() == []
    stack.up()
    assert list(systems.pbs.data["prune"]) == list(systems.pbs.data["verify"]) == [JOB]
    assert stack.up() == ("same", "same")


def test_pruning_is_paused_though_another_writer_was_faster(stack: Stack, systems: Systems) -> None:
    stack.up()
    words = "detected modified configuration - file changed by other user? Try again."
    systems.pbs_faults.plant(Fault("status", method="PUT", path=f"/config/prune/{JOB}$", status=400, message=words))
    stack.registration.destroy()
    assert systems.pbs_faults.planned() == []
    assert systems.pbs.data["prune"][JOB]["disable"] in (True, 1)


def test_rotated_credentials_serve_the_next_run(stack: Stack, systems: Systems) -> None:
    stack.up()
    wrong = systems.config | {"pbs_token": "wgdeploy@pbs!pulumi:00000000-0000-0000-0000-000000000000"}
    with another_run(stack, wrong):
        assert "Proxmox Backup Server" in error_of(stack.refresh)
    with another_run(stack, systems.config):
        stack.refresh()
        assert stack.up() == ("same", "same")
    assert PBS_SECRET not in str(stack.registration.outs) + str(stack.reservation.outs)


@contextmanager
def another_run(stack: Stack, config: dict[str, str]) -> Iterator[None]:
    """A new plugin process with other config, as the next `pulumi` command has."""
    with Host() as host:
        configure(host, config)
        stack.reservation.host = stack.registration.host = host
        yield


def test_a_reservation_is_not_replaced_while_its_jobs_are_there(stack: Stack, systems: Systems) -> None:
    """The engine asks for a replacement as for a first one, and ends the former afterwards: with the jobs."""
    stack.up()
    before = systems.jobs
    replacement = Managed(stack.host, stack.reservation.provider)
    with pytest.raises(CheckFailed, match=r"pbs_adopt: .*--replace"):
        replacement.preview(PLACE)
    assert replacement.preview(PLACE | {"adopt": True})[0] == "create"
    assert systems.jobs == before
