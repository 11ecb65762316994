"""Applies an instruction to a system of class A, B or C, as often as it takes: there a second try writes nothing twice.

For classes A and C that is so by itself, and nothing but a receipt ends their doubt. For class B one that may have been written is looked
for first. Class A may offer to write several in one transaction; whatever fails in that, each is then written by itself.
"""

from collections.abc import Sequence

from connectors.sdk.contract import Effect, EffectClass, Receipt
from connectors.sdk.errors import (
    ConfigurationError,
    ConnectorError,
    ContractBroken,
    OutcomeUnknown,
    RetryLater,
    TranslationError,
)
from hub.edge.condition import Backoff
from hub.edge.effects import EffectLedger
from hub.edge.legacy import LegacySystem, receipt_of

_GIVE_UP_AT_MOST = 3
"""Instructions in a row that are set aside for a defect of the connector. A fourth says that it is the connector, and none of them."""


class PerhapsWritten(TranslationError):
    """An instruction is set aside though it may be in the legacy system: its replay has to look before it writes."""


class PerhapsTogether(Exception):
    """Instructions were to be written in one transaction, and nobody knows whether they were."""


class ApplyAgain:
    """Applies instructions, each until there is a receipt.

    Args:
        ledger: says whose an instruction is.
        system: the legacy system.
        effect_class: what it allows: A may be asked to write several together, B has what may have been written looked for.
    """

    def __init__(self, ledger: EffectLedger, system: LegacySystem, effect_class: EffectClass | None) -> None:
        self._ledger, self._system = ledger, system
        self._together, self._looks = effect_class is EffectClass.A, effect_class is EffectClass.B
        self._given_up = 0
        """How many instructions were set aside for a defect of the connector since it last gave a receipt."""
        self._failed_together = 0
        """How many rounds in a row met a defect where they were written together; after a few, each is applied by itself from then on."""

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
                self._ledger.still_ours([effect.key])
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

    def takes_together(self, effects: Sequence[Effect]) -> bool:
        """Whether these may be written in one transaction, as far as is known: a connector need not offer that."""
        return self._together and len(effects) > 1

    def together(self, effects: Sequence[Effect]) -> Sequence[Receipt] | None:
        """The receipts of instructions that were written in one transaction; None where none was, and each has to be applied by itself.

        Args:
            effects: the instructions, each of another case, that may be taken together.

        Raises:
            PerhapsTogether: each has to be applied by itself, for nobody knows whether they were written.
            RestartMe: another process has one in hand, or has carried it out.
        """
        connector = self._system.connector()
        self._ledger.still_ours([effect.key for effect in effects])
        try:
            answers = connector.apply_together(effects)
            receipts = [receipt_of(answer) for _, answer in zip(effects, answers, strict=True)]
        except NotImplementedError:
            self._together = False
            return None
        except TranslationError:
            return None  # applied by itself, each says whether it is the one
        except ConnectorError as error:
            raise PerhapsTogether from error  # the same; and what is to be done about it
        except Exception as error:
            self._system.let_go(error)
            self._failed_together += 1
            self._together = self._failed_together < _GIVE_UP_AT_MOST
            raise PerhapsTogether from error
        self._given_up = self._failed_together = 0
        return receipts

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
