"""What a writer is asked for is counted before it begins, and what is taken back is a change of its own."""

from providers.intent import IntentProvider
from tests.providers.engine import Managed
from tests.providers.host import UNKNOWN, Host


def test_what_is_asked_for_again_is_no_change(host: Host) -> None:
    intent = Managed(host, IntentProvider())
    assert intent.up({"asked": "a"}) == "create"
    assert intent.outs["epoch"] == 0
    assert intent.up({"asked": "a"}) == "same"


def test_a_change_and_its_taking_back_are_two(host: Host) -> None:
    intent = Managed(host, IntentProvider())
    for asked, epoch in (("a", 0), ("b", 1), ("a", 2)):
        intent.up({"asked": asked})
        assert intent.outs["epoch"] == epoch


def test_a_preview_tells_the_epoch_though_not_all_is_known(host: Host) -> None:
    intent = Managed(host, IntentProvider())
    assert intent.preview({"asked": UNKNOWN})[1]["epoch"] == 0
    intent.up({"asked": "a"})
    intent.up({"asked": "b"})
    assert intent.preview({"asked": UNKNOWN})[1]["epoch"] == 1
    assert intent.preview({"asked": "c"})[1]["epoch"] == 2


def test_a_refresh_changes_nothing(host: Host) -> None:
    intent = Managed(host, IntentProvider())
    intent.up({"asked": "a"})
    intent.up({"asked": "b"})
    intent.refresh()
    assert intent.up({"asked": "b"}) == "same"
