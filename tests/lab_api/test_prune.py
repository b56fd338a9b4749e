"""Which snapshots are kept: Proxmox's own examples of the rules, and what always holds."""

import datetime as dt
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pbs.datastore import MANIFEST, Datastore, Snapshot
from lab.pbs.prune import FORMATS, select


def snapshots(root: Path, times: list[dt.datetime]) -> list[Snapshot]:
    store = Datastore(root, "backup")
    found = []
    for time in times:
        snap = store.begin("", "ct", "1", int(time.timestamp()), "a@pbs!b")
        (snap.path / MANIFEST).write_text('{"files": []}')
        found.append(snap)
    return found


def kept(marks: dict[Snapshot, str]) -> list[str]:
    return sorted(snap.name[:13] for snap, mark in marks.items() if mark != "remove")


def test_each_rule_keeps_the_newest_of_its_periods_and_earlier_rules_do_not_count(tmp_path: Path) -> None:
    days = [dt.datetime(2024, 1, day, hour, tzinfo=dt.UTC) for day in range(1, 11) for hour in (6, 18)]
    found = snapshots(tmp_path, days)
    assert kept(select(found, {"keep-daily": 3})) == ["2024-01-08T18", "2024-01-09T18", "2024-01-10T18"]
    assert kept(select(found, {"keep-last": 1, "keep-daily": 2})) == ["2024-01-08T18", "2024-01-09T18", "2024-01-10T18"]
    assert kept(select(found, {"keep-weekly": 2})) == ["2024-01-07T18", "2024-01-10T18"]
    assert kept(select(found, {"keep-yearly": 5})) == ["2024-01-10T18"]


def test_protected_stays_and_only_the_newest_may_be_unfinished(tmp_path: Path) -> None:
    found = snapshots(tmp_path, [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3, 4)])
    (found[0].path / ".protected").touch()
    for snap in (found[1], found[3]):
        (snap.path / MANIFEST).unlink()
    marks = select(found, {"keep-last": 1})
    assert [marks[snap] for snap in found] == ["protected", "remove", "keep", "keep-partial"]


moments = st.lists(
    st.integers(1577836800, 1735689600).map(lambda t: dt.datetime.fromtimestamp(t, dt.UTC)),
    unique=True, max_size=25,
)  # fmt: skip
rules = st.dictionaries(st.sampled_from(sorted(FORMATS)), st.integers(1, 5))


@settings(max_examples=40)
@given(times=moments, keep=rules)
def test_never_fewer_kept_than_the_largest_rule_can_and_the_newest_always(
    tmp_path_factory: object, times: list[dt.datetime], keep: dict[str, int]
) -> None:
    root = tmp_path_factory.mktemp("store")  # type: ignore[attr-defined]
    found = snapshots(root, times)
    marks = select(found, keep)
    survivors = [snap for snap in found if marks[snap] != "remove"]
    if not keep:
        assert survivors == found
    elif found:
        assert max(found, key=lambda snap: snap.time) in survivors
        assert len(survivors) <= sum(keep.values())
        assert select(survivors, keep) == {snap: marks[snap] for snap in survivors}
