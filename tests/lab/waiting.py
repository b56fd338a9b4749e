"""Waiting for what comes by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], what: str = "", timeout: float = 60) -> T:
    """Return the first true answer of `check`; without one within `timeout` seconds fail and say `what` is wrong."""
    end = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, what or f"not within {timeout:.0f} s: {check}"
        time.sleep(0.1)
