"""`qr`: a peer's client file as a QR code, for phones."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import segno
import typer

from cli import output, writing
from cli.clients import client_text
from cli.probing import complete
from cli.stack import Stack
from vpn.errors import StackError

SCALE = 6
MOST = 2953
app = typer.Typer(add_completion=False)


@app.command()
def qr(
    context: typer.Context,
    name: str,
    png: Annotated[Path | None, typer.Option(help="write a PNG image, readable for you alone")] = None,
    svg: Annotated[Path | None, typer.Option(help="write an SVG image, readable for you alone")] = None,
) -> None:
    """Show a peer's client file as a QR code: on the terminal, or as an image. It holds exactly the file."""
    stack: Stack = context.obj
    text = client_text(stack.deployed, name)
    if not complete({name: text}):
        raise StackError(f"peer {name} keeps its own private key: a code without it would be of no use; take the file")
    code = _code(name, text)
    for path, kind in ((png, "png"), (svg, "svg")):
        if path is not None:
            image = io.BytesIO()
            code.save(image, kind=kind, scale=SCALE)
            writing.write_private(path, image.getvalue())
            output.note(f"{path}: QR code of {name}")
    if png is None and svg is None:
        code.terminal(sys.stdout, compact=True)


def _code(name: str, text: str) -> segno.QRCode:
    """Return the code. Raise StackError for a text longer than the largest one holds (ISO/IEC 18004, version 40-L)."""
    try:
        return segno.make_qr(text, error="l", boost_error=False, encoding="utf-8")
    except segno.DataOverflowError:
        size = len(text.encode())
        raise StackError(f"the client file of {name} has {size} bytes, a QR code {MOST} at most") from None
