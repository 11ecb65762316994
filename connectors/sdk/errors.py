"""Errors of a connector, named by what happens next.

    ConnectorError
    ├── ConfigurationError   stop; a person edits a settings file
    ├── TranslationError     this record is set aside as a dead letter, the rest flows
    │   └── UnmappedCode     a code of the legacy system that no table lists
    ├── RetryLater           the legacy system is away or busy: the same record again, after a while
    ├── OutcomeUnknown       a write may or may not have happened: look before any retry, or ask a person
    └── ContractBroken       stop this connector: it, or the legacy system, does what it must not

A refusal by the legacy system is no error: it is a `Receipt` with status rejected, and the case hears of it.
A message says what, where and what to do next, and never holds a value that could be about a person.
"""


class ConnectorError(Exception):
    """Anything a connector raises on purpose."""


class ConfigurationError(ConnectorError):
    """Settings that cannot work: stop, and say which file, which field and what would be right."""


class TranslationError(ConnectorError):
    """A record that cannot be understood: set it aside with this reason and go on.

    Attributes:
        code: stable word for counting and filtering, such as unmapped-code or bad-date.
    """

    code = "not-translatable"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class UnmappedCode(TranslationError):
    """A code of the legacy system that its table neither maps nor ignores by name."""

    code = "unmapped-code"


class RetryLater(ConnectorError):
    """The legacy system is away, busy or refuses everybody: nothing was written, try the same record again later."""


class OutcomeUnknown(ConnectorError):
    """The request went out and no answer came back: it may have been written. Only a look-up can tell, or a person who asks there."""


class ContractBroken(ConnectorError):
    """The connector or its legacy system broke a promise that correctness rests on: stop this connector."""
