"""The backup schedule's rules: jobs as their APIs write them, who covers the CT, what a snapshot is worth."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpn import backup
from vpn.backup import Place, Retention

pytestmark = pytest.mark.pure

HERE = Place("backup", "wireguard")
NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
NAMES = st.text("abc", min_size=1, max_size=2)
JOBS = st.dictionaries(NAMES, NAMES)


def test_retention_writes_no_count_of_zero_because_pbs_refuses_it() -> None:
    assert Retention(daily=7, weekly=4).keeps() == {"keep-daily": "7", "keep-weekly": "4"}
    assert Retention().empty
    assert not Retention(last=1).empty


def test_our_jobs_stay_in_our_namespace() -> None:
    job = backup.prune_job(HERE, "daily", Retention(daily=7), "mark")
    assert (job["store"], job["ns"], job["max-depth"]) == ("backup", "wireguard", "0")
    assert "ns" not in backup.verify_job(Place("backup"), "daily", "mark")


@pytest.mark.parametrize(
    ("job", "acts"),
    [
        ({"store": "backup", "ns": "wireguard", "max-depth": "0"}, True),
        ({"store": "backup", "ns": "wireguard"}, True),
        ({"store": "backup"}, True),
        ({"store": "backup", "max-depth": "0"}, False),
        ({"store": "backup", "max-depth": "1"}, True),
        ({"store": "backup", "ns": "wire"}, False),
        ({"store": "backup", "ns": "wireguard/deeper"}, False),
        ({"store": "other", "ns": "wireguard"}, False),
    ],
)
def test_a_job_acts_on_a_namespace_at_or_below_its_own_within_its_depth(job: backup.Job, *, acts: bool) -> None:
    assert HERE.covered_by(job) is acts


def test_another_prune_job_that_acts_here_is_named() -> None:
    jobs = [
        {"id": "ours", "store": "backup", "ns": "wireguard", "keep-last": "1"},
        {"id": "theirs", "store": "backup", "keep-last": "1"},
        {"id": "off", "store": "backup", "keep-last": "1", "disable": "1"},
        {"id": "keeps-all", "store": "backup"},
    ]
    assert backup.undercutting(jobs, HERE, "ours") == ("theirs",)


def test_a_prune_job_that_keeps_as_much_as_ours_takes_nothing_away() -> None:
    jobs = [
        {"id": "the same", "store": "backup", "keep-daily": "7", "keep-weekly": "4"},
        {"id": "more", "store": "backup", "keep-daily": "14", "keep-weekly": "4", "keep-last": "3"},
        {"id": "fewer weeks", "store": "backup", "keep-daily": "14", "keep-weekly": "3"},
        {"id": "no weeks", "store": "backup", "keep-daily": "14"},
    ]
    ours = backup.Retention(daily=7, weekly=4).keeps()
    assert backup.undercutting(jobs, HERE, "ours", ours) == ("fewer weeks", "no weeks")


def test_a_prune_job_of_our_namespace_that_keeps_more_would_lose_by_ours() -> None:
    place = {"store": "backup", "ns": "wireguard", "max-depth": "0"}
    jobs = [
        {"id": "ours", **place, "keep-daily": "14"},
        {"id": "the same", **place, "keep-daily": "7", "keep-weekly": "4"},
        {"id": "fewer", **place, "keep-daily": "6"},
        {"id": "more", **place, "keep-daily": "14", "keep-weekly": "4"},
        {"id": "years", **place, "keep-daily": "7", "keep-yearly": "1"},
        {"id": "off", **place, "keep-daily": "14", "disable": "1"},
        {"id": "of the datastore", "store": "backup", "keep-daily": "14", "keep-weekly": "4"},
        {"id": "elsewhere", "store": "backup", "ns": "team", "keep-daily": "14"},
    ]
    ours = backup.Retention(daily=7, weekly=4).keeps()
    assert backup.outlasting(jobs, HERE, "ours", ours) == ("more", "years")


def test_a_guest_that_is_none_of_ours_is_a_stranger_in_the_namespace() -> None:
    groups = [
        {"backup-type": kind, "backup-id": ident} for kind, ident in (("ct", "2090"), ("vm", "2090"), ("ct", "9"))
    ]
    assert backup.strangers(groups, {2090, 2091}) == ("ct/9", "vm/2090")


@pytest.mark.parametrize(
    ("job", "covers"),
    [
        ({"vmid": "2090"}, True),
        ({"vmid": "100,2090"}, True),
        ({"vmid": "20900"}, False),
        ({"all": "1"}, True),
        ({"all": "1", "exclude": "100,2090"}, False),
        ({"pool": "wireguard"}, True),
        ({"pool": "other"}, False),
        ({"pool": "wireguard", "node": "pve"}, True),
        ({"pool": "wireguard", "node": "pve2"}, False),
        ({"vmid": "2090", "enabled": "0"}, False),
        ({"vmid": "2090", "storage": "nfs"}, False),
    ],
)
def test_the_ct_is_covered_only_by_an_enabled_job_that_selects_it(job: backup.Job, *, covers: bool) -> None:
    jobs = [{"id": "job", "storage": "pbs"} | job]
    assert backup.covering(jobs, "pbs", 2090, "wireguard", "pve") == (("job",) if covers else ())


@given(JOBS, JOBS)
def test_the_difference_makes_observed_desired(desired: backup.Job, observed: backup.Job) -> None:
    changed, deleted = backup.difference(desired, observed)
    assert {k: v for k, v in (observed | changed).items() if k not in deleted} == desired
    assert backup.difference(desired, desired) == ({}, ())


def test_what_an_api_answers_compares_as_text() -> None:
    raw = {"enabled": 1, "ignore-verified": True, "keep-daily": 7.0, "type": "vzdump", "ns": "", "comment": None}
    keys = ("enabled", "ignore-verified", "keep-daily", "ns", "comment")
    assert backup.as_job(raw, keys) == {"enabled": "1", "ignore-verified": "1", "keep-daily": "7"}
    pve = {"prune-backups": {"keep-weekly": 2, "keep-last": 1}, "exclude-path": ["/a", "/b"]}
    assert backup.as_job(pve, pve) == {"prune-backups": "keep-last=1,keep-weekly=2", "exclude-path": "/a,/b"}


@pytest.mark.parametrize("stack", ["prod", "org/prod", "a" * 60, "löwe"])
def test_a_job_id_is_one_that_both_systems_take(stack: str) -> None:
    assert 3 <= len(backup.job_id("wireguard-vpn", stack)) <= backup.LONGEST_JOB_ID
    assert set(backup.job_id("wireguard-vpn", stack)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
    )


def test_stacks_whose_names_begin_alike_have_jobs_of_their_own() -> None:
    assert backup.job_id("wireguard-vpn", "a" * 18) == f"wireguard-vpn-{'a' * 18}", "it fits"
    assert len({backup.job_id("wireguard-vpn", f"customer-frankfurt-{n}") for n in range(100)}) == 100


def snapshot(hours_ago: float, **other: object) -> dict[str, object]:
    files = [{"filename": "index.json.blob"}, {"filename": "root.pxar.didx"}, {"filename": "pct.conf.blob"}]
    time = int((NOW - dt.timedelta(hours=hours_ago)).timestamp())
    return {"backup-time": time, "size": 1000, "files": files} | other


def test_only_a_whole_snapshot_counts_as_a_backup() -> None:
    running = {key: value for key, value in snapshot(1).items() if key != "size"}
    broken = snapshot(2, verification={"state": "failed"})
    torn = snapshot(3, files=["index.json.blob"])
    assert [*map(backup.finished, [running, broken, torn, snapshot(30)])] == [False, False, False, True]


@pytest.mark.parametrize(("minutes", "beyond"), [(-60, False), (0, False), (5, False), (5.1, True), (600, True)])
def test_a_backup_from_the_future_is_one_that_no_difference_of_clocks_explains(minutes: float, beyond: bool) -> None:
    assert backup.from_future(NOW + dt.timedelta(minutes=minutes), NOW) == beyond
