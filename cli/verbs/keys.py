"""`keys`: the backup of the stack's keys, and its login to the container."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import key_backup, key_restore, output, passphrase, writing
from cli.stack import Stack

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Back up and restore the stack's keys, renew its login."
)
File = Annotated[Path, typer.Argument(metavar="FILE")]
PassphraseFile = Annotated[Path | None, typer.Option(help="a file whose first line is the passphrase")]
PassphraseFd = Annotated[int | None, typer.Option(help="an open file descriptor to read the passphrase from")]


@app.command()
def backup(
    context: typer.Context,
    target: File,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """Write every key of the stack into one encrypted file: its state, and the secrets of its config.

    Keep it apart from the backups of the container. Make a new one when keys or peers change.
    """
    stack: Stack = context.obj
    content = key_restore.content(stack)
    secret = passphrase.read(passphrase_file, passphrase_fd, new=True)
    writing.write_private(target, key_backup.seal(content, secret))
    output.note(f"{target}: the keys of stack {content['stack']}, {len(stack.deployed.keyring)} of them, encrypted")


@app.command()
def restore(
    context: typer.Context,
    source: File,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    force: Annotated[bool, typer.Option("--force", help="replace a state that is there")] = False,
) -> None:
    """Give an empty stack its keys back: state and secret config, under this stack's own passphrase.

    Other config is version control's: what differs there from the backup is told, to be put back by hand.
    """
    stack: Stack = context.obj
    content = key_backup.unseal(source.read_bytes(), passphrase.read(passphrase_file, passphrase_fd, new=False))
    key_restore.check(stack, content, force=force)
    written = key_restore.restore(stack, content)
    output.say(f"stack {content['stack']} has its state back" + (f", and {', '.join(written)}" if written else ""))
    if found := key_restore.differences(stack, content):
        output.say("left alone (only secrets and peers are put back), and different in the backup:")
        for key, value in found:
            output.say(f"  {key}: {value}")
    output.say("next: pulumi refresh (what is gone), then pulumi preview and pulumi up (what must be made again)")


@app.command()
def login(context: typer.Context) -> None:
    """Renew the SSH key by which the stack logs in to the container: there at once, in the stack with the next up."""
    from cli.login import renew  # noqa: PLC0415 - SSH, which a backup does without

    stack: Stack = context.obj
    renew(stack)
    output.say("next: pulumi up. Until then nothing of the stack logs in to the container, refresh neither")
