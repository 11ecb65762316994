"""What is said to people about dead letters and what is done about them, by the command and by the pages. Pure."""

from collections.abc import Mapping

from hub.dead_letters.answers import Afterwards
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


def afterwards(after: Afterwards) -> list[str]:
    """What has come of it by now, in sentences; none where there is nothing to say."""
    said = []
    if after.went:
        said.append(f"{_records(after.went, 'came', 'came')} for these cases meanwhile, and went behind.")
    if after.unheard:
        said.append(
            f"{_records(after.unheard, 'has', 'have')} been sent and not been taken yet. What comes for their cases before that lies here "
            "as free to go on, and waits for somebody to send it again."
        )
    said += [
        f"{letter.id} lies here again, for its case waits for a record whose letter is gone: {letter.reason} "
        "Discard that record by its place: `hub dead-letters discard PLACE --case REFERENCE --why`."
        for letter in after.stuck
    ]
    return said


def _records(number: int, one: str, many: str) -> str:
    return f"{number:,} record {one}" if number == 1 else f"{number:,} records {many}"
