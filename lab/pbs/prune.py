"""Which snapshots of a group to keep, by Proxmox's algorithm (admin guide, "Prune Simulator")."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from lab.pbs.datastore import Snapshot

FORMATS = {
    "keep-last": "",
    "keep-hourly": "%Y/%m/%d/%H",
    "keep-daily": "%Y/%m/%d",
    "keep-weekly": "%G/%V",
    "keep-monthly": "%Y/%m",
    "keep-yearly": "%Y",
}
"""Two snapshots of the same period by this format count as one for that rule; each counts for itself with keep-last."""


def select(snapshots: Sequence[Snapshot], keep: Mapping[str, int]) -> dict[Snapshot, str]:
    """Return a mark for every snapshot of one group: `keep`, `keep-partial`, `protected` or `remove`.

    Without any rule everything is kept. The rules run from last to yearly, each over the newest first; what an
    earlier rule kept fills its period but does not use up the number. Only the newest may be unfinished.
    """
    newest_first = sorted(snapshots, key=lambda snap: snap.time, reverse=True)
    rules = {rule: keep[rule] for rule in FORMATS if keep.get(rule)}
    if not rules:
        return {snap: "protected" if snap.protected else "keep" for snap in newest_first}
    marks = _unfinished(newest_first)
    for rule, number in rules.items():
        _mark(marks, newest_first, number, _period(FORMATS[rule]))
    for snap in newest_first:
        marks.setdefault(snap, "protected" if snap.protected else "remove")
    return marks


def _unfinished(newest_first: Sequence[Snapshot]) -> dict[Snapshot, str]:
    marks = {}
    for position, snap in enumerate(newest_first):
        if not snap.finished:
            marks[snap] = "keep-partial" if position == 0 else "remove"
    return marks


def _period(form: str) -> Callable[[Snapshot], str]:
    def period(snap: Snapshot) -> str:
        return dt.datetime.fromtimestamp(snap.time, dt.UTC).strftime(form) if form else snap.name

    return period


def _mark(
    marks: dict[Snapshot, str], newest_first: Sequence[Snapshot], number: int, period: Callable[[Snapshot], str]
) -> None:
    filled = {period(snap) for snap in newest_first if marks.get(snap) == "keep"}
    taken: set[str] = set()
    for snap in newest_first:
        if snap in marks:
            continue
        if snap.protected:
            marks[snap] = "protected"
        elif period(snap) in taken:
            marks[snap] = "remove"
        elif period(snap) not in filled:
            if len(taken) >= number:
                break
            taken.add(period(snap))
            marks[snap] = "keep"
