"""What docs/benchmarks.md shows: the figures of `.lab/bench.json` as tables, and their curves as plots."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plot
from bench.figures import UNFINISHED, shown

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]
TITLES = {
    "core": "The pure core",
    "tunnel": "The tunnel",
    "program": "Whole commands",
    "calls": "Requests",
    "revocation": "Revocation",
    "ansible": "Beside Ansible",
    "scale": "Ten thousand peers",
    "recovery": "Recovery",
    "warm": "From stopped to connected",
}


@dataclass(frozen=True)
class Curve:
    """A plot: from which section, and the figures whose names match, by the number of peers in them."""

    file: str
    title: str
    section: str
    series: Mapping[str, str]
    """Name in the legend → figure's name with `N` for the number."""


CURVES = (
    Curve("core", "Validating, planning, rendering", "core", {
        "validate config": "validate config, N peers",
        "plan and render": "plan and render, N peers",
        "client files": "render client files, N peers",
        "pack the bundle": "pack the bundle, N peers",
    }),
    Curve("commands", "Whole commands, processor seconds", "program", {
        "no-op preview": "no-op preview, N peers: processor",
        "no-op up --refresh": "no-op up --refresh, N peers: processor",
        "one peer added": "one peer added, N peers: processor",
    }),
    Curve("no-op", "No-op: up --refresh and playbooks", "ansible", {
        "ours": "no-op, N peers: ours",
        "smallest playbook": "no-op, N peers: playbook",
        "role": "no-op, N peers: role",
    }),
    Curve("look", "Look only: preview and --check", "ansible", {
        "ours": "look only, N peers: ours",
        "smallest playbook": "look only, N peers: playbook",
        "role": "look only, N peers: role",
    }),
    Curve("add", "One peer added", "ansible", {
        "ours": "add a peer, N peers: ours",
        "smallest playbook": "add a peer, N peers: playbook",
        "role": "add a peer, N peers: role",
    }),
)  # fmt: skip
HEAD = """# Benchmarks

What `make bench` measured last, on one machine; `python -m bench docs` wrote this page from it. Every figure is the
median of a few runs. Commands that are compared ran in turn, minute by minute, so that other work on the machine hits
all of them; read the ratios, not the seconds. *processor* is what a command and everything it started on the operator's
machine used of its processors, which a busy machine hardly changes. *load by processor* tells how busy it was: above 1,
every second in a table is longer than on an idle machine, about by that factor.
"""
NOTES = {
    "program": "Of a no-op preview's processor seconds over a quarter is Pulumi's command (most of it deriving the "
    "key of the stack's passphrase, slow on purpose and done twice), a third the program (half of that importing "
    "Pulumi, its Proxmox package and pydantic), over a quarter the process of the dynamic providers, the rest the "
    "Proxmox plugin. `up --refresh` starts the plugins twice: Pulumi does that.",
    "calls": "`diff` asks nobody. What `check` asks is the claim's look at the VMID.",
    "tunnel": "The ratio compares the tunnel the program built with two bare ends of the same WireGuard implementation "
    "that forward and masquerade alike, one processor each, measured in turn. On a machine busy with other work it "
    "comes out lower than the tunnel's own price: the container's many processes wait longer for their turn. By "
    "processor time for each megabyte, which waiting changes less, the server end took 3 to 6 % more than the bare "
    "one (best of eight turns, November 2026), and no less with every filter rule taken out.",
    "ansible": "ansible-core with pipelining and kept SSH connections (its default) runs against the same container, "
    "through the same jump host, each playbook with an interface of its own. *playbook* is the smallest idiomatic one "
    "(bench/ansible/playbook.yml); *role* the public role githubixx.wireguard with its defaults, whose package and "
    "kernel module are taken to be there. Ansible's no-op logs in and looks, so its match is `pulumi up --refresh`; "
    "`--check` is set against plain `preview`. Ours includes the container, its firewall, the keys and the backups.",
    "scale": "One stack, one container, wireguard-go; without NetBox, which needs seconds for every hundred addresses.",
    "recovery": "`wgvpn restore` from the lab's backup server after the container was destroyed behind Pulumi's back; "
    "a peer pings the server all along and is not touched.",
}


def write(results: Path, docs: Path) -> None:
    """Write the page and its plots."""
    found: Results = json.loads(results.read_text())
    plots = docs / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    drawn = {curve.file for curve in CURVES if _draw(curve, found, plots / f"{curve.file}.svg")}
    parts = [_section(name, found[name], drawn) for name in TITLES if name in found and UNFINISHED not in found[name]]
    (docs / "benchmarks.md").write_text("\n".join([HEAD, *parts]))


def _draw(curve: Curve, found: Results, path: Path) -> bool:
    """Draw a curve from the figures there are; say whether there were any."""
    figures = found.get(curve.section, {})
    series = {label: _points(figures, name) for label, name in curve.series.items()}
    series = {label: points for label, points in series.items() if len(points) > 1}
    if series:
        path.write_text(plot.lines(curve.title, "peers", "s", series))
    return bool(series)


def _points(figures: Mapping[str, Mapping[str, Any]], name: str) -> dict[float, float]:
    pattern = re.compile(re.escape(name).replace("N\\ peers", r"([\d,]+)\ peers"))
    found = ((pattern.fullmatch(title), figure["value"]) for title, figure in figures.items())
    return {float(match[1].replace(",", "")): value for match, value in found if match and value is not None}


def _section(name: str, figures: Mapping[str, Mapping[str, Any]], drawn: set[str]) -> str:
    return "\n".join([f"## {TITLES[name]}\n", *_notes(name), *_pictures(name, drawn), *_table(figures)])


def _notes(name: str) -> Iterator[str]:
    if name in NOTES:
        yield f"{NOTES[name]}\n"


def _pictures(name: str, drawn: set[str]) -> Iterator[str]:
    for curve in CURVES:
        if curve.section == name and curve.file in drawn:
            yield f"![{curve.title}](plots/{curve.file}.svg)\n"


def _table(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| figure | value | processor | note |\n| --- | ---: | ---: | --- |"
    for title, figure in figures.items():
        if title.endswith(": processor"):
            continue
        spent = figures.get(f"{title}: processor")
        processor = f"{shown(spent['value'])} s" if spent else ""
        value = f"{shown(figure['value'])} {figure['unit']}".strip()
        yield f"| {title} | {value} | {processor} | {figure.get('note', '')} |"
    yield ""
