"""The running session of tests, benchmarks and faults: what ping says is read to its end, however long it runs."""

import sys
import time
from pathlib import Path

import pytest

from lab import namespaces
from lab.flow import Flow

LINES = 2_000
PING = f"""
import signal, sys, time
print("[1700000000.25] 64 bytes from 10.8.0.1: icmp_seq=1 ttl=64 time=0.345 ms", flush=True)
for number in range({LINES}):
    print(f"[1700000001.{{number:06}}] 64 bytes from 10.8.0.1: icmp_seq={{number}} ttl=64 time=0.345 ms", flush=True)
counts = "3000 packets transmitted, {LINES + 1} received, 33% packet loss"
signal.signal(signal.SIGINT, lambda *_: sys.exit(print(counts)))
open(sys.argv[1], "w").close()
time.sleep(60)
"""


def test_counts_are_ping_s_own_and_a_long_flow_is_not_held_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    monkeypatch.setattr(namespaces, "inside", lambda *_: [sys.executable, "-c", PING, str(said)])
    with Flow("peer", "10.8.0.1") as flow:
        deadline = time.monotonic() + 20
        while not said.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert said.exists(), "a full pipe stopped it"
    assert (flow.sent, flow.received, flow.lost) == (3000, LINES + 1, 3000 - LINES - 2)
    assert len(flow.answers) == LINES + 1
    assert flow.answers[0] == 1700000000.25


def test_a_ping_that_cannot_begin_has_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "inside", lambda *_: ["sh", "-c", "echo 'ping: connect: Network is unreachable'"])
    with Flow("peer", "10.8.0.1") as flow:
        pass
    assert (flow.sent, flow.received, flow.answers) == (0, 0, [])
