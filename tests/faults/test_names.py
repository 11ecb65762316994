"""Names on their way into legacy systems: exact where the system can hold them, as it was agreed where it cannot, never in pieces."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from connectors.sdk.simulation import BackOffice
from schemas.tasks import TaskRaised, Work
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.test_connectors import all_of, ends
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

NAMES = (
    "Bernadotte O'Nettle",
    "Bernadotte O\u2019Nettle",
    "Siân Quillon",
    "Zoë Thistlewrangle",
    "Ŵyn Wibberley",
    "李 Quillon",
)


def in_social_care(folder: Path) -> set[str]:
    """The people on record there."""
    with closing(sqlite3.connect(f"file:{folder / 'casebrook.db'}?mode=ro", uri=True)) as sql:
        return {name for (name,) in sql.execute("select full_name from person")}


def in_transport(folder: Path) -> set[str]:
    """The passengers in the booking files that the depot took: columns 122 to 151 of the second record."""
    files = [path.read_bytes() for where in ("inbound", "archive") for path in (folder / "files" / where).glob("BK_*")]
    return {content.split(b"\r\n")[1][121:151].decode("cp1252").rstrip() for content in files}


LACKS: dict[str, dict[str, str | int | None]] = {"social_care_soap": {}, "transport_files": {"Ŵ": "W", "李": "?"}}
"""Letters that a system cannot hold, and what was agreed to be written for them."""
READ = {"social_care_soap": in_social_care, "transport_files": in_transport}


@pytest.mark.fault(
    "T33",
    "names with an apostrophe, a typographic one, accents, a letter that cp1252 lacks, and one of another script",
    invariants="I1",
    oracle="O1 O3",
    twins=("names-lose-their-letters",),
)
@pytest.mark.parametrize("connector", LACKS)
def test_names_arrive_as_they_were_given(
    connector: str, tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    lacks, read = LACKS[connector], READ[connector]
    with ConnectorSite(tmp_path, kafka, PARTITIONS, connector, BackOffice(accept_s=1e9)) as site:
        begin = ends(kafka, "case-events")
        asked = [named(site.instruction(), name) for name in NAMES]
        site.send(asked)
        site.start(environment())
        keys = [event.id.hex for event in asked]
        eventually(lambda: all_of(dump(kafka, "case-events", begin), keys, "accepted"))

    assert {name.translate(str.maketrans(lacks)) for name in NAMES} - read(tmp_path / "legacy") == set()
    seen(f"{connector}: {len(NAMES)} names, {len(lacks)} letters that it lacks")


def named(event: TaskRaised, name: str) -> TaskRaised:
    """The same instruction, for somebody of this name whom nobody knows yet."""
    unknown = {"social_care_id": None, "nhs_number": None, "date_of_birth": date(1941, 2, 3), "person_name": name}
    task = event.data.model_copy(update={"facts": event.data.facts.model_copy(update=unknown)})
    assert task.work in set(Work)
    return event.model_copy(update={"data": task})
