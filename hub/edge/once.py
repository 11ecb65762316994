"""Applies an instruction to a system of class D: it leaves once, and where nobody can know whether it arrived, that is said.

Such a system keeps nothing of ours and cannot be searched, so there is no second try. The ledger says `sent` before the connector is
called, and goes back to `intent` only on the connector's word that nothing left: so a crash, too, leaves no more than what is true. A
time-out or a reset costs one instruction its certainty, and none of those behind it while the system is ill: nothing else leaves before
its `check` has passed, and after a few in a row the connector rests; a restart forgets none of them.
"""

from typing import Any

from connectors.sdk.contract import Effect, Receipt, SinkConnector
from connectors.sdk.errors import ConfigurationError, ConnectorError, ContractBroken, RetryLater, TranslationError
from hub.edge.condition import Backoff
from hub.edge.effects import EffectLedger
from hub.edge.legacy import LegacySystem, now_ms, receipt_of
from hub.failpoints import Failpoint, reach

IN_A_ROW_AT_MOST = 3
"""Instructions in a row that end unknown before the connector rests; from then on it rests before each, until one gets an answer."""


class Unknown(Exception):
    """An instruction left, and nobody knows whether it arrived. In words that hold nothing personal: what happened then."""


class ApplyOnce:
    """Applies instructions, each at most once.

    Args:
        ledger: what is noted before and after.
        system: the legacy system.
    """

    def __init__(self, ledger: EffectLedger, system: LegacySystem) -> None:
        self._ledger, self._system = ledger, system
        self._in_a_row: int | None = None
        """How many since the last answer; None until the ledger has told."""

    def __call__(self, effect: Effect, in_doubt: bool) -> Receipt:
        """The system's receipt; waits as long as it is away.

        Args:
            effect: the instruction.
            in_doubt: never; what may have left is not tried again.

        Raises:
            TranslationError: the instruction cannot be put into the system's words, and did not leave.
            Unknown: it left, and there is no telling more.
            ConfigurationError: the settings are wrong, and it did not leave.
            RestartMe: another process has it in hand, or has carried it out.
        """
        assert not in_doubt
        if self._in_a_row is None:
            self._in_a_row = self._ledger.unanswered()
        if self._in_a_row >= IN_A_ROW_AT_MOST:
            self._system.rest(
                f"Of the last {self._in_a_row} instructions nobody knows whether they arrived. Ask there what it has, and settle them "
                "(`hub effects list`); one is sent after each rest, until one is answered."
            )
        backoff: Backoff | None = None
        while True:
            connector = self._answering() if self._in_a_row else self._system.connector()
            backoff = backoff or Backoff(connector.settings.retry_after_s, connector.settings.retry_at_most_s)
            self._ledger.send(effect.key, now_ms())
            reach(Failpoint.SINK_SENT)
            try:
                receipt = receipt_of(connector.apply(effect))
            except RetryLater as error:
                self._ledger.not_sent(effect.key)
                self._system.away(str(error), backoff.next())
            except (TranslationError, ConfigurationError):
                self._ledger.not_sent(effect.key)
                raise
            except Exception as error:
                self._in_a_row += 1
                self._system.let_go(error)
                raise Unknown(_in_words(error)) from error
            else:
                self._in_a_row = 0
                return receipt

    def _answering(self) -> SinkConnector[Any]:
        """A connector whose system answers again, after an instruction for it ended unknown."""
        backoff: Backoff | None = None
        while True:
            connector = self._system.connector()
            backoff = backoff or Backoff(connector.settings.retry_after_s, connector.settings.retry_at_most_s)
            try:
                connector.check()
            except ConfigurationError:
                raise
            except ContractBroken as error:
                self._system.rest(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing leaves while the system does not answer
                self._system.let_go(error)
                why = (
                    str(error)
                    if isinstance(error, ConnectorError)
                    else f"{type(error).__name__} in the connector's check."
                )
                self._system.away(why, backoff.next())
            else:
                return connector


def _in_words(error: Exception) -> str:
    """What happened to an instruction; only an error of the kit's is known to hold nothing personal."""
    said = f"{error}" if isinstance(error, ConnectorError) else f"{type(error).__name__} in the connector's apply."
    return "".join(letter for letter in said.encode(errors="replace").decode() if letter.isprintable())
