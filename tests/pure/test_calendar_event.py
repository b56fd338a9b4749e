"""Schedules that Proxmox accepts and refuses (its appendix "Calendar Events")."""

import pytest

from tests.pure.support import BASE
from vpn.calendar_event import check
from vpn.errors import ConfigError, ParseError
from vpn.settings import parse

pytestmark = pytest.mark.pure

ACCEPTED = [
    "daily", "weekly", "monthly", "02:30", "mon..fri 21:00", "sat,sun", "mon,wed,fri 8..17:0/15", "*-*-01 02:30",
    "2026-*-1..7 03:00", "sunday 04:15", "*:0/5", "22:00:30", "30", "0/15",
]  # fmt: skip
REFUSED = [
    "", " ", "every day", "25:00", "02:60", "mon..someday 02:00", "*-13-01", "*-*-32 02:00", "02:30 mon", "daily 02:30",
    "fri..", "02:30/0", "5..2:00", "1:2:3:4", "02:30; rm -rf /", "\n02:30 x",
]  # fmt: skip


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_schedule_proxmox_accepts_passes_unchanged(text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize("text", REFUSED)
def test_a_schedule_proxmox_refuses_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ParseError, match="calendar event"):
        check(text)


@pytest.mark.parametrize("key", ["backup_schedule", "prune_schedule", "verify_schedule"])
def test_the_configuration_refuses_what_proxmox_would(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: .*calendar event"):
        parse({**BASE, key: "every day"})
    parse({**BASE, key: "mon..fri 21:00"})
