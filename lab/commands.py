"""Running the system's commands, and telling plainly what failed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import CommandError

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where ip, nft, sshd and lxc's helpers live; not on every user's PATH."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the system's tools on PATH, and `extra`."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {**os.environ, "PATH": f"{path}:{SBIN}", "LC_ALL": "C", **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    timeout: float | None = 120,
    check: bool = True,
    name: str | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `argv` with `stdin` and return what it did; messages call it `name`.

    Raises CommandError with the command's last words when `check` and it fails, or when it
    is missing or takes longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=timeout, check=False, env=environment())
    except FileNotFoundError as error:
        raise CommandError(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{name or words[0]} took longer than {timeout} s") from error
    if check and done.returncode:
        raise CommandError(f"{name or shlex.join(words)}: {last_words(done)}")
    return done


def output(argv: Sequence[str | Path]) -> str:
    """Return what `argv` prints; raises as `run` does."""
    return run(argv).stdout.decode()


def follow(argv: Sequence[str | Path]) -> None:
    """Run a long command, showing its progress lines ("I: …") as it goes; raises as `run` does."""
    words = [str(word) for word in argv]
    said: list[str] = []
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        for line in process.stdout or ():
            said = [*said[-4:], line.strip()]
            if line.startswith("I: ") and "-hook" not in line and "tempdir" not in line:
                progress("  " + line[3:].strip())
    if process.returncode:
        raise CommandError(f"{words[0]} failed: {' / '.join(said)}")


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the end of what a command said, for a message of one line."""
    said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    return " / ".join(said[-3:]) or f"exit status {done.returncode}"


def progress(message: str) -> None:
    """Tell a person what is being done."""
    print(message, file=sys.stderr, flush=True)
