"""One case: how it is named, what it needs, what came of it."""

import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from chaos import witness, world
from chaos.arena import Arena, Ran
from chaos.faults import Traffic
from chaos.verdict import judge, said
from tests.leaks.canaries import Canary, of_environment, of_keyring, pieces

LOCKED: Final = "currently locked"
BUSY: Final = "CT is locked"
"""What a node says that still works at the last run's request: no run may hurry it."""
CONVERGED: Final = ("preview", "--refresh", "--expect-no-changes")


@dataclass
class Outcome:
    """What came of a case: problems (none if it held), where the fault hit, what was said, seconds."""

    case: str
    seed: int
    problems: list[str] = field(default_factory=list)
    where: str = ""
    answer: str = ""
    needed: str = ""
    """What had to be typed beyond a plain `up`."""
    met: bool = True
    """Whether there was a fault at all; without one, nothing was tried."""
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems

    def line(self) -> str:
        """Return one line for a person."""
        word = "held  " if self.held else "FAILED"
        more = f" (needed {self.needed})" if self.needed else ""
        return f"{word} {self.case:<32} {self.seconds:6.1f} s  {self.where}; {self.answer}{more}"


@dataclass
class Bench:
    """What the cases share: the arena, what is known of normal operation, every secret."""

    arena: Arena
    traffic: dict[str, Traffic] = field(default_factory=dict)
    normal: dict[str, world.Facts] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    present: dict[str, Any] | None = None
    """The configuration that is deployed without a doubt; None when nothing is known."""
    made: dict[Canary, None] = field(default_factory=dict)
    """The secrets of every keyring there was, in the order they were made."""
    keyring: Any = None
    """The keyring as stored when it was opened last."""

    def secrets(self) -> list[Canary]:
        """Return every secret that must not be printed: the tokens, the jump host's key, all keys ever made."""
        stored = next((r.get("outputs") for r in self.arena.resources() if r["urn"].endswith("::keyring")), None)
        if stored and stored != self.keyring:  # opening it takes seconds, so only when it changed
            self.made |= dict.fromkeys(of_keyring(self.arena.export()))
            self.keyring = stored
        jump = (self.arena.site.keys / "jump").read_text()
        return [*self.made, *of_environment(self.arena.environ), *pieces("jump key", jump)]

    def know(self, config: dict[str, Any]) -> None:
        """See what `config` means when nothing goes wrong, unless that is known."""
        if _name(config) not in self.normal:
            self.settle(config)

    def settle(self, config: dict[str, Any]) -> None:
        """Bring the stack to `config` without faults, unless it is there; `{"gone": True}` means destroyed."""
        if self.present == config and _name(config) in self.normal:
            return
        ran = self._apply(config)
        if ran.code:
            raise RuntimeError(f"the stack cannot be brought to {config}: {'; '.join(said(ran))[:500]}")
        self.learn(config)

    def _apply(self, config: dict[str, Any]) -> Ran:
        if config.get("gone"):
            return retried(self.arena, self.arena.destroy)
        self.arena.configure(**config)
        return retried(self.arena, self.arena.up)

    def learn(self, config: dict[str, Any]) -> None:
        """Take what there is now for what `config` means when nothing goes wrong."""
        self.present = config
        self.keys = {} if config.get("gone") else world.public_keys(self.arena)
        self.normal.setdefault(_name(config), self.facts(config))

    def facts(self, config: dict[str, Any]) -> world.Facts:
        """Return what there is now; `config` says whether a server should be."""
        return world.look(self.arena, made=not config.get("gone"))


def retried(arena: Arena, command: Callable[[], Ran], outcome: Outcome | None = None) -> Ran:
    """Run a command as a person would: a lock is dealt with, and the command run again."""
    ran = command()
    need = _unlocked(arena, ran.out) if ran.code else ""
    if not need:
        return ran
    if outcome:
        outcome.needed = need
    return command()


def _unlocked(arena: Arena, told: str) -> str:
    """Cancel the lock that a crash left, or wait for a busy node; return which, nothing when there is no lock."""
    if LOCKED in told:
        arena.pulumi("cancel", "--yes")
        return "cancel"
    if BUSY in told:
        world.await_node(arena)
        return "to wait for the node"
    return ""


def seeded(name: str, seed: int) -> Random:
    """Return the random numbers of a case, the same for the same name and seed."""
    return Random(zlib.crc32(f"{name}/{seed}".encode()))


def converges(bench: Bench, config: dict[str, Any], outcome: Outcome) -> None:
    """Hold that the next run succeeds, the one after has nothing to do, and the world is as it should be."""
    arena, gone = bench.arena, bool(config.get("gone"))
    ran = retried(arena, arena.destroy if gone else arena.up, outcome)
    outcome.problems += [f"the next run {each}" for each in judge(ran, bench.secrets())]
    if ran.code:
        outcome.problems.append(f"the next run failed: {'; '.join(said(ran))[:300]}")
        bench.present = None
        return
    bench.present = config
    if gone:
        bench.keys = {}
        outcome.problems += [f"{each['urn']} is left in the state" for each in arena.resources()]
    else:
        outcome.problems += _quiet(bench, outcome)
        outcome.problems += _keys(bench)
    outcome.problems += _world(bench, config)


def _quiet(bench: Bench, outcome: Outcome) -> list[str]:
    """Hold that there is nothing left to do; what only a look at the world shows needs `up --refresh`."""
    arena = bench.arena
    ran = arena.pulumi(*CONVERGED, "--diff")
    found = [f"the preview {each}" for each in judge(ran, bench.secrets())]
    if not ran.code:
        return found
    outcome.needed = f"{outcome.needed} up --refresh".strip()
    again = arena.up("--refresh")
    ran = arena.pulumi(*CONVERGED, "--diff")
    found += [f"up --refresh {each}" for each in judge(again, bench.secrets())]
    found += [f"the last preview {each}" for each in judge(ran, bench.secrets())]
    unquiet = again.code or ran.code
    return [*found, f"no run converges: {_changes(again.out + ran.out)}"] if unquiet else found


def _changes(out: str) -> str:
    lines = [line.strip() for line in out.splitlines() if line.lstrip().startswith(("~", "+", "-", "error"))]
    return " | ".join(lines)[:500] or out[-300:]


def _keys(bench: Bench) -> list[str]:
    """Hold that no key was lost: whoever had one before has the same now."""
    now = world.public_keys(bench.arena)
    lost = [name for name, key in bench.keys.items() if now.get(name, key) != key]
    bench.keys = now
    return [f"the keys of {', '.join(lost)} are others now"] if lost else []


def _world(bench: Bench, config: dict[str, Any]) -> list[str]:
    """Hold that every system shows what it showed after an undisturbed run, and nothing else has changed."""
    usual = bench.normal.get(_name(config))
    if usual is None:
        return [f"no undisturbed run has shown what {config} means: this proves nothing"]
    return world.differences(comparable(usual), comparable(bench.facts(config)))


def comparable(facts: world.Facts) -> world.Facts:
    """Leave out keys, which a server made anew has new; that they last is held apart."""
    return {name: value for name, value in facts.items() if name != "keys"}


def _name(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


@contextmanager
def watched(bench: Bench, outcome: Outcome) -> Iterator[None]:
    """Let a peer that is not concerned look on until the block ends: the fault and the repair."""
    with witness.watching(bench.arena) as seen:
        yield
    outcome.problems += seen.problems


def attempt(bench: Bench, outcome: Outcome, command: Callable[[], Ran]) -> Ran:
    """Run the command that meets the fault, and judge what it says."""
    bench.present = None
    ran = command()
    outcome.problems += judge(ran, bench.secrets())
    outcome.answer = "succeeded" if not ran.code else "; ".join(said(ran))[:160]
    return ran


def timed(outcome: Outcome, begun: float) -> Outcome:
    """Note how long a case took."""
    outcome.seconds = time.monotonic() - begun
    return outcome


def tally(outcomes: Iterable[Outcome]) -> str:
    """Return how many of how many held."""
    found = [outcome for outcome in outcomes if outcome.met]
    return f"{sum(o.held for o in found)} of {len(found)}"
