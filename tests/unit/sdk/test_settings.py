import pytest

import connectors.sdk
from connectors.sdk import ConfigurationError, ConnectorSettings, MomentQuirk, load_settings


class Settings(ConnectorSettings):
    url: str
    """Where the service is."""
    moments: MomentQuirk = MomentQuirk(formats=("%d/%m/%Y %H:%M",), sentinels=())


def test_a_table_inside_is_laid_over_what_the_connector_declares() -> None:
    settings = load_settings(Settings, {"url": "x", "moments": {"repeated_hour": "second"}}, "hub.toml [connectors.x]")

    assert settings.moments.formats == ("%d/%m/%Y %H:%M",)
    assert settings.moments.sentinels == ()
    assert settings.moments.repeated_hour == "second"


def test_every_problem_is_named_at_once_with_its_meaning_or_the_nearest_word() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(
            Settings, {"timout_s": 3, "moments": {"zones": "UTC"}, "poll_every_s": -1}, "hub.toml [connectors.x]"
        )

    assert str(caught.value).splitlines() == [
        "hub.toml [connectors.x] cannot be used:",
        "  poll_every_s: Input should be greater than 0",
        "  url: missing: Where the service is.",
        '  moments.zones: no such setting; did you mean "zone"?',
        '  timout_s: no such setting; did you mean "timeout_s"?',
    ]


def test_a_zone_or_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a time zone of the tz database"):
        load_settings(Settings, {"url": "x", "moments": {"zone": "London"}}, "x")
    with pytest.raises(ConfigurationError, match="not a date format"):
        load_settings(Settings, {"url": "x", "moments": {"formats": ["dd/mm/yyyy"]}}, "x")


def test_what_an_author_needs_is_listed_in_order() -> None:
    listed = connectors.sdk.__all__
    assert listed == sorted(listed)
    assert all(hasattr(connectors.sdk, name) for name in listed)
