"""Keys are made once, kept, and changed only on request, by age, or with the configuration."""

import base64
import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from tests.pure import support
from tests.pure.support import MONTH, NOW, ZABBIX, private_key, public_key, unclamped_key
from vpn import keyring as kr
from vpn import keys, login_key, notices
from vpn.keyring import KeyRequest, Keyring
from vpn.settings import Settings

YEAR = dt.timedelta(days=366)


def settings(**changes: Any) -> Settings:
    return support.settings(**{"endpoint": "vpn.example.org:51820", **changes})


def evolve(of: Settings, previous: Keyring | None = None, now: dt.datetime = NOW) -> tuple[Keyring, tuple[str, ...]]:
    return kr.evolve(kr.requests(of), kr.given(of), previous or Keyring(), now)


def test_all_kinds_of_keys_are_made() -> None:
    people = [
        {"name": "own", "public_key": keys.public_key(private_key("own"))},
        {"name": "managed", "preshared_key": "generated"},
        {"name": "imported", "private_key": private_key("imported"), "preshared_key": private_key("psk")},
        {"name": "grouped", "group": "g"},
        {"name": "exempt", "group": "g", "preshared_key": "none"},
    ]
    groups = {"g": {"preshared_key": "generated"}}
    found, changes = evolve(
        settings(peers=people, groups=groups, zabbix_enabled=True, zabbix_url="https://z", zabbix_token="z",
                 zabbix_server="192.168.1.1")
    )  # fmt: skip
    assert {name: (entry.kind, entry.origin) for name, entry in found.items()} == {
        "owner": ("owner", "generated"),
        "peer/exempt": ("wireguard", "generated"),
        "peer/grouped": ("wireguard", "generated"),
        "peer/imported": ("wireguard", "given"),
        "peer/managed": ("wireguard", "generated"),
        "psk/grouped": ("preshared", "generated"),
        "psk/imported": ("preshared", "given"),
        "psk/managed": ("preshared", "generated"),
        "server": ("wireguard", "generated"),
        "ssh": ("ssh", "generated"),
        "zabbix": ("zabbix_psk", "generated"),
    }
    assert list(found) == sorted(found)
    assert "made server" in changes
    assert "given peer/imported" in changes
    assert found["server"].public == keys.public_key(found["server"].secret)
    assert found["owner"].public == found["owner"].secret
    assert found["psk/managed"].public == ""
    assert len(bytes.fromhex(found["zabbix"].secret)) == 32
    assert load_ssh_private_key(found["ssh"].secret.encode(), None)
    assert found["ssh"].public.startswith("ssh-ed25519 ")
    assert len(base64.b64decode(found["psk/managed"].secret)) == 32


def test_nothing_changes_when_nothing_is_asked() -> None:
    of = settings(peers=[{"name": "a", "preshared_key": "generated"}])
    first, _ = evolve(of)
    assert evolve(of, first, NOW + 10 * YEAR) == (first, ())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"key_generation": 2}, "server"),
        ({"zabbix_psk_generation": 2}, "zabbix"),
        ({"peers": [{"name": "a", "preshared_key": "generated", "key_generation": 2}]}, "peer/a"),
        ({"peers": [{"name": "a", "preshared_key": "generated", "preshared_key_generation": 2}]}, "psk/a"),
    ],
)
def test_a_raised_generation_rotates_that_key_alone(change: dict[str, object], name: str) -> None:
    team = {**ZABBIX, "peers": [{"name": "a", "preshared_key": "generated"}]}
    before, after = settings(**team), settings(**{**team, **change})
    first, _ = evolve(before)
    second, changes = evolve(after, first)
    assert changes == (f"rotated {name}: generation 2",)
    assert {each for each in second if second[each] != first[each]} == {name}
    assert second[name].secret != first[name].secret
    assert evolve(after, second) == (second, ())


def test_a_lowered_generation_rotates_nothing_and_is_told() -> None:
    first, _ = evolve(settings(key_generation=5))
    fallen = settings(key_generation=3)
    assert evolve(fallen, first) == (first, ())
    assert notices.warnings(fallen, kr.requests(fallen), first, NOW) == (
        "key server: is of generation 5 and the configuration says 3: only a generation above 5 rotates it",
    )


def test_a_generation_raised_while_the_key_is_given_counts_when_it_no_longer_is() -> None:
    first, _ = evolve(settings(private_key=private_key("s")))
    raised, changes = evolve(settings(private_key=private_key("s"), key_generation=2), first)
    assert (raised, changes) == (first, ())
    assert evolve(settings(key_generation=2), raised)[1] == ("rotated server: generation 2",)


def test_automatic_rotation_waits_for_the_age() -> None:
    of = settings(rotation_policy="automatic", max_key_age_days=90, peers=[{"name": "a", "rotation_policy": "manual"}])
    first, _ = evolve(of)
    due = NOW + dt.timedelta(days=90)
    assert evolve(of, first, due - dt.timedelta(seconds=1)) == (first, ())
    second, changes = evolve(of, first, due)
    assert changes == ("rotated server: older than 90 days",)
    assert second["server"].generated == due.isoformat()
    assert second["peer/a"] == first["peer/a"]


def test_preshared_keys_grow_old_as_the_pairs_of_their_peers_do() -> None:
    manual = {"name": "b", "preshared_key": "generated", "rotation_policy": "manual"}
    people = [{"name": "a", "preshared_key": "generated"}, manual]
    of = settings(rotation_policy="automatic", max_key_age_days=90, peers=people)
    first, _ = evolve(of)
    _, changes = evolve(of, first, NOW + dt.timedelta(days=90))
    assert changes == tuple(f"rotated {name}: older than 90 days" for name in ("server", "peer/a", "psk/a"))


def test_ssh_and_owner_never_rotate_by_age() -> None:
    of = settings(rotation_policy="automatic", max_key_age_days=1)
    first, _ = evolve(of)
    second, _ = evolve(of, first, NOW + YEAR)
    assert (second["ssh"], second["owner"]) == (first["ssh"], first["owner"])


def test_given_keys_replace_and_are_kept_when_no_longer_given() -> None:
    first, _ = evolve(settings())
    given, changes = evolve(settings(private_key=private_key("given")), first)
    assert changes == ("replaced server",)
    assert given["server"].secret == private_key("given")
    assert given["server"].public == public_key("given")
    automatic = settings(private_key=private_key("given"), rotation_policy="automatic", max_key_age_days=1)
    assert evolve(automatic, given, NOW + YEAR) == (given, ())
    kept, changes = evolve(settings(), given, NOW + MONTH)
    assert changes == ()
    assert kept["server"].secret == private_key("given")
    assert kept["server"].origin == "given"


def test_another_spelling_of_a_held_key_rotates_nothing() -> None:
    one, other = settings(private_key=unclamped_key("s")), settings(private_key=private_key("s"))
    first, _ = evolve(one)
    for of, secret in ((one, unclamped_key("s")), (other, private_key("s")), (settings(), unclamped_key("s"))):
        found, changes = evolve(of, first, NOW + MONTH)
        assert (changes, found["server"].secret) == ((), secret)
        assert found["server"].generated == first["server"].generated


def test_other_bits_of_a_preshared_key_are_another_key() -> None:
    def given(secret: str) -> Settings:
        return settings(peers=[{"name": "a", "preshared_key": secret}])

    first, _ = evolve(given(unclamped_key("psk")))
    assert evolve(given(private_key("psk")), first)[1] == ("replaced psk/a",)


def test_keys_may_be_given_by_name() -> None:
    keys_given = {"server": private_key("s"), "peer/a": private_key("a"), "psk/a": private_key("psk")}
    people = [{"name": "a", "preshared_key": "generated"}]
    of = settings(peers=people, given_keys=keys_given)
    found, _ = evolve(of)
    assert {name: found[name].secret for name in keys_given} == keys_given
    assert found["server"].origin == "given"
    assert private_key("psk") not in repr(of)
    kept, changes = evolve(settings(peers=people), found)
    assert changes == ()
    assert {name: kept[name].secret for name in keys_given} == keys_given


def test_a_login_that_was_given_stays_when_it_no_longer_is() -> None:
    first, _ = evolve(settings())
    private = login_key.generate()
    given, changes = evolve(settings(given_keys={"ssh": private}), first)
    assert changes == ("replaced ssh",)
    assert (given["ssh"].secret, given["ssh"].public) == (private, login_key.public_key(private))
    assert evolve(settings(), given) == (given, ())


@pytest.mark.parametrize("still", [True, False])
def test_age_does_not_rotate_a_key_that_was_given_by_name(*, still: bool) -> None:
    automatic: dict[str, object] = {"rotation_policy": "automatic", "max_key_age_days": 90}
    given = settings(**automatic, given_keys={"server": private_key("s")})
    first, _ = evolve(given)
    of = given if still else settings(**automatic)
    assert evolve(of, first, NOW + YEAR) == (first, ())
    assert notices.warnings(of, kr.requests(of), first, NOW + dt.timedelta(days=80)) == ()
    (told,) = notices.warnings(of, kr.requests(of), first, NOW + YEAR)
    assert told.startswith("key server: reached its maximum age")
    second, changes = evolve(settings(**automatic, key_generation=2), first, NOW + YEAR)
    assert changes == ("rotated server: generation 2",)
    assert second["server"].origin == "generated"


def test_keys_given_in_vain_are_told() -> None:
    of = settings(peers=[{"name": "a"}], given_keys={"peer/gone": private_key("g"), "peer/a": private_key("a")})
    found, _ = evolve(of)
    told = notices.warnings(of, kr.requests(of), found, NOW)
    assert told == ("given_keys: nothing asks for peer/gone; it can be removed",)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"endpoint": "192.168.20.90:51820"}, "192.168.20.90"),
        ({"endpoint": "192.168.20.90"}, "192.168.20.90"),
        ({"endpoint": None, "ip_address": "192.168.20.90/24"}, "192.168.20.90"),
        ({"endpoint": None, "ip_address": "dhcp"}, None),
        ({"endpoint": "vpn.example.org:51820"}, None),
        ({"endpoint": "198.51.100.1:51820"}, None),
        ({"endpoint": "[2001:db8::1]:51820"}, None),
    ],
)
def test_an_endpoint_that_clients_would_dial_through_the_tunnel_is_told(
    config: dict[str, Any], told: str | None
) -> None:
    of = settings(**config)
    found = notices.warnings(of, kr.requests(of), evolve(of)[0], NOW)
    assert len(found) == (told is not None)
    assert all(f"clients dial {told} and send 192.168.0.0/16 into the tunnel" in each for each in found)


def test_keys_of_removed_peers_go() -> None:
    first, _ = evolve(settings(peers=[{"name": "a", "preshared_key": "generated"}, {"name": "b"}]))
    second, changes = evolve(settings(peers=[{"name": "b"}]), first)
    assert changes == ("dropped peer/a", "dropped psk/a")
    assert "peer/a" not in second


def test_a_key_of_another_kind_is_made_anew() -> None:
    first, _ = evolve(settings())
    odd = Keyring({**first, "owner": first["ssh"]})
    second, changes = evolve(settings(), odd)
    assert changes == ("made owner",)
    assert second["owner"].kind == "owner"


def test_a_keyring_survives_json_with_floats() -> None:
    first, _ = evolve(settings(peers=[{"name": "a"}]))
    data = json.loads(json.dumps(first.to_dict()))
    for entry in data.values():
        entry["generation"] = float(entry["generation"])
    assert Keyring.from_dict(data) == first
    assert isinstance(Keyring.from_dict(data)["server"].generation, int)


def test_secrets_do_not_show() -> None:
    found, changes = evolve(settings(peers=[{"name": "a", "preshared_key": "generated"}]))
    for entry in found.values():
        if entry.kind != "owner":
            assert entry.secret not in repr(found)
            assert entry.secret not in str(changes)


def test_rotation_is_announced() -> None:
    people = [
        {"name": "soon", "expires_at": "2026-12-10T00:00:00Z"},
        {"name": "later", "expires_at": "2027-12-10T00:00:00Z"},
        {"name": "over", "expires_at": "2025-12-10T00:00:00Z"},
        {"name": "off", "expires_at": "2026-12-10T00:00:00Z", "disabled": True},
        {"name": "manual", "rotation_policy": "manual"},
    ]
    of = settings(rotation_policy="automatic", max_key_age_days=40, peers=people)
    wanted = kr.requests(of)
    found, _ = evolve(of)
    early = notices.warnings(of, wanted, found, NOW)
    assert early == ("peer soon: expires at 2026-12-10T00:00:00+00:00",)
    told = notices.warnings(of, wanted, found, NOW + dt.timedelta(days=11))
    assert "key server: the first up after 2027-01-06 rotates it" in told
    assert not any("peer/manual" in each for each in told)
    late = NOW + dt.timedelta(days=40)
    assert notices.warnings(of, wanted, found, late) == (
        "key peer/manual: reached its maximum age on 2027-01-06; raise its generation (or change it where it is given)",
    )
    unknown = KeyRequest("peer/new", "wireguard", max_age_days=1)
    assert notices.warnings(settings(), [unknown], found, late) == ()
