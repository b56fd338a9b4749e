"""What the program declares: order of creation and destruction, secrets, protection."""

import itertools
import json
from typing import Any

import pulumi
import pytest

from components.container import leased, own_vmid
from components.vpn import peers
from tests.components.graph import (
    BASE,
    DHCP_ADDRESS,
    ENVIRONMENT,
    MAC,
    SECRET,
    SIGNATURE,
    SYSTEMS,
    Graph,
    declare,
    settings,
)
from tests.pure import support
from vpn.settings import parse

PEERS = [{"name": "alice"}, {"name": "bob", "preshared_key": "generated"}]
ORDER = [
    "keyring",
    "claim",
    "container-template",
    "container",
    "firewall-rules",
    "firewall-options",
]


NINE_STEPS = [
    ["container-template"],
    ["container"],
    ["host-key", "server-state", "server"],
    ["registration"],
    ["monitoring"],
    ["backup"],
]
"""Data model, Create workflow: template and container, then what is done inside it (steps 3 to 6 are the
one push of the server, which waits for boot, installs, writes and starts), then the three registrations."""
REPLACEABLE = {"container-template", "firewall-options"}
"""What is replaced without a loss: a file that stays, and options that a deletion does not touch."""
SEVEN_STEPS = [
    ["server-state"],
    ["container", "claim"],
    ["registration-reservation"],
    ["monitoring-reservation"],
    ["backup-reservation"],
]
"""Data model, Destroy workflow: service and files (retired with the state), container, then the three systems."""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return declare(settings(peers=PEERS))


@pytest.fixture(scope="module")
def whole() -> Graph:
    """The program with every system around it."""
    return declare(settings(peers=PEERS, **SYSTEMS))


def test_the_nine_steps_of_creation_wait_for_each_other(whole: Graph) -> None:
    for earlier, later in itertools.pairwise(NINE_STEPS):
        for name in later:
            assert all(whole.waits_for(name, each) for each in earlier), f"{name} does not wait for {earlier}"


def test_the_seven_steps_of_destruction_follow_from_it(whole: Graph) -> None:
    for first, second in itertools.pairwise(SEVEN_STEPS):
        for name in first:
            assert all(whole.waits_for(name, each) for each in second[-1:]), f"{second} would go before {name}"


def test_every_system_is_proven_before_anything_is_made(whole: Graph) -> None:
    for system in ("registration-reservation", "monitoring-reservation", "backup-reservation"):
        assert whole.waits_for("claim", system)


def test_a_system_left_out_of_a_stack_that_stays_goes_in_its_two_steps(whole: Graph) -> None:
    for name in ("registration", "monitoring", "backup"):
        assert f"{name}-reservation" in whole.custom[name].dependencies


def test_every_system_s_resources_show_its_address(whole: Graph) -> None:
    """Else a move to another server would be no change, and nothing would be made there."""
    for resource, prop, variable in (
        ("registration", "url", "NETBOX_URL"),
        ("monitoring", "frontend", "ZABBIX_URL"),
        ("backup", "url", "PBS_URL"),
    ):
        for name in (resource, f"{resource}-reservation"):
            assert whole.custom[name].inputs[prop] == ENVIRONMENT[variable]


def test_every_single_address_of_a_peer_is_registered_and_the_first_is_told() -> None:
    own = {"name": "alice", "allowed_ips": ["10.8.0.2/32", "10.8.0.9/32"]}
    graph = declare(settings(peers=[own], **SYSTEMS))
    addresses = json.loads(graph.custom["registration"].inputs["records"])["ip_address"]
    assert {host for host, each in addresses.items() if "alice" in each["description"]} == {"10.8.0.2", "10.8.0.9"}
    assert graph.outputs["peers"]["alice"]["address"] == "10.8.0.2"


def test_what_a_system_warns_of_is_among_the_outputs(whole: Graph, graph: Graph) -> None:
    assert "Proxmox Backup Server: the token has Sys.Modify" in whole.outputs["warnings"]
    assert not [each for each in graph.outputs["warnings"] if "Backup" in each]


def test_a_system_that_is_left_out_has_no_resources(graph: Graph) -> None:
    words = ("registration", "monitoring", "backup")
    assert not [name for name in graph.custom if name.startswith(words)]


def test_the_firewall_lets_the_zabbix_server_ask_the_agent(whole: Graph) -> None:
    rules = whole.custom["firewall-rules"].inputs["rules"]
    assert ("tcp", "10050", "192.168.10.30/32") in [(r["proto"], r["dport"], r["source"]) for r in rules]


def test_no_credential_is_in_any_resource(whole: Graph) -> None:
    tokens = [value for key, value in ENVIRONMENT.items() if key.endswith("TOKEN")]
    assert not [r.name for r in whole.requests for token in tokens if token.rpartition("=")[2] in str(r)]


def test_the_take_over_guard_comes_before_anything_is_made(graph: Graph) -> None:
    for name in set(graph.custom) - {"keyring", "addresses", "claim"}:
        assert graph.waits_for(name, "claim"), name


def test_no_key_goes_before_the_ledger_has_agreed(graph: Graph) -> None:
    """It refuses to lose peers with their file: with the keys gone by then, all would get new ones."""
    assert "addresses" in graph.custom["keyring"].dependencies


def test_the_ledger_knows_whether_the_peers_stand_in_a_file() -> None:
    people = parse(BASE, peers_file={"peers": [{"name": "alice"}]}, environ=ENVIRONMENT)
    assert declare(people).custom["addresses"].inputs["peers_file"] == "peers.yaml"


def test_the_create_workflow_s_steps_wait_for_each_other(graph: Graph) -> None:
    for earlier, later in itertools.pairwise(ORDER):
        assert graph.waits_for(later, earlier), f"{later} does not wait for {earlier}"
    for earlier, later in [
        ("container", "host-key"),
        ("host-key", "server-state"),
        ("addresses", "server-state"),
        ("server-state", "server"),
    ]:
        assert graph.waits_for(later, earlier), f"{later} does not wait for {earlier}"


def test_nothing_is_served_before_the_firewall_is_made_nor_registered_before_it_is_proven(whole: Graph) -> None:
    for earlier, later in itertools.pairwise(["firewall-rules", "firewall-options", "host-key", "server"]):
        assert whole.waits_for(later, earlier), f"{later} does not wait for {earlier}"
    for later in ("registration", "monitoring", "backup"):
        assert "proof" in whole.custom[later].dependencies


def test_what_the_proof_finds_keeps_no_removed_peer_in(whole: Graph) -> None:
    """Features that root has set by hand, say, which only root can take back."""
    assert not whole.waits_for("server", "proof")


def test_the_server_retires_while_its_container_lives(graph: Graph) -> None:
    state = graph.custom["server-state"]
    assert state.deleted_with == ""
    assert graph.waits_for("server-state", "container")


@pytest.mark.parametrize("writer", ["proof", "firewall-rules", "registration", "monitoring", "backup"])
def test_every_writer_has_its_intent_ahead_of_it(whole: Graph, writer: str) -> None:
    assert f"{writer}-intent" in whole.custom[writer].dependencies


def test_the_proof_s_intent_is_ahead_of_the_container_too(whole: Graph) -> None:
    """A change of the container that fails keeps the proof from being reached."""
    assert "proof-intent" in whole.custom["container"].dependencies
    assert not whole.waits_for("proof-intent", "container")


@pytest.mark.parametrize("writer", ["firewall-rules", "registration", "monitoring", "backup"])
def test_an_intent_is_kept_when_all_else_is_there_that_its_writer_waits_for(whole: Graph, writer: str) -> None:
    assert whole.custom[writer].dependencies - {f"{writer}-intent"} <= whole.custom[f"{writer}-intent"].dependencies


@pytest.mark.parametrize(
    ("writer", "changes"),
    [
        ("proof", {"memory_mb": 2048}),
        ("firewall-rules", {"ssh_sources": ["0.0.0.0/0"]}),
        ("registration", {"cpu_cores": 2}),
        ("monitoring", {"zabbix_backup_token": "monitor@pbs!zabbix:7d1f7d8e-0000-4000-8000-000000000001"}),
        ("backup", {"keep_daily": 1}),
    ],
)
def test_an_intent_tells_every_change_of_what_its_writer_is_asked_for(
    whole: Graph, writer: str, changes: dict[str, Any]
) -> None:
    def asked(graph: Graph) -> dict[str, str]:
        return {name: each.inputs["asked"] for name, each in graph.custom.items() if name.endswith("-intent")}

    changed = asked(declare(settings(peers=PEERS, **SYSTEMS | changes)))
    assert f"{writer}-intent" in {name for name, digest in asked(whole).items() if changed[name] != digest}


@pytest.mark.parametrize("writer", ["firewall-rules", "server-state", "registration", "monitoring", "backup"])
def test_a_writer_that_is_replaced_on_request_ends_before_it_is_made_anew(whole: Graph, writer: str) -> None:
    """Else its end would empty the firewall, stop the service, pause the jobs that were just brought up to date."""
    assert whole.custom[writer].request.deleteBeforeReplace


def test_an_intent_over_secrets_is_secret(whole: Graph) -> None:
    assert whole.custom["monitoring-intent"].raw["asked"][SIGNATURE] == SECRET
    for writer in ("proof", "firewall-rules", "registration", "backup"):
        assert isinstance(whole.custom[f"{writer}-intent"].raw["asked"], str)


def test_what_lives_in_the_container_goes_with_it(graph: Graph) -> None:
    for name in ("firewall-rules", "firewall-options", "server"):
        assert graph.custom[name].deleted_with == "container"
    assert graph.custom["container"].deleted_with == "claim"


def test_the_template_stays_when_the_stack_goes(graph: Graph) -> None:
    template = graph.custom["container-template"]
    assert template.request.retainOnDelete
    assert template.inputs["overwrite"] is False
    assert template.inputs["checksumAlgorithm"] == "sha512"
    assert len(template.inputs["checksum"]) == 128


def test_the_container_is_as_the_data_model_says(graph: Graph) -> None:
    inputs = graph.custom["container"].inputs
    assert inputs["vmId"] == 2090
    assert inputs["unprivileged"] is True
    assert inputs["startOnBoot"] is True
    assert inputs["features"] == {"nesting": True}
    assert inputs["memory"] == {"dedicated": 1024, "swap": 512}
    assert inputs["cpu"] == {"cores": 1}
    assert inputs["disk"] == {"datastoreId": "local-lvm", "size": 8}
    assert inputs["networkInterfaces"] == [{"name": "eth0", "bridge": "vmbr0", "firewall": True}]
    assert inputs["initialization"]["hostname"] == "wireguard"
    assert inputs["initialization"]["dns"] == {"domain": "infra.local"}
    assert inputs["initialization"]["userAccount"]["keys"][0].startswith("ssh-ed25519 ")


def test_the_container_carries_the_mark_of_its_owner(graph: Graph) -> None:
    owner = graph.answers.public["owner"]["public_key"]
    mark = f"pulumi: wireguard-vpn/test/{owner}"
    assert graph.custom["container"].inputs["description"].endswith(f"\n{mark}")
    assert graph.custom["claim"].inputs["mark"] == mark
    assert graph.custom["server-state"].inputs["mark"] == mark


def test_what_concerns_only_the_making_or_a_hand_set_never_replaces_the_container(graph: Graph) -> None:
    request = graph.custom["container"].request
    assert set(request.ignoreChanges) == {
        "operatingSystem.templateFileId",
        "devicePassthroughs",
        "initialization.userAccount",
        "mountPoints",
        "template",
    }
    assert request.deleteBeforeReplace


@pytest.mark.parametrize("protect", [True, False])
def test_everything_is_protected_as_configured(*, protect: bool) -> None:
    graph = declare(settings(protect=protect))
    assert {each.request.protect for name, each in graph.custom.items() if name not in REPLACEABLE} == {protect}


def test_what_a_container_made_anew_replaces_is_not_protected() -> None:
    """Pulumi refuses to replace what is protected: a lost container could not come back."""
    graph = declare(settings(protect=True))
    assert {name for name, each in graph.custom.items() if not each.request.protect} == REPLACEABLE
    triggered = {name for name, each in graph.custom.items() if each.request.HasField("replacement_trigger")}
    assert triggered <= REPLACEABLE


def test_the_firewall_lets_in_the_vpn_and_ssh_and_nothing_else(graph: Graph) -> None:
    rules = graph.custom["firewall-rules"].inputs["rules"]
    assert [(r["action"], r["proto"], r["dport"], r["source"]) for r in rules] == [
        ("ACCEPT", "udp", "51820", "0.0.0.0/0"),
        ("ACCEPT", "udp", "51820", "::/0"),
        ("ACCEPT", "tcp", "22", "192.168.0.0/16"),
    ]
    assert all(r["comment"].startswith("WireGuard VPN") for r in rules), "a comment makes a rule ours"
    options = graph.custom["firewall-options"].inputs
    assert options["enabled"] is True
    assert options["inputPolicy"] == "DROP"


def test_the_proof_asks_for_what_the_container_and_its_firewall_were_told(graph: Graph) -> None:
    assert graph.waits_for("proof", "container")
    assert graph.waits_for("proof", "firewall-options")
    inputs = graph.custom["proof"].inputs
    assert int(inputs["config"]["memory"]) == graph.custom["container"].inputs["memory"]["dedicated"]
    assert inputs["disk_gb"] == graph.custom["container"].inputs["disk"]["size"]
    assert inputs["firewall"] == {"enable": "1", "policy_in": "DROP"}
    expected = {"bridge": "vmbr0", "ip": "192.168.20.90/16", "gw": "192.168.10.1", "firewall": "1", "tag": ""}
    assert inputs["interface"] == expected
    assert inputs["config"]["nameserver"] == ""
    assert inputs["config"]["features"] == "nesting=1"


def test_without_the_proxmox_firewall_there_is_none() -> None:
    graph = declare(settings(proxmox_firewall=False))
    assert not graph.custom["proof"].inputs["firewall"]
    assert graph.custom["proof"].inputs["interface"]["firewall"] == ""
    assert not [name for name in graph.custom if name.startswith("firewall")]
    assert graph.custom["container"].inputs["networkInterfaces"][0]["firewall"] is False


def test_peers_add_no_resources() -> None:
    few, many = declare(settings(peers=PEERS)), declare(settings(peers=numbered(200)))
    assert set(few.custom) == set(many.custom)


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"name": f"peer-{n}"} for n in range(count)]


def test_no_key_stands_readable_in_any_resource_or_output(graph: Graph) -> None:
    secrets = {each["secret"] for name, each in graph.answers.keys.items() if name != "owner"}
    assert len(secrets) == 5
    for resource in graph.custom.values():
        readable = json.dumps(without_secrets(resource.raw))
        assert not [name for name in secrets if name.strip() in readable], resource.name
    readable = json.dumps({k: v for k, v in graph.outputs.items() if k not in graph.secret_outputs})
    assert not [name for name in secrets if name in readable]


def test_what_is_taken_out_of_the_secrets_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function in the clear would have the whole network with it, keys and all."""
    told: list[Any] = []
    unsecret = pulumi.Output.unsecret

    def listening(value: pulumi.Output[Any]) -> pulumi.Output[Any]:
        clear: pulumi.Output[Any] = unsecret(value)
        clear.apply(told.append)
        return clear

    monkeypatch.setattr(pulumi.Output, "unsecret", listening)
    graph = declare(settings(peers=PEERS, **SYSTEMS))
    assert len(told) > 5
    assert not [value for value in told if callable(value)]
    secrets = {each["secret"].strip() for name, each in graph.answers.keys.items() if name != "owner"}
    assert not [value for value in told for secret in secrets if secret in repr(value)]


def without_secrets(value: Any) -> Any:
    """Return a value of the wire without what is marked secret."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return None
        return {key: without_secrets(each) for key, each in value.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def test_the_bundle_travels_by_standard_input_and_says_nothing(graph: Graph) -> None:
    command = graph.custom["server"]
    assert command.raw["stdin"][SIGNATURE] == SECRET
    assert command.raw["connection"][SIGNATURE] == SECRET
    assert command.inputs["connection"]["hostKey"] == "ssh-ed25519 AAAA"
    assert command.inputs["logging"] == "none"
    assert command.inputs["addPreviousOutputInEnv"] is False
    assert {"stdout", "stderr"} <= set(command.request.additionalSecretOutputs)
    assert not {"delete", "triggers", "environment"} & command.inputs.keys()


def test_the_outputs_are_what_a_person_needs_next(graph: Graph) -> None:
    outputs = graph.outputs
    assert outputs["endpoint"] == "192.168.20.90:51820"
    assert outputs["ct_id"] == 2090
    assert outputs["ct_address"] == "192.168.20.90"
    assert outputs["service"] == "wg-quick@wg0.service"
    assert outputs["peers"]["alice"]["address"] == "10.8.0.2"
    assert set(outputs["peers"]) == set(outputs["client_configs"]) == {"alice", "bob"}
    assert graph.secret_outputs == {"client_configs"}


def test_dhcp_s_address_becomes_the_endpoint() -> None:
    graph = declare(settings(ip_address="dhcp", gateway=None, peers=PEERS))
    assert graph.outputs["endpoint"] == f"{DHCP_ADDRESS}:51820"
    assert graph.custom["server"].inputs["connection"]["host"] == DHCP_ADDRESS
    assert graph.custom["firewall-options"].inputs["dhcp"] is True


def test_dhcp_s_address_inside_the_vpn_subnet_ends_the_run_without_a_traceback() -> None:
    inside = settings(ip_address="dhcp", gateway=None, address="192.168.30.1/24", routes=[])
    with pytest.raises(pulumi.RunError, match=f"ip_address: {DHCP_ADDRESS}: .*not be in the VPN subnet"):
        declare(inside)


def test_a_stopped_container_under_dhcp_can_be_started() -> None:
    dhcp = settings(ip_address="dhcp", gateway=None, peers=PEERS)
    assert "server" in declare(dhcp, addresses={}, preview=True).custom


def test_a_container_that_gets_no_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="it is stopped, or no DHCP server"):
        leased({})


def test_a_guest_that_took_the_vmid_meanwhile_ends_the_run() -> None:
    assert own_vmid(2090.0, "WireGuard VPN server\npulumi: a/b\n", "pulumi: a/b") == 2090
    for notes in (None, "somebody else's", "pulumi: a/b/c"):
        with pytest.raises(pulumi.RunError, match=r"^container_id: 2090: was taken by another guest"):
            own_vmid(2090.0, notes, "pulumi: a/b")


def test_nothing_is_written_to_a_guest_before_that_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.container.own_vmid", lambda *_: 4711)
    graph = declare(settings(peers=PEERS))
    by_vmid = {
        each.name: each.inputs.get("container_id", each.inputs.get("containerId")) for each in graph.custom.values()
    }
    assert {name for name, vmid in by_vmid.items() if vmid == 4711} == {"firewall-rules", "firewall-options", "proof"}


def test_a_container_made_anew_is_another_instance(graph: Graph) -> None:
    assert graph.custom["host-key"].inputs["instance"] == MAC
    assert graph.custom["server-state"].inputs["instance"] == MAC


def test_what_is_shown_of_a_peer_holds_its_date_where_it_has_one() -> None:
    people = [{"name": "alice"}, {"name": "visitor", "expires_at": "2027-01-31T18:00:00Z"}]
    found = peers(support.network(peers=people))
    assert {name: each.get("expires_at") for name, each in found.items()} == {
        "alice": None,
        "visitor": "2027-01-31T18:00:00+00:00",
    }
    assert {key for each in found.values() for key in each} == {"address", "public_key", "status", "expires_at"}
