"""Schedules as Proxmox VE and PBS read them: calendar events `[WEEKDAY] [[YEARS-]MONTHS-DAYS] [HH:MM[:SS]]`.

Source: Proxmox VE administration guide, appendix "Calendar Events"; the same parser serves PBS.
"""

from __future__ import annotations

import re

from vpn.errors import ParseError

WORDS = frozenset(
    {"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually"}
)
RULE = (
    "must be a calendar event of Proxmox VE, [WEEKDAY] [[YEARS-]MONTHS-DAYS] [HH:MM[:SS]], as 'daily', '02:30' or "
    "'mon..fri 21:00'"
)
DAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
"""Short names of the weekdays, numbered as `datetime.date.weekday` does."""
_FULL_DAYS = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
_YEAR, _MONTH, _DAY, _HOUR, _SIXTY = (1970, 2199), (1, 12), (1, 31), (0, 23), (0, 59)
_VALUE = re.compile(r"(?P<first>\*|\d{1,4})(\.\.(?P<last>\d{1,4}))?(/(?P<step>\d{1,4}))?")


def check(text: str) -> str:
    """Return the schedule unchanged. Raises ParseError with the rule when Proxmox would refuse it."""
    parts = text.split()
    if len(parts) == 1 and parts[0] in WORDS:
        return text
    for accepts in (_weekdays, _date, _time):
        if parts and accepts(parts[0]):
            parts.pop(0)
    if parts or not text.strip():
        raise ParseError(RULE)
    return text


def _weekdays(text: str) -> bool:
    return all(all(map(_weekday, each.split("..", 1))) for each in text.split(","))


def _weekday(name: str) -> bool:
    return name.lower() in DAYS or name.lower() in _FULL_DAYS


def _date(text: str) -> bool:
    fields = text.split("-")
    limits = (_YEAR, _MONTH, _DAY)
    return len(fields) in (2, 3) and all(map(_values, fields, limits[-len(fields) :]))


def _time(text: str) -> bool:
    """Tell whether this is a time of day: `HH:MM[:SS]`, or minutes of every hour alone (`0/15`)."""
    fields = text.split(":")
    limits = (_SIXTY,) if len(fields) == 1 else (_HOUR, _SIXTY, _SIXTY)
    return len(fields) <= len(limits) and all(map(_values, fields, limits))


def _values(field: str, limits: tuple[int, int]) -> bool:
    return all(_value(each, limits) for each in field.split(","))


def _value(text: str, limits: tuple[int, int]) -> bool:
    found = _VALUE.fullmatch(text)
    if not found:
        return False
    numbers = [int(each) for each in (found["first"], found["last"]) if each and each != "*"]
    inside = all(limits[0] <= number <= limits[1] for number in numbers)
    return inside and numbers == sorted(numbers) and found["step"] != "0"
