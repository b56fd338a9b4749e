"""Dynamic providers: thin, stateless, one module per resource.

The paths of these modules and the names of their classes are part of every stack's state (a
provider is stored as a reference to its class): they never change. A test holds them.
"""

import atexit
import gc
from functools import cache

# What is loaded by now stays: without this it is walked again and again while ours is imported.
gc.freeze()


@cache
def end_at_once() -> None:
    """Let this process end without the garbage collector, for which Pulumi would wait a fifth of a second each time."""
    atexit.register(gc.freeze)
