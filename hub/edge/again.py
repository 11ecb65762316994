"""Applies an instruction to a system of class A, B or C, as often as it takes: there a second try writes nothing twice.

For classes A and C that is so by itself, and nothing but a receipt ends their doubt. For class B one that may have been written is looked
for first.
"""

from connectors.sdk.contract import Effect, Receipt
from connectors.sdk.errors import ConfigurationError, ContractBroken, OutcomeUnknown, RetryLater, TranslationError
from hub.edge.condition import Backoff
from hub.edge.legacy import LegacySystem, receipt_of
from hub.edge.memory import EdgeMemory

_GIVE_UP_AT_MOST = 3
"""Instructions in a row that are set aside for a defect of the connector. A fourth says that it is the connector, and none of them."""


class PerhapsWritten(TranslationError):
    """An instruction is set aside though it may be in the legacy system: its replay has to look before it writes."""


class ApplyAgain:
    """Applies instructions, each until there is a receipt.

    Args:
        memory: the ledger.
        system: the legacy system.
        looks: whether what may have been written is looked for (class B).
    """

    def __init__(self, memory: EdgeMemory, system: LegacySystem, *, looks: bool = False) -> None:
        self._memory, self._system, self._looks = memory, system, looks
        self._given_up = 0
        """How many instructions were set aside for a defect of the connector since it last gave a receipt."""

    def __call__(self, effect: Effect, in_doubt: bool) -> Receipt:
        """The system's receipt; waits as long as it is away.

        Args:
            effect: the instruction.
            in_doubt: whether it may have been written before.

        Raises:
            TranslationError: it cannot be put into the system's words, and was not written.
            PerhapsWritten: the connector failed, or cannot tell what it wrote.
            ConfigurationError: the settings are wrong.
            RestartMe: another process has it in hand, or has carried it out.
        """
        backoff: Backoff | None = None
        failed = False
        while True:
            connector = self._system.connector()
            looking = in_doubt and self._looks
            if not looking:
                # A process that was frozen may wake up here, where its successor has been, or is about to write.
                self._memory.still_ours(effect.key)
            backoff = backoff or Backoff(connector.settings.retry_after_s, connector.settings.retry_at_most_s)
            try:
                answer = connector.find(effect) if looking else connector.apply(effect)
                if looking and answer is None:
                    in_doubt = False
                    continue
                receipt = receipt_of(answer)
            except (RetryLater, OutcomeUnknown) as error:
                in_doubt = in_doubt or isinstance(error, OutcomeUnknown)
                self._system.away(str(error), backoff.next())
            except ContractBroken as error:
                in_doubt = True
                self._system.rest(str(error))
            except TranslationError as error:
                self._system.well()  # whatever it was waited for, nothing is any more
                if in_doubt:
                    raise PerhapsWritten(f"{error} It may have been written.", code=error.code) from None
                raise
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the instructions behind this one go on
                in_doubt = True
                failed = self._fails(error, failed, backoff)
            else:
                self._given_up = 0
                return receipt

    def _fails(self, error: Exception, before: bool, backoff: Backoff) -> bool:
        """A connector failed. Whether it wrote before, only a look-up or a receipt can tell; of a new one, for this one may be spoilt.

        Args:
            error: what it raised.
            before: whether a defect was found on this instruction before.
            backoff: how long to wait for a system whose connection broke.

        Returns:
            Whether a defect was found by now.

        Raises:
            PerhapsWritten: the instruction is set aside.
        """
        self._system.let_go(error)
        if isinstance(error, OSError):
            self._system.away(
                f"{type(error).__name__} in the connector's apply: its connection broke, and whether it wrote is not known. "
                "Tried again later.",
                backoff.next(),
            )
            return before
        if before:
            self._give_up(error)
        return True

    def _give_up(self, defect: Exception) -> None:
        """A connector failed twice on one instruction: either that is set aside, or the connector fails on every one and rests.

        Raises:
            PerhapsWritten: the instruction is set aside.
        """
        what = f"{type(defect).__name__} in the connector's apply; this is a defect of the connector."
        if self._given_up >= _GIVE_UP_AT_MOST:
            self._system.rest(
                f"{what} The {self._given_up} instructions before this one failed too, and none has gone in since."
            )
            return
        self._given_up += 1
        raise PerhapsWritten(f"{what} It may have been written.", code="defect") from None
