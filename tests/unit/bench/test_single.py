"""Two measurements in one checkout would measure each other."""

from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from tests.bench.single import single


def test_while_one_measures_another_is_told_so(tmp_path: Path) -> None:
    with single(tmp_path / "bench"), pytest.raises(SystemExit) as refused, single(tmp_path / "bench"):
        pass

    assert refused.value.code == "A measurement runs in this checkout already."


def test_when_one_is_over_the_next_may_begin(tmp_path: Path) -> None:
    with single(tmp_path / "bench"):
        pass
    with single(tmp_path / "bench"):
        pass


def test_what_goes_wrong_in_a_measurement_keeps_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="its own words"), single(tmp_path / "bench"):
        raise ConfigurationError("its own words")


def test_a_folder_that_cannot_be_made_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="cannot be made"), single(tmp_path / "file" / "bench"):
        pass
