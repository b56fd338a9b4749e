"""The peers file: plain YAML, with the line of everything in it."""

import pytest

from vpn import peers_file
from vpn.errors import ParseError


def test_lines_are_told_by_key_path() -> None:
    found = peers_file.load("peers:\n  - name: a\n    allow:\n      - network: 10.0.0.0/8\n  - {name: b}\n")
    assert found.content == {"peers": [{"name": "a", "allow": [{"network": "10.0.0.0/8"}]}, {"name": "b"}]}
    assert found.lines["peers"] == 1
    assert found.lines["peers[0].name"] == 2
    assert found.lines["peers[0].allow[0].network"] == 4
    assert found.lines["peers[1]"] == 5


@pytest.mark.parametrize("text", ["", "# nobody yet\n", "---\n"])
def test_an_empty_file_is_nobody(text: str) -> None:
    assert peers_file.load(text).content == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("peers:\n  - name: a\n   x: y\n", 3),
        ("peers:\n  - name: a\n    name: b\n", 3),
        ("- a\n- b\n", 1),
        ("just text", 1),
        ("peers: [\n", 2),
        ("peers: !!python/object/apply:os.system [echo]\n", 1),
        ("a: \x00\n", 0),
        ("a: 1\n---\nb: 2\n", 2),
        ("peers:\n  - expires_at: 2027-02-31T00:00:00Z\n", 0),
        ("peers: &all [*all]\n", 0),
        ("groups:\n  2026.1: {mtu: 1400}\n", 2),
        ("groups: {no: {}}\n", 1),
        ("peers:\n  - name: a\n    null: x\n", 3),
        ("peers:\n  - ? [a]\n    : b\n", 2),
    ],
)
def test_what_is_no_plain_mapping_is_refused_by_line(text: str, line: int) -> None:
    with pytest.raises(ParseError) as refusal:
        peers_file.load(text)
    assert refusal.value.line == line


def test_errors_do_not_quote_the_file() -> None:
    with pytest.raises(ParseError) as refusal:
        peers_file.load("private_key: CANARY: x\n")
    assert "CANARY" not in str(refusal.value)
