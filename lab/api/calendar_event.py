"""Calendar events, Proxmox's schedules: `mon..fri 02:30`, `*-*-1 04:00`, `daily`, `*/15` (systemd.time's subset)."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
HORIZON_DAYS = 366 * 8
MESSAGE = "unable to parse calendar event - "


@dataclass(frozen=True)
class CalendarEvent:
    """The moments of a schedule; each field holds the values at which it fires."""

    weekdays: frozenset[int]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: frozenset[int]

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """Return the first moment of the schedule after `moment`, None when none comes within eight years."""
        times = (
            [dt.time(h, m, s) for h in sorted(self.hours) for m in sorted(self.minutes) for s in sorted(self.seconds)]
            if len(self.seconds) <= 2
            else None
        )
        for offset in range(HORIZON_DAYS):
            day = moment.date() + dt.timedelta(days=offset)
            if self._on(day):
                hit = self._time_on(day, moment, times)
                if hit:
                    return hit
        return None

    def _on(self, day: dt.date) -> bool:
        return (
            day.weekday() in self.weekdays
            and day.year in self.years
            and day.month in self.months
            and day.day in self.days
        )

    def _time_on(self, day: dt.date, moment: dt.datetime, times: Iterable[dt.time] | None) -> dt.datetime | None:
        candidates = times or (
            dt.time(h, m, s) for h in sorted(self.hours) for m in sorted(self.minutes) for s in sorted(self.seconds)
        )
        for time in candidates:
            hit = dt.datetime.combine(day, time, moment.tzinfo)
            if hit > moment:
                return hit
        return None


def parse(text: str) -> CalendarEvent:
    """Return the schedule `text`; raises ValueError saying what is wrong with it."""
    words = WORDS.get(text.strip().lower(), text.strip().lower()).split()
    if not words:
        raise ValueError(MESSAGE + "empty")
    weekdays = _weekdays(words.pop(0)) if words[0][0].isalpha() else frozenset(range(7))
    date = words.pop(0) if words and _is_date(words[0]) else "*-*-*"
    time = words.pop(0) if words else "00:00:00"
    if words:
        raise ValueError(MESSAGE + f"unexpected '{' '.join(words)}'")
    years, months, days = _date(date)
    hours, minutes, seconds = _time(time)
    return CalendarEvent(weekdays, years, months, days, hours, minutes, seconds)


def next_run(text: str, now: float) -> int | None:
    """Return the next run of schedule `text` after `now`, both in seconds since the epoch (UTC)."""
    hit = parse(text).next_after(dt.datetime.fromtimestamp(int(now), ZoneInfo("UTC")))
    return int(hit.timestamp()) if hit else None


def _is_date(word: str) -> bool:
    return "-" in word


def _weekdays(word: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        first, dots, last = part.partition("..")
        begin = _weekday(first)
        end = _weekday(last) if dots else begin
        if end < begin:
            raise ValueError(MESSAGE + f"wrong weekday range '{part}'")
        found.update(range(begin, end + 1))
    return frozenset(found)


def _weekday(word: str) -> int:
    for names in (WEEKDAYS, LONG_WEEKDAYS):
        if word in names:
            return names.index(word)
    raise ValueError(MESSAGE + f"unable to parse weekday '{word}'")


def _date(word: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    parts = word.split("-")
    parts = ["*", *parts] if len(parts) == 2 else parts
    if len(parts) != 3:
        raise ValueError(MESSAGE + f"wrong date '{word}'")
    return _values(parts[0], 1970, 2199), _values(parts[1], 1, 12), _values(parts[2], 1, 31)


def _time(word: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    parts = word.split(":")
    parts = ["*", *parts] if len(parts) == 1 else parts
    parts = [*parts, "00"] if len(parts) == 2 else parts
    if len(parts) != 3:
        raise ValueError(MESSAGE + f"wrong time '{word}'")
    return _values(parts[0], 0, 23), _values(parts[1], 0, 59), _values(parts[2], 0, 59)


def _values(spec: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in spec.split(","):
        match = re.fullmatch(r"(\*|\d+)(?:\.\.(\d+))?(?:/(\d+))?", part)
        if not match:
            raise ValueError(MESSAGE + f"unable to parse '{spec}'")
        first, last, step = match.groups()
        begin = low if first == "*" else int(first)
        end = int(last) if last else (high if first == "*" or step else begin)
        if not low <= begin <= end <= high or step == "0":
            raise ValueError(MESSAGE + f"value out of range in '{spec}'")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)
