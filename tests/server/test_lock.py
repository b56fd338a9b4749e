"""The lock of all that changes the server: nobody but root can take it."""

from fcntl import LOCK_EX, flock

from tests.server.machine import TEAM, Machine, key


def test_a_lock_that_a_stranger_made_first_keeps_no_revocation_back(server: Machine) -> None:
    """Debian's /run/lock is anybody's (1777), and who can open a file can lock it."""
    bundle = server.bundle(TEAM.but(peers={"alice": key(1)}))
    script = (bundle / "apply").read_text().replace("sha256sum --quiet --check manifest", "true")
    (bundle / "apply").write_text(script.replace("flock -w 600", "flock -w 0"))
    with (server.root / "run/lock/wireguard-vpn").open("w") as strangers:
        flock(strangers, LOCK_EX)
        assert server.run(bundle / "apply").report["ok"]
    assert key(2) not in server.running.read_text()
    ours = server.root / "run/wireguard-vpn.lock"
    assert ours.stat().st_mode & 0o777 == 0o600
    ours.unlink()
    assert server.run(server.bundle(TEAM) / "retire").status == 0
    assert ours.stat().st_mode & 0o777 == 0o600
