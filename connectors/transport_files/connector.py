"""Passenger transport by files on SFTP: reaches the depot's server, knows the order of things, and leaves meaning to `mapping.py`."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.sdk import (
    Batch,
    Checkpoint,
    ConfigurationError,
    Effect,
    EffectClass,
    LegacyRecord,
    Receipt,
    Said,
    SinkConnector,
    SourceConnector,
)
from connectors.transport_files.mapping import booking_file, booking_name, receipt_for, said_by
from connectors.transport_files.results import DATASET, BrokenFile, Found, Seen
from connectors.transport_files.rules import FileRules, name_with
from schemas.tasks import TaskRaised

if TYPE_CHECKING:
    from connectors.transport_files.client import SftpFolders


class Settings(FileRules):
    """Where the depot's server is, how we sign in, and which folders are for what."""

    host: str
    """Name or address of the SFTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    """Its port."""
    user: str
    """Our login name there."""
    password: SecretStr | None = None
    """Our password there; or a key_file."""
    key_file: Path | None = None
    """A private key without passphrase; or a password."""
    host_key: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
    """Fingerprint of the server's host key, as `ssh-keygen -l` shows it, given by the depot in another way than over the net."""
    inbound: str = "inbound"
    """Folder we put booking files into."""
    archive: str = "archive"
    """Folder the depot moves those to that it took."""
    archived_as: Annotated[str, AfterValidator(name_with("{name}"))] = "{name}"
    """What a booking file is called there: some depots write OK_{name}."""
    rejected: str = "inbound/rejected"
    """Folder the depot moves those to that it could not use."""
    outbound: str = "outbound"
    """Folder the depot puts results into."""
    results_name: str = "RESULTS_%Y%m%d_%H%M%S.csv"
    """Name of a results file: the depot's local time when it was made. Any other name is not read: a file still being written has one."""
    overlap_days: Annotated[float, Field(gt=0, le=31)] = 3.0
    """How many days a results file reaches back, and how late one may appear."""

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        if (self.password is None) == (self.key_file is None):
            raise ValueError("give either password or key_file")
        return self


class TransportFiles(SourceConnector[Settings], SinkConnector[Settings]):
    """The depot's files, both ways."""

    settings_type = Settings
    effect_class = EffectClass.C

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._growing: set[Found] = set()
        """Files that had no trailer at the last look: the same file without one at the next is broken, not unfinished."""

    @cached_property
    def _server(self) -> "SftpFolders":
        # Imported on first use: asyncssh takes most of a second, which a list of connectors must not.
        from connectors.transport_files.client import SftpFolders  # noqa: PLC0415 - see above

        return SftpFolders(self.settings)

    def close(self) -> None:
        """Let go of the server, where it was ever reached."""
        if "_server" in self.__dict__:
            self._server.close()

    # --- check

    def check(self) -> None:
        """Sign in, see all four folders, and that we may write where we must."""
        for folder in ("inbound", "archive", "rejected", "outbound"):
            self._server.listing(folder)
        self._server.probe("inbound")

    # --- read

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        """What the depot sent: one batch for each results file, and one for booking files it could not use."""
        if dataset != DATASET:
            raise ConfigurationError(f"transport_files: no dataset {dataset}; there is one: {DATASET}.")
        seen, growing = Seen.of(after), set[Found]()
        for file in self._unread(seen):
            with self._server.fetch("outbound", file.name) as content:
                if content is None:
                    continue  # tidied away since the listing; the next file repeats its rows
                try:
                    records = seen.news(file, content, self.settings, may_grow=file not in self._growing)
                except BrokenFile:
                    growing.add(file)
                    continue
            yield Batch(records=records, checkpoint=seen.checkpoint())
        self._growing = growing
        if records := seen.refusals(self._server.listing("rejected")):
            yield Batch(records=records, checkpoint=seen.checkpoint())

    def _unread(self, seen: Seen) -> list[Found]:
        """Results files that are new or have changed, oldest first by the server's clock: names repeat an hour every autumn."""
        since = seen.looks_back(self.settings.overlap_days * 86_400)
        files = [file for file in self._server.listing("outbound") if self._is_results(file.name)]
        unread = [file for file in files if file.modified >= since and not seen.knows(file)]
        return sorted(unread, key=lambda file: (file.modified, file.name))

    def _is_results(self, name: str) -> bool:
        try:
            return bool(datetime.strptime(name, self.settings.results_name))  # noqa: DTZ007 - only the form is looked at
        except ValueError:
            return False

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        """What one record says; see `mapping.said_by`."""
        return said_by(record, self.settings)

    # --- apply

    def apply(self, effect: Effect) -> Receipt:
        """Leave one booking file, unless it was left before: looked for where it goes, in the order in which it goes there."""
        receipt = receipt_for(effect)
        if effect.raised_as is None and not isinstance(effect.instruction, TaskRaised):
            return receipt  # nothing was ever booked, so there is nothing to change or to call off
        name = booking_name(effect, self.settings)
        content = booking_file(effect, self.settings)
        places = (("inbound", name), ("archive", self.settings.archived_as.format(name=name)), ("rejected", name))
        if not any(self._server.exists(folder, candidate) for folder, candidate in places):
            self._server.deliver("inbound", name, content)
        return receipt
