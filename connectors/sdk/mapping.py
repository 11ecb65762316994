"""Code tables: what a legacy system's codes mean, as data that a council overrides in its settings.

A code is either given a meaning or ignored by name with a reason; a third thing never happens silently. A connector declares a table as a
setting, with its own codes as the default, and a council adds or changes single codes:

    class Settings(ConnectorSettings):
        status: CodeTable[TaskStatus] = CodeTable(name="status", codes={"100": TaskStatus.ACCEPTED})

    [connectors.universal_housing.status.codes]
    Q7 = "in-progress"
"""

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from connectors.sdk.contract import LegacyRecord
from connectors.sdk.errors import TranslationError, UnmappedCode
from connectors.sdk.settings import SettingsSection

Meaning = TypeVar("Meaning")

_SHOWABLE = re.compile(r"[A-Z0-9_-]{1,4}")
"""What can hardly be but a code. Anything longer may be a name, a number or a day of birth in the wrong column."""


class CodeTable(SettingsSection, Generic[Meaning]):
    """One code table. `Meaning` is what the codes stand for: TaskStatus, Work, or plain text in the hub's words."""

    name: str
    """Name of the setting it is, for errors: status."""
    codes: Mapping[str, Meaning] = {}
    """Code of the legacy system, without padding, to its meaning."""
    ignored: Mapping[str, str] = {}
    """Code to the reason why nobody outside the department needs it."""

    def overlaid(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A council's codes go before these, so that `code` writes its own; one that it ignores has no meaning any more, and back."""
        complete = super().overlaid(given)
        codes, ignored = given.get("codes", {}), given.get("ignored", {})
        if isinstance(codes, Mapping) and isinstance(ignored, Mapping):
            complete["codes"] = dict(codes) | {
                code: meaning for code, meaning in self.codes.items() if code not in codes and code not in ignored
            }
            complete["ignored"] = {code: why for code, why in self.ignored.items() if code not in codes} | dict(ignored)
        return complete

    def meaning(self, record: LegacyRecord, field: str) -> Meaning | None:
        """What the code in a field of a record means; None where the table ignores it by name.

        Raises:
            UnmappedCode: the table neither maps nor ignores it.
            TranslationError: the record has no such field.
        """
        if field not in record.values:
            raise TranslationError(
                f"{record.dataset}: no field {field} in the record. Check the column names in the settings.",
                code="missing-field",
            )
        raw = record.values[field]
        code = "" if raw is None else str(raw).strip()
        if code in self.codes:
            return self.codes[code]
        if code in self.ignored:
            return None
        raise UnmappedCode(
            f"{record.dataset}: the {field} code {_shown(code)} is not in table {self.name}. Add it to {self.name}.codes in the "
            f"connector's settings, or to {self.name}.ignored with a reason."
        )

    def code(self, meaning: Meaning) -> str:
        """The code that stands for a meaning; the first one, where several do.

        Raises:
            UnmappedCode: none does; the message lists the meanings that have one.
        """
        for code, candidate in self.codes.items():
            if candidate == meaning:
                return code
        valid = ", ".join(sorted({str(candidate) for candidate in self.codes.values()})) or "nothing"
        raise UnmappedCode(
            f"Table {self.name} has no code for {meaning}; it has codes for {valid}. "
            f"Add one to {self.name}.codes in the connector's settings."
        )


def _shown(code: str) -> str:
    if not code:
        return "(blank)"
    return f'"{code}"' if _SHOWABLE.fullmatch(code) else "(withheld, for it may be no code; the record has it)"
