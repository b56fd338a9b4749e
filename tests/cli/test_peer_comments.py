"""Comments of `peers.yaml` belong to the peer below them, whatever is changed beside it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.world import make

LAST_VALUES = {
    "scalar": "    persistent_keepalive: 0\n",
    "scalar, beside": "    persistent_keepalive: 0   # no NAT\n",
    "flow list": "    dns: [192.168.10.53]\n",
    "flow list, beside": "    dns: [192.168.10.53]   # ours\n",
    "block list": "    dns:\n      - 192.168.10.53\n",
    "block list, beside": "    dns:   # all\n      # the first\n      - 192.168.10.53   # ours\n",
    "list of mappings": "    allow:\n      - network: 192.168.1.0/24\n        protocol: tcp\n",
    "deep": "    allow:\n      - protocol: tcp\n        network: 192.168.1.0/24\n        ports:\n          - 22  # a\n",
    "flow list, deep": "    allow:\n      - network: 192.168.1.0/24\n        protocol: tcp\n        ports: [22]\n",
}
HEADS = {"alice": "  # Alice\n", "bob": "  # Bob\n  # and his phone\n", "carol": "\n  # Carol\n"}
CHANGES = [
    (("disable", "{}"), "    disabled: true\n"),
    (("rotate", "{}"), "    key_generation: 2\n"),
]


@pytest.fixture(params=LAST_VALUES)
def last(request: pytest.FixtureRequest) -> str:
    """The lines of a peer's last value."""
    return LAST_VALUES[request.param]


def blocks(last: str) -> dict[str, str]:
    """The peers as they are written, comments first."""
    return {name: f"{head}  - name: {name}\n{last}" for name, head in HEADS.items()}


def written(home: Path, text: str) -> Path:
    """Make a stack whose peers file says this."""
    make(home, deployed=False, peers=[])
    path = home / "peers.yaml"
    path.write_text(text)
    return path


START = "# our people\npeers:   # all of them\n"


@pytest.mark.parametrize("name", HEADS)
def test_a_removed_peer_takes_its_own_comments_along_and_no_others(
    home: Path, wgvpn: Command, last: str, name: str
) -> None:
    people = blocks(last)
    path = written(home, START + "".join(people.values()) + "# the end\n")
    assert wgvpn("peer", "remove", name).code == 0
    assert path.read_text() == START + "".join(text for own, text in people.items() if own != name) + "# the end\n"


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("words", "line"), CHANGES)
def test_a_changed_peer_is_changed_above_the_next_one_s_comment(  # noqa: PLR0917 - fixtures and cases
    home: Path, wgvpn: Command, last: str, name: str, words: tuple[str, str], line: str
) -> None:
    people = blocks(last)
    path = written(home, START + "".join(people.values()) + "# the end\n")
    assert wgvpn("peer", words[0], name).code == 0
    people[name] += line
    assert path.read_text() == START + "".join(people.values()) + "# the end\n"


def test_an_added_peer_stands_below_the_last_one_and_above_the_end(home: Path, wgvpn: Command, last: str) -> None:
    people = START + "".join(blocks(last).values())
    path = written(home, people + "# the end\n")
    for options, lines in (((), ""), (("--dns", "192.168.10.53"), "    dns:\n      - 192.168.10.53\n")):
        path.write_text(people + "# the end\n")
        assert wgvpn("peer", "add", "erin", *options).code == 0
        assert path.read_text() == people + f"  - name: erin\n{lines}# the end\n"


@pytest.mark.parametrize("beside", ["", "   # all of them"])
@pytest.mark.parametrize("head", ["", "  # Alice\n"])
@pytest.mark.parametrize("end", ["", "# the end\n"])
def test_the_only_peer_can_be_removed_and_another_one_added(
    home: Path, wgvpn: Command, beside: str, head: str, end: str
) -> None:
    path = written(home, f"peers:{beside}\n{head}  - name: alice\n{end}")
    assert wgvpn("peer", "remove", "alice").code == 0
    assert path.read_text().split() == f"peers: [] {beside}\n{end}".split()
    assert wgvpn("peer", "add", "bob").code == 0
    assert path.read_text().split() == f"peers: {beside}\n - name: bob\n{end}".split()


@pytest.mark.parametrize(
    "before", ["# our people\n# (none yet)\n", "# our people\n\n", "---\n# our people\n", "# ours"]
)
def test_a_file_of_comments_keeps_them(home: Path, wgvpn: Command, before: str) -> None:
    path = written(home, before)
    assert wgvpn("peer", "add", "alice").code == 0
    assert path.read_text() == before + "\n" * (not before.endswith("\n")) + "peers:\n  - name: alice\n"


@pytest.mark.parametrize(
    "head", ["# our people\n---\n", "---   # ours\n", "%YAML 1.1\n# ours\n\n--- # x\n\n# y\n", "---\n"]
)
def test_what_stands_above_the_document_stays(home: Path, wgvpn: Command, head: str) -> None:
    path = written(home, f"{head}peers:\n  - name: alice\n")
    for words, lines in ((("add", "bob"), "  - name: bob\n"), (("remove", "bob"), "")):
        assert wgvpn("peer", *words).code == 0
        assert path.read_text() == f"{head}peers:\n  - name: alice\n{lines}"
    done = wgvpn("peer", "add", "carol", "--group", "nobody")
    line = head.count("\n") + 4
    assert (done.code, f"peers.yaml:{line}" in done.err) == (3, True), done.err


@pytest.mark.parametrize("before", ["peers:\n  # nobody\n", "peers: []   # nobody\n", "peers:   # nobody\n"])
def test_a_list_of_nobody_keeps_its_comment(home: Path, wgvpn: Command, before: str) -> None:
    path = written(home, before)
    assert wgvpn("peer", "add", "alice").code == 0
    assert ("# nobody" in path.read_text(), "- name: alice" in path.read_text()) == (True, True)
