"""What the documentation claims is what the code says: tables of keys, outputs, errors, rules, privileges."""

import re
import subprocess
from pathlib import Path

import pytest

from lab.pve import seed
from policy.rules import RULES
from tests.components.graph import SYSTEMS, declare, settings
from tests.docs.blocks import PAGES, ROOT
from tools import reference
from vpn import errors
from vpn.settings import Interface, PeerSettings, Route, Routing, Ssh
from vpn.settings.settings import People

DOCS = ROOT / "docs"


def first_column(page: Path) -> set[str]:
    """Return the names in code type in the first column of a page's tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", page.read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_configuration_reference_is_up_to_date() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run: python -m tools.reference"


def test_every_key_of_a_nested_object_has_a_meaning_of_its_own() -> None:
    fields = {key for section in reference.OBJECTS.values() for key in section.model_fields}
    assert fields == reference.MEANINGS.keys()


def test_a_rule_tells_all_that_is_accepted() -> None:
    assert "host:port" in reference.rule(Interface, "endpoint")
    assert "or an IP address" in reference.rule(Ssh, "ssh_jump_host")
    assert reference.rule(Routing, "routes") == "a list of objects"
    assert reference.rule(People, "groups") == "a mapping of names to objects"


def test_every_output_is_told() -> None:
    graph = declare(settings(**SYSTEMS, peers=[{"name": "alice"}]))
    assert first_column(DOCS / "reference/outputs.md") == graph.outputs.keys()


def test_every_error_is_told() -> None:
    own = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.VpnError)}
    assert first_column(DOCS / "reference/errors.md") == own - {"VpnError"}


def test_every_policy_is_told_with_its_level() -> None:
    page = DOCS / "reference/policy.md"
    assert first_column(page) == {rule.name for rule in RULES}
    for rule in RULES:
        (row,) = [line for line in page.read_text().splitlines() if line.startswith("| ") and f"`{rule.name}`" in line]
        assert row.endswith(f"| {rule.level} |")


SECTION = re.compile(r"data model (?:sections? )?(\d(?:, \d)*)", re.IGNORECASE)
ITEM = re.compile(r"`(wireguard\.[a-z.]+)(?:\[NAME\])?`")


def test_every_section_of_the_data_model_that_is_cited_is_on_its_page() -> None:
    sources = [*(ROOT / "vpn").rglob("*.py"), *(ROOT / "cli").rglob("*.py"), *(ROOT / "policy").rglob("*.py")]
    cited = {n for page in sources for each in SECTION.findall(page.read_text()) for n in each.split(", ")}
    headings = re.findall(r"^## (\d)\. ", (DOCS / "data-model.md").read_text(), re.MULTILINE)
    assert cited
    assert cited <= {*headings}


def test_the_data_model_names_keys_and_items_that_there_are() -> None:
    page = (DOCS / "data-model.md").read_text()
    known = {"peers": PeerSettings.model_fields, "routes": Route.model_fields}
    for list_, key in re.findall(r"`(\w+)\[\]\.(\w+)`", page):
        assert key in known[list_], key
    template = (ROOT / "templates/zabbix/template.yaml").read_text()
    assert ITEM.findall(page)
    assert all(re.search(rf"key: '?{re.escape(item)}\b", template) for item in ITEM.findall(page))


def documented_roles() -> dict[str, set[str]]:
    text = (DOCS / "howto-production.md").read_text()
    return {name: set(privs.split()) for name, privs in re.findall(r'pveum role add (\w+) --privs "([^"]+)"', text)}


def test_the_privileges_are_those_every_test_runs_with() -> None:
    text = (DOCS / "howto-production.md").read_text()
    grants = dict(re.findall(r"pveum acl modify (\S+) \$who --roles (\w+)", text))
    assert documented_roles() == {name: set(privileges) for name, privileges in seed.ROLES.items()}
    assert grants == {**seed.GRANTS, seed.AUDIT_PATH: "WGAudit"}


def test_the_production_stack_names_no_privilege_the_page_lacks() -> None:
    text = (ROOT / "Pulumi.prod.yaml").read_text()
    named = set(re.findall(r"\b(?:VM|Datastore|Sys|SDN|Pool)\.[A-Z][A-Za-z.]+", text))
    assert named <= set().union(*documented_roles().values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", link):
            assert (page.parent / link).exists(), link


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    argv = [str(ROOT / ".venv/bin/mkdocs"), "build", "--strict", "--site-dir", str(tmp_path / "site")]
    told = subprocess.run(argv, cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
