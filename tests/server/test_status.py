"""The collector for Zabbix: what it says, and that it never asks for a key. Tools are stand-ins."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "templates/zabbix/status"
ALICE, BOB = "A" * 42 + "A=", "B" * 42 + "A="
STRANGER = "C" * 42 + "A="
WG = """#!/bin/sh
echo "$@" >> "$MACHINE/asked"
case "$3" in
    latest-handshakes) cat "$MACHINE/handshakes" ;;
    persistent-keepalive) printf '%s\\t25\\n%s\\toff\\n%s\\toff\\n' ALICE BOB STRANGER ;;
    transfer) printf '%s\\t18446744073709551615\\t2\\n%s\\t0\\t0\\n%s\\t5\\t5\\n' ALICE BOB STRANGER ;;
    listen-port) cat "$MACHINE/port" ;;
esac
[ ! -e "$MACHINE/down" ]
"""
YES_UNLESS_DOWN = '#!/bin/sh\n[ ! -e "$MACHINE/down" ] && echo yes\n'
RULES = """#!/bin/sh
[ ! -e "$MACHINE/down" ] && echo '
    iifname "wg0" udp dport 51820 counter packets 0 bytes 0 drop comment "tunnel in the tunnel"
    ip saddr @listen4 udp dport 51820 accept
    udp dport 51820 counter packets 0 bytes 0 drop comment "refused"'
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A pretended server with two peers, whose interface is up."""
    for directory in ("bin", "var/lib/wireguard-vpn", "run/wireguard-vpn-status", "sys/class/net/wg0", "proc"):
        (tmp_path / directory).mkdir(parents=True)
    wg = WG.replace("ALICE", ALICE).replace("BOB", BOB).replace("STRANGER", STRANGER)
    for name, text in {"wg": wg, "systemctl": YES_UNLESS_DOWN, "ss": YES_UNLESS_DOWN, "nft": RULES}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "var/lib/wireguard-vpn/peers.tsv").write_text(
        f"alice\t{ALICE}\tSHA256:a\t0\nbob\t{BOB}\tSHA256:b\t{2**40}\n"
    )
    (tmp_path / "sys/class/net/wg0/flags").write_text("0x91\n")
    (tmp_path / "port").write_text("51820\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4096 kB\nMemAvailable: 1024 kB\n")
    _handshakes(tmp_path, alice=int(time.time()) - 10)
    return tmp_path


def _handshakes(machine: Path, alice: int) -> None:
    (machine / "handshakes").write_text(f"{ALICE}\t{alice}\n{BOB}\t0\n{STRANGER}\t1\n")


def status(machine: Path) -> dict[str, Any]:
    """Let the collector look once and return what it wrote."""
    path = f"{machine / 'bin'}:{os.environ['PATH']}"
    environ = {"PATH": path, "MACHINE": str(machine), "WIREGUARD_VPN_ROOT": str(machine)}
    subprocess.run([SCRIPT, "wg0", "1"], env=environ, check=True, timeout=60)
    found: dict[str, Any] = json.loads((machine / "run/wireguard-vpn-status/status.json").read_text())
    return found


def groups(machine: Path, files: dict[str, str]) -> None:
    """Give the server control groups."""
    for name, text in files.items():
        path = machine / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_peers_are_told_by_name_with_their_numbers_as_they_are(machine: Path) -> None:
    alice, bob = status(machine)["peers"]
    assert (alice["name"], alice["rx"], alice["tx"], alice["keepalive"]) == ("alice", 2**64 - 1, 2, 25)
    assert (bob["name"], bob["handshake"], bob["keepalive"]) == ("bob", 0, 0)


def test_a_peer_that_comes_between_the_questions_is_told_the_next_time(machine: Path) -> None:
    with (machine / "var/lib/wireguard-vpn/peers.tsv").open("a") as peers:
        peers.write(f"carol\t{STRANGER}\tSHA256:c\t0\n")
    (machine / "handshakes").write_text(f"{ALICE}\t1\n{BOB}\t0\n")
    assert [peer["name"] for peer in status(machine)["peers"]] == ["alice", "bob"]


def test_a_peer_past_its_date_is_not_told_of_though_its_client_goes_on(machine: Path) -> None:
    (machine / "handshakes").write_text(f"{ALICE}\t{int(time.time())}\n{BOB}\t{int(time.time())}\n")
    assert status(machine)["active"] == 2
    names = machine / "var/lib/wireguard-vpn/peers.tsv"
    names.write_text(f"alice\t{ALICE}\tSHA256:a\t0\nbob\t{BOB}\tSHA256:b\t{int(time.time())}\n")
    found = status(machine)
    assert (found["active"], [peer["name"] for peer in found["peers"]]) == (1, ["alice"])
    names.write_text(names.read_text().replace("\t0\n", "\t1\n"))
    assert (status(machine)["active"], status(machine)["peers"]) == (0, [])


def test_no_key_is_asked_for_or_written(machine: Path) -> None:
    written = json.dumps(status(machine))
    assert not any(key in written for key in (ALICE, BOB, STRANGER))
    asked = set((machine / "asked").read_text().split("\n")) - {""}
    wanted = ("latest-handshakes", "persistent-keepalive", "transfer", "listen-port")
    assert asked == {f"show wg0 {what}" for what in wanted}


def test_file_is_for_the_agent_and_nobody_else(machine: Path) -> None:
    status(machine)
    assert (machine / "run/wireguard-vpn-status/status.json").stat().st_mode & 0o777 == 0o640


def test_server_up_and_down(machine: Path) -> None:
    up = status(machine)
    assert (up["service"], up["up"], up["port"], up["active"]) == (1, 1, 1, 1)
    (machine / "down").touch()
    (machine / "sys/class/net/wg0/flags").unlink()
    (machine / "bin/wg").write_text("#!/bin/sh\nexit 1\n")
    down = status(machine)
    assert (down["service"], down["up"], down["port"], down["active"], down["peers"]) == (0, 0, 0, 0, [])


def test_a_port_that_the_rules_do_not_let_in_is_closed(machine: Path) -> None:
    """`wg set wg0 listen-port` gives the interface another, at which nobody looks for it."""
    (machine / "port").write_text("5182\n")
    assert (status(machine)["up"], status(machine)["port"]) == (1, 0)


def test_session_of_three_minutes_ago_is_over(machine: Path) -> None:
    _handshakes(machine, alice=int(time.time()) - 200)
    assert status(machine)["active"] == 0


def test_cpu_and_memory_of_unified_control_groups(machine: Path) -> None:
    limits = {"memory.max": "2097152", "memory.current": "1572864", "memory.stat": "anon 1\ninactive_file 524288"}
    groups(machine, {"cpu.stat": f"usage_usec {8000 * (os.cpu_count() or 1)}\nuser_usec 1", **limits})
    found = status(machine)
    assert (found["memory_total"], found["memory_used"], found["memory"]) == (2097152, 1048576, 50.0)
    assert found["cpu"] >= 8000


def test_cpu_and_memory_of_the_first_control_groups(machine: Path) -> None:
    stat = "cache 1\ntotal_inactive_file 524288"
    limits = {"limit_in_bytes": str(2**63 - 4096), "usage_in_bytes": "1572864", "stat": stat}
    files = {f"memory/memory.{name}": text for name, text in limits.items()}
    groups(machine, {"cpuacct/cpuacct.usage": "64000000000", **files})
    found = status(machine)
    assert (found["memory_total"], found["memory_used"], found["memory"]) == (4194304, 1048576, 25.0)
    assert found["cpu"] > 0


def test_without_control_groups_the_machine_counts(machine: Path) -> None:
    found = status(machine)
    assert (found["memory_total"], found["memory_used"], found["memory"]) == (4194304, 3145728, 75.0)
