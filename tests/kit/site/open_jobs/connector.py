"""Reads the lists of open jobs, one file a night: OPEN_JOBS_20261103.csv with a header, a line a job, and TRAILER with their number."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.sdk import (
    Checkpoint,
    ConfigurationError,
    ConnectorSettings,
    ContractBroken,
    Extract,
    LegacyRecord,
    Row,
    Said,
    SourceConnector,
    UnreadableRow,
)
from connectors.sdk.lines import LONGEST_LINE, Line, lines_of

from . import mapping

HEADER = "number,status,property"
NAME = "OPEN_JOBS_%Y%m%d.csv"


class Settings(ConnectorSettings):
    """Where the lists are."""

    folder: Path
    """The folder they are put into."""
    says: int = 1
    """Only every so manieth job is anybody's business: a list may have millions."""


class OpenJobs(SourceConnector[Settings]):
    """Reads lists."""

    settings_type = Settings

    def check(self) -> None:
        if not self.settings.folder.is_dir():
            raise ConfigurationError(f"open_jobs: folder {self.settings.folder} does not exist. Set folder.")

    def extract(self, dataset: str, after: Checkpoint | None) -> Extract | None:
        files = sorted(self.settings.folder.glob("OPEN_JOBS_*.csv"))
        file = next((file for file in files if after is None or file.name > after["file"]), None)
        if file is None:
            return None
        as_of = datetime.strptime(file.name, NAME).replace(hour=2, tzinfo=ZoneInfo("Europe/London"))
        return Extract(name=file.name, as_of=as_of, checkpoint={"file": file.name}, rows=_rows(file))

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        return mapping.said(record, self.settings.says)


def _rows(file: Path) -> Iterator[Row | UnreadableRow]:
    """Every row; the last line is held back until it is known to be the trailer, and is held against what was read."""
    with file.open("rb") as opened:
        lines = lines_of(opened)
        if next(lines, Line(0, b"", 0)).content != HEADER.encode():
            raise ContractBroken(f"open_jobs: {file.name} does not begin with {HEADER}. Nothing of it is used.")
        read, last = 0, next(lines, None)
        for line in lines:
            assert last is not None
            read += 1
            yield _row(last)
            last = line
    if last is None or last.content != f"TRAILER,{read}".encode():
        raise ContractBroken(f"open_jobs: {file.name} has no trailer that adds up: it was cut. Nothing of it is used.")


def _row(line: Line) -> Row | UnreadableRow:
    if line.content is None:
        fault = f"line {line.number} is {line.length} bytes long; {LONGEST_LINE} are agreed"
        return UnreadableRow(place=f"line {line.number}", values={"fault": fault})
    values = line.content.decode("utf-8", "replace").split(",")
    if len(values) != len(HEADER.split(",")):
        fault = f"line {line.number} has {len(values)} values instead of {len(HEADER.split(','))}"
        return UnreadableRow(place=f"line {line.number}", values={"fault": fault})
    number, status, property_ref = values
    return Row(key=number, values={"status": status, "property": property_ref}, keeps={"property": property_ref})
