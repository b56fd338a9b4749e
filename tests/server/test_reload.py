"""`systemctl reload`: the file goes into the running interface, and its keys nowhere else."""

import pytest

from tests.server.machine import SCRIPTS, Machine


def test_keys_are_stripped_in_memory_and_nothing_is_left(server: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    before = {*(server.root / "run").iterdir()}
    assert server.run(SCRIPTS / "reload", "wg0").status == 0
    assert [call.split()[:3] for call in server.calls()] == [["wg", "syncconf", "wg0"]]
    assert {*(server.root / "run").iterdir()} == before
