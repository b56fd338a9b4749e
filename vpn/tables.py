"""Tables with an entry for each peer, held in a stack's state as one JSON text.

Pulumi takes every value of a nested property in hand by itself, several times in a run: with a thousand peers that
was most of the time of a preview. A text is one value, and a preview shows how it changes entry by entry all the same.
"""

import json
from typing import Any


def dumps(table: Any) -> str:
    """Return a table as text, the same for the same content."""
    return json.dumps(table, separators=(",", ":"), sort_keys=True)


def loads(held: Any) -> Any:
    """Return a table from its text; what is none, as an older version's state holds it, stays as it is."""
    return json.loads(held) if isinstance(held, str) else held
