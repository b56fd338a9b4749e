"""What the documentation tells people to type exists: commands, options, config keys, make targets."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from cli.app import VERBS, load
from lab.__main__ import app as lab_app
from tests.docs.blocks import PAGES, ROOT, Block, blocks, run_on
from vpn.settings import KNOWN_KEYS

ALL = [*blocks(*PAGES)]
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
LAB_VERBS = set(typer.main.get_command(lab_app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_shell_can_read_the_block(block: Block) -> None:
    told = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("block", ALL, ids=str)
def test_an_interactive_shell_expands_no_history_in_the_block(block: Block) -> None:
    for line in block.commands:
        assert not re.search(r"!\S", re.sub(r"'[^']*'", "", line)), f"single quotes are missing: {line}"


@pytest.mark.parametrize("block", ALL, ids=str)
def test_config_keys_are_known(block: Block) -> None:
    for line in block.commands:
        found = re.search(r"pulumi .*config (?:set|get|rm) (?:--\w+ )*'?(?:wireguard-vpn:)?(\w+)", line)
        assert not found or found[1] in KNOWN_KEYS, line


@pytest.mark.parametrize("block", ALL, ids=str)
def test_make_targets_and_lab_commands_exist(block: Block) -> None:
    for line in block.commands:
        target = re.match(r"make ([a-z-]+)", line)
        assert not target or target[1] in MAKE_TARGETS, line
        verb = re.search(r"python -m lab (\w+)", line)
        assert not verb or verb[1] in LAB_VERBS, line


def operator_calls() -> list[tuple[str, str]]:
    """Return every call of the operator's command in a block, with the place it stands."""
    return [
        (str(block), call.strip())
        for block in ALL
        for line in block.commands
        for call in re.findall(r"(?:^|[|;] *)(?:\./)?wgvpn ([^|;]*)", line)
    ]


@pytest.mark.parametrize(("place", "call"), operator_calls())
def test_an_operator_command_has_the_options_it_is_given(place: str, call: str) -> None:
    words = re.sub(r"^(-s|--stack) \S+ ", "", call).split()
    verb, rest = words[0], words[1:]
    assert verb in VERBS, place
    command = load(verb)
    if rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for each in command.params for option in each.opts} | {"--help", "-h"}
    assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known, place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_named_in_the_text_exist(page: Path) -> None:
    named = set(re.findall(r"`(?:\./)?wgvpn (?:-s \w+ )?([a-z]+)", page.read_text()))
    assert named <= VERBS.keys()


@pytest.mark.parametrize("block", run_on("pure"), ids=str)
def test_a_block_runs(block: Block, tmp_path: Path) -> None:
    checkout = tmp_path / "check out"
    left = shutil.ignore_patterns(".git", ".lab", ".venv", "__pycache__", ".*_cache", ".hypothesis", "site")
    shutil.copytree(ROOT, checkout, ignore=left)
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    script = f'PATH="$PWD/.venv/bin:$PATH"\n{block.text}'
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_tutorial_is_run_on_the_lab() -> None:
    tutorial = [block for block in blocks(ROOT / "docs/tutorial.md") if "make" not in block.text]
    assert tutorial
    assert all(block.where == "lab" for block in tutorial)
