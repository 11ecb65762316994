"""Files that are larger than memory: an extract of any number of rows, and a line of any length, take no more than a small one."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.test_connectors import ends
from tests.sites.open_jobs import OpenJobsSite
from tests.sites.worker import PARTITIONS

pytestmark = pytest.mark.timeout(400)
MB = 1024 * 1024
MORE_MB = 30
"""By so much may the peak be above that of a small file: pages on their way, the caches of a database, and no list that is held whole."""
FEED = {"speaks": "always", "speaks_every_s": 86_400}


@pytest.fixture
def peak_of(tmp_path: Path, kafka: str) -> Iterator[Callable[..., tuple[float, OpenJobsSite]]]:
    """Reads one list by a process of its own; the most memory that process ever had, in MB, as the kernel counts it."""
    made: list[OpenJobsSite] = []

    def peak(jobs: Iterable[tuple[str, str]], says: int, within_s: float = 120) -> tuple[float, OpenJobsSite]:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        site = OpenJobsSite(folder, kafka, PARTITIONS, FEED, {"says": says})
        made.append(site)
        site.list_of(jobs)
        process = site.start(environment())
        eventually(lambda: "extract read" in site.log or process.poll() is not None, within_s)
        assert process.poll() is None, site.log
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        process.kill()
        process.wait(30)
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(kilobytes) / 1024, site

    yield peak
    for site in made:
        site.__exit__(None, None, None)


def rows(number: int) -> Iterator[tuple[str, str]]:
    return ((str(each), "raised") for each in range(number))


def rows_keep_memory_flat(peak_of: Callable[..., Any], small: int, large: int, within_s: float) -> str:
    """Read a small list and a large one; what was seen."""
    usual, _ = peak_of(rows(small), says=small)
    peak, site = peak_of(rows(large), says=large // 10, within_s=within_s)

    assert f'"rows":{large}' in site.log.replace(" ", "")
    assert peak <= usual + MORE_MB, f"{peak:.0f} MB for {large:,} rows, {usual:.0f} MB for {small:,}"
    return f"{small:,} rows: {usual:.0f} MB at most; {large:,} rows: {peak:.0f} MB"


def a_line_keeps_memory_flat(peak_of: Callable[..., Any], kafka: str, megabytes: int, within_s: float) -> str:
    """Read a list with one line of this length; what was seen."""
    usual, _ = peak_of(rows(10), says=1)
    begin, letters = ends(kafka, "housing-events"), ends(kafka, "housing-events-dlq")
    long_line = [("1", "raised"), ("2", "x" * (megabytes * MB)), ("3", "raised")]

    peak, _ = peak_of(long_line, says=1, within_s=within_s)

    assert peak <= usual + MORE_MB, f"{peak:.0f} MB for a line of {megabytes} MB, {usual:.0f} MB without"
    subjects = [json.loads(record.value or b"null")["subject"] for record in dump(kafka, "housing-events", begin)]
    assert sorted(subjects) == ["1", "3"]
    (letter,) = dump(kafka, "housing-events-dlq", letters)
    assert re.search(rb"line 3 is \d{8,9} bytes long; 131072 are agreed", letter.headers["reason"])
    assert len(letter.value or b"") < 10_000
    return f"usual: {usual:.0f} MB at most; with a line of {megabytes} MB: {peak:.0f} MB, set aside with its place"


@pytest.mark.fault(
    "T32 rows",
    "a full extract with 100,000 rows against one with 5,000",
    invariants="I7",
    oracle="O8",
    twins=("extracts-are-held-whole",),
)
def test_an_extract_of_many_rows_takes_no_more_memory_than_one_of_few(
    peak_of: Callable[..., Any], seen: Callable[[str], None]
) -> None:
    seen(rows_keep_memory_flat(peak_of, 5_000, 100_000, within_s=120))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.fault(
    "T32 rows", "a full extract with 10,000,000 rows against one with 100,000", invariants="I7", oracle="O8"
)
def test_an_extract_of_ten_million_rows_takes_no_more_memory_than_one_of_a_hundred_thousand(
    peak_of: Callable[..., Any], seen: Callable[[str], None]
) -> None:
    seen(rows_keep_memory_flat(peak_of, 100_000, 10_000_000, within_s=3 * 3600))


@pytest.mark.fault(
    "T32 line",
    "a file with one line of 60 MB between good ones",
    invariants="I5 I7",
    oracle="O2 O8",
    twins=("lines-are-of-any-length",),
)
def test_a_line_of_sixty_megabytes_is_set_aside_with_its_place_and_the_good_ones_flow(
    peak_of: Callable[..., Any], kafka: str, seen: Callable[[str], None]
) -> None:
    seen(a_line_keeps_memory_flat(peak_of, kafka, 60, within_s=120))


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.fault("T32 line", "a file with one line of 200 MB between good ones", invariants="I5 I7", oracle="O2 O8")
def test_a_line_of_two_hundred_megabytes_is_set_aside_with_its_place_and_the_good_ones_flow(
    peak_of: Callable[..., Any], kafka: str, seen: Callable[[str], None]
) -> None:
    seen(a_line_keeps_memory_flat(peak_of, kafka, 200, within_s=600))
