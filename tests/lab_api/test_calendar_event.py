"""Schedules: what they mean, and which are none."""

import datetime as dt

import pytest

from lab.api.calendar_event import next_run, parse


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("daily", "2024-02-28 12:00", "2024-02-29 00:00"),
        ("02:30", "2024-01-01 02:30", "2024-01-02 02:30"),
        ("mon..fri 02:00", "2024-01-05 03:00", "2024-01-08 02:00"),
        ("sat", "2024-01-01 00:00", "2024-01-06 00:00"),
        ("*/15", "2024-01-01 00:16", "2024-01-01 00:30"),
        ("8..17/2:00", "2024-01-01 09:00", "2024-01-01 10:00"),
        ("*-*-01 04:00", "2024-01-01 04:00", "2024-02-01 04:00"),
        ("monthly", "2024-12-31 23:59", "2025-01-01 00:00"),
        ("mon,thu 01..02:00", "2024-01-01 02:00", "2024-01-04 01:00"),
        ("2024-02-29", "2024-01-01 00:00", "2024-02-29 00:00"),
    ],
)
def test_next_run(schedule: str, after: str, expected: str) -> None:
    begin = dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC)
    found = next_run(schedule, begin.timestamp())
    assert found == dt.datetime.fromisoformat(expected).replace(tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize("text", ["", "someday", "25:00", "12:60", "mon..", "fri..mon", "*-13-01", "1 2 3", "*/0"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match="calendar event"):
        parse(text)
