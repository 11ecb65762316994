"""Passenger transport by files on SFTP: reaches the depot's server, knows the order of things, and leaves meaning to `mapping.py`."""

import time
from collections.abc import Callable, Iterable, Iterator
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
from connectors.transport_files.results import DATASET, Found, Seen
from connectors.transport_files.rules import FileRules, name_with
from connectors.transport_files.sheet import BrokenFile
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
    overlap_days: Annotated[float, Field(gt=0, le=31)] = 3.0
    """How many days a results file reaches back, and how late one may appear."""
    unfinished_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """How long a results file that cannot be used may lie there unchanged, in seconds, before it is broken and not still being written."""

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        if (self.password is None) == (self.key_file is None):
            raise ValueError("give either password or key_file")
        return self


class TransportFiles(SourceConnector[Settings], SinkConnector[Settings]):
    """The depot's files, both ways."""

    settings_type = Settings
    effect_class = EffectClass.C

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """As every connector; how long a file has lain unchanged goes by `clock`, in seconds."""
        super().__init__(settings)
        self._clock = clock
        self._unfinished: dict[Found, float] = {}
        """Files that could not be used at the last look, and since when they have been as they are."""

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
            self._server.check(folder, writes=folder == "inbound")

    # --- read

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        """What the depot sent: one batch for each results file, and one for booking files it could not use."""
        if dataset != DATASET:
            raise ConfigurationError(f"transport_files: no dataset {dataset}; there is one: {DATASET}.")
        seen, unfinished, now = Seen.of(after), dict[Found, float](), self._clock()
        for file in self._unread(seen):
            with self._server.fetch("outbound", file.name) as content:
                if content is None:
                    continue  # tidied away since the listing; the next file repeats its rows
                since = self._unfinished.get(file, now)
                try:
                    news = seen.news(file, content, self.settings, may_grow=now - since < self.settings.unfinished_s)
                except BrokenFile:
                    unfinished[file] = since
                    continue
            yield Batch(records=news.records, checkpoint=seen.checkpoint(), remarks=news.remarks)
        self._unfinished = unfinished
        if records := seen.refusals(self._server.listing("rejected")):
            yield Batch(records=records, checkpoint=seen.checkpoint())

    def _unread(self, seen: Seen) -> list[Found]:
        """Results files that are new or have changed, in the order in which they were made: one may arrive days late."""
        since = seen.looks_back(self.settings.overlap_days * 86_400)
        files = [(file.made(self.settings), file) for file in self._server.listing("outbound")]
        unread = [
            (made, file.name, file)
            for made, file in files
            if made is not None and file.modified >= since and not seen.knows(file)
        ]
        return [file for _, _, file in sorted(unread)]

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
