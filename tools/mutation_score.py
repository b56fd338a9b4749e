"""Print what a mutation run found, a line for each module: `python tools/mutation_score.py DIRECTORY`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code  # type: ignore[import-not-found]  # comes with tools/mutation alone

CAUGHT = ("killed", "timeout", "caught by type check")


def main(directory: Path) -> None:
    """Read what mutmut keeps of each module; those that were not run are left out."""
    sys.stdout.write("module                          mutants  caught  survived  score\n")
    for kept in sorted(directory.rglob("*.meta")):
        codes = json.loads(kept.read_text())["exit_code_by_key"].values()
        found = Counter(status_by_exit_code[code] for code in codes if code is not None)
        total, caught = sum(found.values()), sum(found[each] for each in CAUGHT)
        if total:
            name = str(kept.relative_to(directory)).removesuffix(".meta")
            sys.stdout.write(f"{name:30}  {total:7}  {caught:6}  {total - caught:8}  {caught / total:5.0%}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
