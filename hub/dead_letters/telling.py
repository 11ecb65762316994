"""What is said to people about dead letters and what is done about them, by the command and by the pages. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping

from hub.dead_letters.answers import Afterwards
from hub.dead_letters.batches import Unsent
from hub.dead_letters.plan import Act, Along, Stays, Step
from hub.dead_letters.reading import Letter

ACTS: Mapping[Act, tuple[str, str]] = {
    Act.REPLAYED: ("would be sent again", "was sent again"),
    Act.FIXED: ("would be fixed", "was fixed"),
    Act.DISCARDED: ("would be discarded", "was discarded"),
}
"""What would be done about one letter, and what was done."""
_ALONG = {
    None: "",
    Along.BEHIND: ", behind the one it waits for",
    Along.FREE: ", for nothing that it waited for lies here any more",
}
_STAYS = {
    Stays.WORN_OUT: "stays: it has died {tried} times. Fix it, discard it, or send it again by itself.",
    Stays.WAITS: "stays: it waits for an earlier record of its case, which stays.",
    Stays.INSTRUCTION: "stays: it is an instruction that its case waits for. Mend its reason and send it again, or withdraw the request.",
    Stays.LEGACY: "stays: its connector, {component}, keeps it and tries it again whenever it starts. "
    "Mend [connectors.{component}] and restart it.",
}
_UNSENT = {
    Unsent.DIED: "not sent, for most of those before died again. Mend the reason, then send the rest again.",
    Unsent.UNHEARD: "not sent, for those before have not been taken yet. Send the rest again once the worker has taken them.",
    Unsent.LIMIT: "not sent: their reader does not say what becomes of them, and stands still where too many die within a minute. "
    "See that those before were taken, then send the rest again.",
    Unsent.MEANWHILE: "left alone, for somebody has worked on the same case meanwhile. Look again.",
}
FREE = "It can go on: nothing that it waited for lies here any more. Send it again."


def done(step: Step, *, is_done: bool) -> str:
    """What would be done about a letter, or was, and why."""
    return ACTS[step.act][is_done] + _ALONG[step.along]


def stays(letter: Letter, why: Stays) -> str:
    """Why a letter stays, and what to do about it."""
    return _STAYS[why].format(tried=letter.attempt, component=letter.component)


def reason(letter: Letter, *, is_free: bool) -> str:
    """Why a letter lies here, as things are now."""
    return FREE if is_free else letter.reason


def none(others: Collection[Letter]) -> str:
    """What is said where no letter is found.

    Args:
        others: those that a filter has left out.
    """
    if not others:
        return "No dead letters."
    codes = ", ".join(f"{number:,} {code}" for code, number in Counter(each.code for each in others).most_common())
    return f"None of them matches. {_records(len(others), 'lies', 'lie')} among the dead letters: {codes}."


def afterwards(after: Afterwards) -> list[str]:
    """What has come of it by now, in sentences; none where there is nothing to say."""
    said = [
        f"{letter.id} is not open any more: it was {became}. Nothing more was done about it."
        if became
        else f"{letter.id} is not open any more: its record lies here under another id. Look again."
        for letter, became in after.settled
    ]
    if after.went:
        said.append(f"{_records(after.went, 'came', 'came')} for these cases meanwhile, and went behind.")
    if after.unheard:
        said.append(
            f"{_records(after.unheard, 'has', 'have')} been sent and not been taken yet. What comes for their cases before that lies here "
            "as free to go on, and waits for somebody to send it again."
        )
    said += _died(after.died)
    left = Counter(why for _, why in after.unsent)
    said += [f"{_records(left[why], 'was', 'were')} {_UNSENT[why]}" for why in Unsent if left[why]]
    said += [
        f"{letter.id} lies here again, for its case waits for a record whose letter is gone: {letter.reason} "
        "Discard that record by its place: `hub dead-letters discard PLACE --case REFERENCE --why`."
        for letter in after.stuck
    ]
    return said


def _died(letters: Collection[Letter]) -> list[str]:
    """What of that which was sent died again: one with its reason, several counted by code."""
    if len(letters) == 1:
        return [
            f"1 record died again, and lies here as {letter.id} ({letter.code}): {letter.reason}" for letter in letters
        ]
    codes = ", ".join(f"{number:,} {code}" for code, number in Counter(each.code for each in letters).most_common())
    return [f"{len(letters):,} records died again and lie here anew: {codes}."] if letters else []


def _records(number: int, one: str, many: str) -> str:
    return f"{number:,} record {one}" if number == 1 else f"{number:,} records {many}"
