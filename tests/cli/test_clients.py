"""`client` and `qr`: exactly the file, readable for nobody else."""

import os
import stat
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from tests.cli.conftest import Command
from tests.cli.world import make
from tests.pure import support


@pytest.fixture(autouse=True)
def _careless_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def decoded(image: Image.Image) -> str:
    (found,) = zxingcpp.read_barcodes(image.convert("L"))
    return found.text


@pytest.mark.usefixtures("world")
def test_the_client_file_goes_to_standard_output(wgvpn: Command) -> None:
    done = wgvpn("client", "alice")
    assert done.code == 0
    assert f"PrivateKey = {support.private_key('peer/alice')}\n" in done.out
    assert "Endpoint = vpn.example.org:51820\n" in done.out
    assert done.err == ""


@pytest.mark.usefixtures("world")
def test_a_peer_with_its_own_key_finds_a_marked_place(wgvpn: Command) -> None:
    assert "PrivateKey = <private key of carol>" in wgvpn("client", "carol").out


@pytest.mark.usefixtures("world")
def test_a_written_file_is_its_owner_s_alone(wgvpn: Command, tmp_path: Path) -> None:
    target = tmp_path / "alice.conf"
    target.write_text("old and world-readable")
    target.chmod(0o644)
    done = wgvpn("client", "alice", "--output", str(target))
    assert (done.code, done.out, mode(target)) == (0, "", 0o600)
    assert target.read_text() == wgvpn("client", "alice").out
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == []


@pytest.mark.usefixtures("world")
def test_what_is_no_regular_file_is_not_replaced_by_keys(wgvpn: Command, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("mine")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        done = wgvpn("client", "alice", "--output", str(tmp_path / name))
        assert (done.code, "no regular file" in done.err) == (3, True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "mine"


@pytest.mark.usefixtures("world")
def test_a_place_that_cannot_be_written_is_told(wgvpn: Command) -> None:
    done = wgvpn("client", "alice", "--output", "/nonexistent/alice.conf")
    assert (done.code, done.out) == (3, "")
    assert "/nonexistent" in done.err


@pytest.mark.parametrize(("name", "told"), [("nobody", "there is no peer"), ("dave", "disabled")])
@pytest.mark.usefixtures("world")
def test_there_is_no_file_of_a_peer_that_may_not_connect(wgvpn: Command, name: str, told: str) -> None:
    done = wgvpn("client", name)
    assert (done.code, done.out) == (3, "")
    assert told in done.err


@pytest.mark.usefixtures("world")
def test_the_images_decode_to_exactly_the_file(wgvpn: Command, tmp_path: Path) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    assert wgvpn("qr", "alice", "--png", str(png), "--svg", str(svg)).out == ""
    expected = wgvpn("client", "alice").out
    assert decoded(Image.open(png)) == expected
    assert decoded(drawn(svg.read_text())) == expected
    assert (mode(png), mode(svg)) == (0o600, 0o600)


@pytest.mark.usefixtures("world")
def test_the_terminal_s_code_decodes_to_exactly_the_file(wgvpn: Command) -> None:
    code = wgvpn("qr", "bob").out
    assert decoded(blocks(code)) == wgvpn("client", "bob").out


@pytest.mark.usefixtures("world")
def test_a_code_without_its_private_key_is_refused(wgvpn: Command, tmp_path: Path) -> None:
    done = wgvpn("qr", "carol", "--png", str(tmp_path / "c.png"))
    assert (done.code, (tmp_path / "c.png").exists()) == (3, False)


def test_a_file_too_long_for_a_code_is_told(home: Path, wgvpn: Command) -> None:
    routes = [f"10.{number}.{part}.0/24" for number in range(20, 60) for part in range(5)]
    make(
        home,
        peers=[{"name": "alice", "client_routes": routes}],
        routes=[{"destination_network": f"10.{number}.0.0/16"} for number in range(20, 60)],
    )
    done = wgvpn("qr", "alice")
    assert (done.code, "2953" in done.err, done.out) == (3, True, "")


def blocks(text: str, scale: int = 4) -> Image.Image:
    """Draw half-block characters: a block is light."""
    lines = text.splitlines()
    image = Image.new("L", (max(map(len, lines)), 2 * len(lines)))
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            image.putpixel((x, 2 * y), 255 if character in "█▀" else 0)
            image.putpixel((x, 2 * y + 1), 255 if character in "█▄" else 0)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def drawn(svg: str) -> Image.Image:
    """Draw an SVG of one stroked path of horizontal lines, as segno writes it."""
    import re

    size = int(re.findall(r'width="(\d+)"', svg)[0])
    scale = int(re.findall(r"scale\((\d+)\)", svg)[0])
    (path,) = re.findall(r' d="([^"]+)"', svg)
    image = Image.new("L", (size, size), 255)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            box = (int(x * scale), int((y - 0.5) * scale), int((x + values[0]) * scale), int((y + 0.5) * scale))
            image.paste(0, box)
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    return image
