"""A container's firewall: options, and rules, of which a new one goes in at the top."""

from typing import Any

from lab.api.errors import ApiError
from lab.api.schema import boolean, integer
from lab.pve.checks import on
from lab.pve.dialect import died
from lab.pve.firewall_filter import apply, macro_name
from lab.pve.formats import split_list
from lab.pve.options import NOT_OPTIONS, apply_options, check_digest, digest
from lab.pve.parameters import DELETE, DIGEST, GUEST, LOG_LEVEL, POLICY, RULE_OPTIONS
from lab.pve.routing import Call, endpoint

READ, WRITE = on("/vms/{vmid}", "VM.Audit"), on("/vms/{vmid}", "VM.Config.Network")
BASE = "/nodes/{node}/lxc/{vmid}/firewall"
POSITION = {**GUEST, "pos": integer(0)}
ACTIONS = ("ACCEPT", "DROP", "REJECT")


def _firewall(call: Call) -> dict[str, Any]:
    with call.cluster.store.lock:
        return call.cluster.firewall(call.vmid)


@endpoint("GET", f"{BASE}/options", GUEST, permission=READ)
def read_options(call: Call) -> Any:
    """Return the options that were set."""
    options = _firewall(call)["options"]
    return {**options, "digest": digest(options)}


@endpoint(
    "PUT",
    f"{BASE}/options",
    {
        **GUEST,
        **DELETE,
        **DIGEST,
        "dhcp": boolean(),
        "enable": boolean(),
        "ipfilter": boolean(),
        "log_level_in": LOG_LEVEL,
        "log_level_out": LOG_LEVEL,
        "macfilter": boolean(),
        "ndp": boolean(),
        "policy_in": POLICY,
        "policy_out": POLICY,
        "radv": boolean(),
    },
    permission=WRITE,
)
def update_options(call: Call) -> Any:
    """Set options."""
    with call.cluster.store.edit():
        options = _firewall(call)["options"]
        check_digest(call, digest(options))
        apply_options(options, call.params)
    apply(call.cluster, call.vmid)


def _shown(rule: dict[str, Any], position: int, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pos": position, **rule, "digest": digest(rules)}


@endpoint("GET", f"{BASE}/rules", GUEST, permission=READ)
def list_rules(call: Call) -> Any:
    """All rules in order."""
    rules = _firewall(call)["rules"]
    return [_shown(rule, n, rules) for n, rule in enumerate(rules)]


def _rule(call: Call) -> tuple[list[dict[str, Any]], int]:
    rules, position = _firewall(call)["rules"], call.params["pos"]
    if position >= len(rules):
        raise died(f"no rule at position {position}")
    return rules, position


@endpoint("GET", f"{BASE}/rules/{{pos}}", POSITION, permission=READ)
def read_rule(call: Call) -> Any:
    """One rule; its position comes as a string here, as it does from the real server."""
    rules, position = _rule(call)
    return _shown(rules[position], position, rules) | {"pos": str(position)}


def checked(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rule as stored; raises 400 for one that means nothing."""
    errors: dict[str, str] = {}
    if rule.get("macro"):
        name = macro_name(rule["macro"])
        if name is None:
            errors["macro"] = f"unknown macro '{rule['macro']}'"
        rule["macro"] = name
    if rule["type"] == "group":
        errors["action"] = f"no such security group '{rule['action']}'"
    elif rule["action"] not in ACTIONS:
        errors["action"] = f"unknown action '{rule['action']}'"
    for port in ("dport", "sport"):
        if port in rule and "proto" not in rule:
            errors["proto"] = f"missing property - '{port}' requires this property"
    if "iface" in rule and not (rule["iface"].startswith("net") and rule["iface"][3:].isdigit()):
        errors["iface"] = "value does not match the regex pattern"
    errors |= {
        key: f"no such alias or IPSet '{rule[key]}'"
        for key in ("source", "dest")
        if key in rule and rule[key].lstrip("+")[0].isalpha() and ":" not in rule[key]
    }
    if errors:
        raise ApiError(400, "Parameter verification failed.", errors)
    return rule


def _given(call: Call) -> dict[str, Any]:
    return {name: value for name, value in call.params.items() if name not in NOT_OPTIONS}


@endpoint(
    "POST",
    f"{BASE}/rules",
    {
        **GUEST,
        **RULE_OPTIONS,
        **DIGEST,
        "action": RULE_OPTIONS["action"].required(),
        "type": RULE_OPTIONS["type"].required(),
    },
    permission=WRITE,
)
def create_rule(call: Call) -> Any:
    """Insert a rule at the top (`pos` is accepted and ignored, as by the real server)."""
    rule = checked(_given(call) | {"enable": call.get("enable", 0)})
    with call.cluster.store.edit():
        rules = _firewall(call)["rules"]
        check_digest(call, digest(rules))
        rules.insert(0, rule)
    apply(call.cluster, call.vmid)


@endpoint(
    "PUT",
    f"{BASE}/rules/{{pos}}",
    {**POSITION, **RULE_OPTIONS, **DELETE, **DIGEST, "moveto": integer(0)},
    permission=WRITE,
)
def update_rule(call: Call) -> Any:
    """Move a rule to before another, or change it."""
    rules, position = _rule(call)
    check_digest(call, digest(rules))
    with call.cluster.store.edit():
        if "moveto" in call.params:
            _move(rules, position, call.params["moveto"])
        else:
            kept = {
                name: value for name, value in rules[position].items() if name not in split_list(call.get("delete", ""))
            }
            rules[position] = checked(kept | _given(call))
    apply(call.cluster, call.vmid)


def _move(rules: list[dict[str, Any]], position: int, target: int) -> None:
    rule = rules[position]
    rest: list[dict[str, Any] | None] = [*rules]
    rest[position] = None
    rest.insert(target, rule)
    rules[:] = [item for item in rest if item is not None]


@endpoint("DELETE", f"{BASE}/rules/{{pos}}", {**POSITION, **DIGEST}, permission=WRITE)
def delete_rule(call: Call) -> Any:
    """Remove a rule; those below move up."""
    rules, position = _rule(call)
    check_digest(call, digest(rules))
    with call.cluster.store.edit():
        del rules[position]
    apply(call.cluster, call.vmid)
