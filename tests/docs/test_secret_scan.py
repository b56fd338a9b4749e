"""No secret stands in the repository, and the scan that says so would find one."""

import pytest

from tools.secret_scan import findings, main

KEY = "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="


def test_no_tracked_file_holds_a_secret() -> None:
    assert main([]) == 0


@pytest.mark.parametrize(
    "text",
    [
        f"PrivateKey = {KEY}",
        f"psk: '{KEY}'",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAA",
        "token wg@pve!pulumi=5f1c2d3e-4a5b-4c6d-8e7f-0123456789ab",
        "token wg@pbs!pulumi:5f1c2d3e-4a5b-4c6d-8e7f-0123456789ab",
        "nbt_abcdefgh1234.0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_a_secret_would_be_found_and_not_shown(text: str) -> None:
    (found,) = findings("docs/page.md", text)
    assert found.startswith("docs/page.md:1: looks like ")
    assert KEY not in found


@pytest.mark.parametrize(
    "text", ["wg@pve!pulumi=00000000-0000-0000-0000-000000000000", "PublicKey = …", "sha512 " + "ab" * 64]
)
def test_placeholders_are_no_secrets(text: str) -> None:
    assert list(findings("docs/page.md", text)) == []


def test_made_up_keys_in_tests_are_left_to_the_eye() -> None:
    assert list(findings("tests/pure/x.py", KEY)) == []
    assert list(findings("tests/x.py", "-----BEGIN PRIVATE KEY-----\n" + "A" * 40))
