import os
import pwd

import pytest

from hub.cli.person import person
from hub.dead_letters.desk import WHO_LIMIT

NAMED_BY = ("LOGNAME", "USER", "LNAME", "USERNAME")


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An account of which neither the environment nor the system knows a name."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in NAMED_BY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    return monkeypatch


def test_somebody_without_a_name_is_named_by_the_number_of_their_account(nameless: pytest.MonkeyPatch) -> None:
    assert person() == f"uid {os.getuid()}"


def test_the_environment_says_who_it_is(nameless: pytest.MonkeyPatch) -> None:
    nameless.setenv("LOGNAME", "jo")
    assert person() == "jo"


def test_a_name_is_no_longer_than_is_kept(nameless: pytest.MonkeyPatch) -> None:
    nameless.setenv("LOGNAME", "j" * 500)
    assert person() == "j" * WHO_LIMIT
