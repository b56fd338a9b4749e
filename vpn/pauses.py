"""How long a schedule pauses at most: the days between two runs of a calendar event.

Source: Proxmox VE administration guide, appendix "Calendar Events", whose grammar `vpn.calendar_event` has checked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from vpn.calendar_event import DAYS

WORDS: Final = {
    "weekly": "mon",
    "monthly": "*-1",
    "quarterly": "1,4,7,10-1",
    "semiannually": "1,7-1",
    "yearly": "1-1",
    "annually": "1-1",
}
"""Words that mean other events; the rest (`daily` and shorter) runs on every day."""
FIRST, LAST = dt.date(2020, 1, 1), dt.date(2060, 1, 1)
"""Looked at: more than the 28 years after which weekdays and dates meet as before."""


def longest_pause(schedule: str) -> int:
    """Return the most days from one day on which the schedule runs to the next; a year when it runs but once."""
    first, *rest = WORDS.get(schedule, schedule).lower().split()
    weekdays = _weekdays(first) if first[:3] in DAYS else frozenset(range(7))
    date = next((part for part in (first, *rest) if "-" in part), "*-*-*")
    if len(weekdays) == len(DAYS) and date == "*-*-*":  # nearly every schedule, and every run of the program asks
        return 1
    months, days = date.split("-")[-2:]
    years = date.split("-")[0] if date.count("-") > 1 else "*"
    on = (_values(years, 1970, 2199), _values(months, 1, 12), _values(days, 1, 31))
    runs = [day for day in _span() if day.weekday() in weekdays and _matches(day, on)]
    return max(((later - earlier).days for earlier, later in pairwise(runs)), default=366)


def _span() -> Iterator[dt.date]:
    return map(dt.date.fromordinal, range(FIRST.toordinal(), LAST.toordinal()))


def _matches(day: dt.date, on: tuple[frozenset[int], ...]) -> bool:
    return all(part in values for part, values in zip((day.year, day.month, day.day), on, strict=True))


def _weekdays(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        begin, _, end = part.partition("..")
        first, last = (DAYS[name[:3]] for name in (begin, end or begin))
        found |= {day % 7 for day in range(first, last + 1 + (7 if last < first else 0))}
    return frozenset(found)


def _values(text: str, low: int, high: int) -> frozenset[int]:
    """Return what a field such as `1,4..6`, `*` or `1/2` stands for."""
    found: set[int] = set()
    for part in text.split(","):
        values, _, step = part.partition("/")
        begin, _, end = values.partition("..")
        first = low if begin == "*" else int(begin)
        last = int(end) if end else high if step or begin == "*" else first
        found |= set(range(first, last + 1, int(step or 1)))
    return frozenset(found)
