"""Keys are what RFC 7748 and wg say they are."""

import base64
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpn import keys
from vpn.errors import ParseError

# RFC 7748 section 6.1: private and public key of Alice and of Bob.
RFC_7748 = [
    (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    ),
    (
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    ),
]


def encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(("private", "public"), RFC_7748)
def test_public_keys_are_those_of_rfc_7748(private: str, public: str) -> None:
    assert keys.public_key(encode(bytes.fromhex(private))) == encode(bytes.fromhex(public))


@pytest.mark.skipif(shutil.which("wg") is None, reason="wireguard-tools are not installed")
def test_public_keys_are_those_of_wg() -> None:
    private = keys.generate_private_key()
    told = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True)
    assert keys.public_key(private) == told.stdout.strip()


def test_private_keys_are_clamped_and_differ() -> None:
    made = [keys.generate_private_key() for _ in range(50)]
    raw = [base64.b64decode(each) for each in made]
    assert len(set(made)) == 50
    assert all(each[0] & 7 == 0 and each[31] & 128 == 0 and each[31] & 64 for each in raw)


def test_clamping_makes_the_scalar_of_rfc_7748() -> None:
    # Section 5.2: a scalar as it is given, and the number it is decoded to.
    given = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    number = 31029842492115040904895560451863089656472772604678260265531221036453811406496
    assert keys.clamped(encode(given)) == encode(number.to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_clamping_keeps_the_pair_and_is_done_once(raw: bytes) -> None:
    clamped = keys.clamped(encode(raw))
    assert keys.clamped(clamped) == clamped
    assert keys.public_key(clamped) == keys.public_key(encode(raw))


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_every_32_bytes_are_a_key(raw: bytes) -> None:
    assert keys.check_key(encode(raw)) == encode(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        encode(bytes(32)),
        encode(b"\x01" * 31),
        encode(b"\x01" * 33),
        encode(b"\x01" * 32)[:-1],
        encode(b"\x01" * 32) + "\n",
        " " + encode(b"\x01" * 32),
        encode(b"\x01" * 32).replace("E=", "F="),  # the same bytes, spelled in a way that wg refuses
        encode(b"\xfb" * 32).replace("+", "-"),
        "é" * 44,
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ParseError) as refusal:
        keys.check_key(text)
    assert not text.strip() or text not in str(refusal.value)


def test_fingerprints_are_short_and_tell_keys_apart() -> None:
    prints = {keys.fingerprint(keys.public_key(keys.generate_private_key())) for _ in range(20)}
    assert len(prints) == 20
    assert all(each.startswith("SHA256:") and len(each) == 23 for each in prints)


def test_preshared_keys_are_keys() -> None:
    assert keys.check_key(keys.generate_preshared_key()) != keys.generate_preshared_key()
