"""What a connector is: a source, a sink, or both, for one legacy system of one department.

The hub brings the bus, the memory and the waiting; a connector brings the reach (`connector.py`) and the meaning (`mapping.py`).
Neither knows Kafka, Faust, topics or cases: a source gives records and what they say, a sink applies one instruction.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from connectors.sdk.settings import ConnectorSettings
from schemas.envelope import Event, Message
from schemas.facts import Facts
from schemas.tasks import TaskChanged, TaskRaised, TaskStatus, TaskWithdrawn

Checkpoint = Mapping[str, Any]
"""Where reading goes on, in the connector's own words; JSON values only. The runner keeps it and never looks inside."""

Instruction = TaskRaised | TaskChanged | TaskWithdrawn
"""What the hub asks of a department."""


class Change(StrEnum):
    """What happened to a row since the full extract before."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    """It is gone; all that is known of it is what its row said to keep."""
    UNREADABLE = "unreadable"
    """It stands in this extract and cannot be read; nobody knows which row it is."""


@dataclass(frozen=True, kw_only=True)
class LegacyRecord:
    """One version of one record, as the legacy system delivers it.

    Attributes:
        dataset: table, operation or file kind: works-orders.
        key: the record's own key there, trimmed: 00012345.
        position: tells this version from every other of the dataset; the event ids are computed from it.
        values: its fields under the names the mapping knows, raw: padding, sentinels and local times still in place.
        change: what happened to it, where its dataset delivers full extracts; None where it delivers changes.
        as_of: of which moment that full extract is.

    Raises:
        TypeError: dataset, key or position is no text.
        ValueError: it is text that no byte stands for.
    """

    dataset: str
    key: str
    position: str
    values: Mapping[str, Any] = field(repr=False)
    change: Change | None = None
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("dataset", "key", "position"):
            _refuse_unless_text(self, name)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Records read together, and where reading goes on once every one of them is safe on its topic.

    Attributes:
        remarks: what a person should know, though nothing is wrong with any record: a column that was not there before. Nothing personal.
    """

    records: tuple[LegacyRecord, ...]
    checkpoint: Checkpoint
    remarks: tuple[str, ...] = ()


KEY_AT_MOST = 200
"""Characters of a row's key: every database can find a row by so many."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a full extract.

    Attributes:
        key: the row's own key there, trimmed, of 1 to 200 characters; no two rows of an extract have the same.
        values: as a record's.
        keeps: what `translate` needs to know of it once it is deleted. The hub keeps this for as long as the row is there, and nothing else
            of it, so give what that takes and no more.

    Raises:
        TypeError: the key is no text.
        ValueError: it is empty, too long, or text that cannot be stored.
    """

    key: str
    values: Mapping[str, Any] = field(repr=False)
    keeps: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _refuse_unless_text(self, "key", stored=True)
        _refuse_unless_a_key(self, self.key)


@dataclass(frozen=True, kw_only=True)
class UnreadableRow:
    """A row of which not even the key can be read. An extract with one deletes nothing: the row that seems to be missing may be this one.

    Attributes:
        place: where in the extract it stands, for people: line 4711. No two have the same; 200 characters at most.
        values: what `translate` raises its error from; nothing of what stands there.

    Raises:
        TypeError, ValueError: as a row's key.
    """

    place: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _refuse_unless_text(self, "place", stored=True)
        _refuse_unless_a_key(self, self.place)


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Every row of a dataset, as it stood at one moment.

    Attributes:
        name: tells it from every other extract, for people too: the file's name and time.
        as_of: of which moment it is; with a zone.
        checkpoint: where to look on once it is safe.
        rows: read once, from the first to the last, and never held together. They end only where the extract is whole: its trailer, its
            manifest or its count has been read and adds up. Where that fails they raise ContractBroken, and nothing of it is used.
    """

    name: str
    as_of: datetime
    checkpoint: Checkpoint
    rows: Iterable[Row | UnreadableRow] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something other departments want to know; the runner wraps it and sends it to `<department>-events`.

    Attributes:
        event: the event class, such as housing.TenancyEnded.
        data: its data.
        subject: the legacy key it is about; the Kafka key.
        effective_at: when it became true in the world; with a zone.
        recorded_at: when it was keyed, where that is known; with a zone.
    """

    event: type[Event]
    data: Message
    subject: str
    effective_at: datetime
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a record says of a task of ours; the runner finds the case and sends it to `case-events`.

    Either `effect_key` (our reference, kept by the legacy system) or `legacy_key` (the record's own) must lead to the task; a record
    that is nobody's task of ours is dropped as such. A system that keeps our reference says nothing of records without one: where only
    `legacy_key` is given, the runner has to wait for instructions under way before it can tell whose a record is.

    Raises:
        TypeError: the status is none, or a key, the reference or the reason is no text.
        ValueError: it is text that cannot be stored.
    """

    status: TaskStatus
    effective_at: datetime
    effect_key: str | None = None
    """Of the instruction that the record stands for. REJECTED under the key of a change or a withdrawal: that was refused, not the task."""
    legacy_key: str | None = None
    reference: str | None = None
    reason: str | None = None
    answers: Facts = field(default_factory=Facts)
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        _refuse_unless_status(self)
        for name in ("effect_key", "legacy_key", "reference", "reason"):
            if getattr(self, name) is not None:
                _refuse_unless_text(self, name, stored=True)


Said = Fact | Progress


class EffectClass(StrEnum):
    """What the target allows, and so what can be promised (DESIGN 3)."""

    A = "A"
    """A database we may write: ledger row and business row in one transaction; exactly once."""
    B = "B"
    """Keeps our reference: looked up before any retry; once."""
    C = "C"
    """Picks up files: deterministic name, temporary name, rename; once per name."""
    D = "D"
    """Keeps nothing of ours and cannot be searched: at most once by machine, and what is uncertain waits for a person who asks."""


REFERENCE_AT_MOST, REASON_AT_MOST = 64, 200
"""Characters of a reference and of a reason that a case can be told."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What the legacy system made of an instruction.

    Attributes:
        status: ACCEPTED, REJECTED or CANCELLED (for a withdrawal); COMPLETED where the system does it at once.
        reference: the legacy system's own reference of what it wrote, by which people ask for it there; None while it has given none.
        reason: why it refused; nothing personal.

    Raises:
        TypeError: the status is none, or reference or reason is no text.
        ValueError: it is text that cannot be stored, or longer than a case can be told.
    """

    status: TaskStatus
    reference: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        _refuse_unless_status(self)
        for name, words, at_most in (
            ("reference", self.reference, REFERENCE_AT_MOST),
            ("reason", self.reason, REASON_AT_MOST),
        ):
            if words is None:
                continue
            _refuse_unless_text(self, name, stored=True)
            if len(words) > at_most:
                raise ValueError(f"The {name} of a receipt has {len(words)} characters; there is room for {at_most}.")


# The types say the same, but a connector need not be checked by them, and what passes here is in the ledger for good.


def _refuse_unless_status(of: "Progress | Receipt") -> None:
    if not isinstance(of.status, TaskStatus):
        raise TypeError(f"The status of a {type(of).__name__} is a {type(of.status).__name__}, and no TaskStatus.")


def _refuse_unless_a_key(of: "Row | UnreadableRow", text: str) -> None:
    if not 1 <= len(text) <= KEY_AT_MOST:
        raise ValueError(f"A {type(of).__name__} is found by 1 to {KEY_AT_MOST} characters, not by {len(text)}.")


def _refuse_unless_text(
    of: "LegacyRecord | Row | UnreadableRow | Progress | Receipt", name: str, *, stored: bool = False
) -> None:
    """Refuse what cannot be sent as text; with `stored`, also the NUL that PostgreSQL has no room for."""
    what, text = f"The {name} of a {type(of).__name__}", getattr(of, name)
    if not isinstance(text, str):
        raise TypeError(f"{what} is a {type(text).__name__}, and no text.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half of a surrogate pair, which cannot be encoded.") from None
    if stored and "\0" in text:
        raise ValueError(f"{what} holds a NUL, which cannot be stored.")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One instruction on its way into the legacy system.

    Attributes:
        key: 32 hexadecimal characters, the same however often the instruction is tried; the reference to leave in the legacy record.
        case: the case reference, for people who read the legacy record.
        instruction: what is asked.
        earlier: for a change or a withdrawal: the legacy reference that the task has there. None where the system has not given one,
            or has nothing of the task.
        raised_as: for a change or a withdrawal: the key of the effect that raised the task, by which a system that keeps our reference
            knows it even before it has given its own. None where it has nothing of the task.
    """

    key: str
    case: str
    instruction: Instruction
    earlier: str | None = None
    raised_as: str | None = None


Settings = TypeVar("Settings", bound=ConnectorSettings)


class Connector(ABC, Generic[Settings]):
    """One legacy system of one department. Its folder holds `manifest.toml`; its entry point names the class.

    The runner makes one instance per thread, so an instance need not be safe for threads. `close` is always called.
    """

    settings_type: ClassVar[type[ConnectorSettings]]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def check(self) -> None:
        """Reach the legacy system and come back: sign in, see the tables.

        Raises:
            RetryLater: it is away.
            ConfigurationError: wrong password, missing table or column; says which setting to mend.
        """

    def close(self) -> None:
        """Let go of connections. Never raises."""


class SourceConnector(Connector[Settings]):
    """Reads a legacy system: `read` for datasets that deliver changes, `extract` for those that deliver full extracts."""

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        """What is new in one of the manifest's datasets since a checkpoint (None: from the beginning), in small batches; then end.

        Reading the same checkpoint again gives the same positions again; records may repeat (overlap), never be skipped.

        Raises:
            RetryLater: the system is away.
            ContractBroken: what it delivers is not what was agreed (an HTML page for a CSV, a trailer that does not add up).
        """
        raise NotImplementedError

    def extract(self, dataset: str, after: Checkpoint | None) -> Extract | None:
        """The oldest full extract that came after a checkpoint (None: the oldest there is); None where there is none.

        The runner compares it with the one before: `translate` is given what was created, changed and deleted, and nothing of the rest.

        Raises:
            RetryLater: the system is away.
            ContractBroken: what it delivers is not what was agreed.
        """
        raise NotImplementedError

    @abstractmethod
    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        """What one record says. Pure: same record, same answer; touches nothing; leaves the record unchanged.

        Raises:
            TranslationError: it cannot be understood.
        """


class SinkConnector(Connector[Settings]):
    """Writes a legacy system."""

    effect_class: ClassVar[EffectClass]

    @abstractmethod
    def apply(self, effect: Effect) -> Receipt:
        """Write one instruction. Applying the same effect again gives the same receipt and writes nothing (classes A and C).

        For class D whatever it raises is a matter of what had left by then: RetryLater, TranslationError and ConfigurationError say that
        nothing had, and everything else makes the effect unknown, to be settled by a person and never sent again.

        Raises:
            RetryLater: nothing was written.
            OutcomeUnknown: it may have been written; the runner calls `find` before anything else (class B), or asks a person (class D):
                say what had left and what came back. An OSError counts as this.
            TranslationError: the instruction cannot be put into the system's words (an unmapped kind of work).
        """

    def apply_together(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Write several instructions in one transaction, all of them or none; their receipts, in their order.

        Offer it where one transaction for many costs much less than one for each; only class A is asked. No two are of one case, and
        one that was applied before gives the same receipt and writes nothing, as in `apply`. Whatever this raises, the runner goes on to
        apply each of them by itself, which finds the one at fault; TranslationError says that nothing was written.
        """
        raise NotImplementedError

    def find(self, effect: Effect) -> Receipt | None:
        """What became of an effect that may have been written: look for our reference. None: it is not there.

        Only class B is asked.

        Raises:
            RetryLater: the system is away.
        """
        raise NotImplementedError
