"""What came before an instruction in its task, and what that allows. Pure.

The ledger has one row for each instruction, in the order in which they first came. A row is open until it is known what the legacy system
made of the instruction; then it is ended for good.

    state              what is known                                when the instruction is met again
    intent             open: it may have been written               look for it (class B), or apply it again (A and C: writes nothing twice)
                       class D: it has not left                     as if it were new
    in-doubt           open, among the dead letters: it may be      as intent
    aside              open, among the dead letters: it is not      as if it were new
    sent               open, class D: it left, or was about to      it is unknown from now on
    unknown            open, class D: a person is to find out       say so again, and do nothing
    applied, rejected  ended: what the legacy system made of it     report the same again, and do nothing
    dropped            ended: withdrawn while it lay aside          report the same again, and do nothing
    not-applied        ended: it was unknown, and is not there      do nothing: its case asks anew
    superseded         ended: it came behind an unknown one         do nothing: its case says anew what it wants

    rows before it     a raise or a change may                      a withdrawal may
    all ended          be applied                                   be applied
    one is unknown     be superseded                                be superseded
    some are open      wait for them, among the dead letters        wait too; but where nothing of what it withdraws is or may be in the
                                                                    legacy system it is settled here, and what lies aside is dropped

Only rows before count. So the first open one of a task waits for nobody, and whoever replays a task's dead letters in their order always
gets on. One that has to wait keeps its doubt: `in-doubt` becomes `aside` only by a look-up.

What comes behind an unknown one is not kept here for later: by the time a person has found out, the case may want something else. The case
holds back what follows from then on, and what was on its way by then stands on the topic before the word that settles it
(`task.settled.v1`), so the case knows exactly what was superseded, and tells the department anew (`hub/routing/tell.py`).

A raise begins anew: what was raised and withdrawn before is another record of the legacy system, and none of its business.
"""

from dataclasses import dataclass
from enum import StrEnum

from hub.edge.ledger import EffectRow, Kind, State

_NOTHING_THERE = {State.ASIDE, State.REJECTED, State.NOT_APPLIED, State.SUPERSEDED}


class Move(StrEnum):
    """What is done about an instruction."""

    REPORT = "report"
    """Nothing: say again what is known."""
    DOUBT = "doubt"
    """It left, and nobody knows more: it is unknown."""
    SUPERSEDE = "supersede"
    """Nothing, for it came behind one that is unknown."""
    SETTLE = "settle"
    """It is settled here, and what it withdraws is dropped."""
    WAIT = "wait"
    """It lies among the dead letters until those before it have ended."""
    APPLY = "apply"


@dataclass(frozen=True)
class History:
    """The rows of a task before one of its instructions.

    Attributes:
        kind: what the instruction asks.
        earlier: every row before it, oldest first.
    """

    kind: Kind
    earlier: tuple[EffectRow, ...]

    @property
    def about(self) -> tuple[EffectRow, ...]:
        """The raise that it is about and what followed; none for a raise."""
        if self.kind is Kind.RAISED:
            return ()
        raises = [place for place, row in enumerate(self.earlier) if row.kind is Kind.RAISED]
        return self.earlier[raises[-1] :] if raises else self.earlier

    @property
    def open(self) -> tuple[EffectRow, ...]:
        """Those before it that have not ended: it has to wait for them."""
        return tuple(row for row in self.earlier if row.open)

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nobody knows what became of one before it, and no machine may find out."""
        return any(row.state is State.UNKNOWN for row in self.earlier)

    @property
    def never_sent(self) -> bool:
        """Whether it withdraws what lies aside, while nothing of that is or may be in the legacy system."""
        nothing_there = all(row.state in _NOTHING_THERE for row in self.about)
        return self.kind is Kind.WITHDRAWN and nothing_there and set(self.open) <= set(self.about)

    @property
    def raised_as(self) -> str | None:
        """The effect key of the raise that it is about, where the legacy system has it."""
        there = (row.effect_key for row in self.about if row.kind is Kind.RAISED and row.state is State.APPLIED)
        return next(there, None)

    @property
    def reference(self) -> str | None:
        """The legacy reference that the task has: that of its latest row which has one."""
        return next(
            (row.reference for row in reversed(self.about) if row.reference and row.kind is not Kind.WITHDRAWN), None
        )

    def move(self, was: EffectRow | None) -> Move:
        """What is done about the instruction whose history this is.

        Args:
            was: its row; None where it is new.
        """
        if was is not None and (not was.open or was.state is State.UNKNOWN):
            return Move.REPORT
        if was is not None and was.state is State.SENT:
            return Move.DOUBT
        if self.waits_for_a_person:
            return Move.SUPERSEDE
        if self.open:
            return Move.SETTLE if self.never_sent else Move.WAIT
        return Move.APPLY
