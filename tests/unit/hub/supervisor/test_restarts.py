import signal

import pytest

from hub.supervisor.restarts import LONGEST_PAUSE_S, Again, NeedsAPerson, after_exit, in_words


@pytest.mark.parametrize("code", [75, 1, 0, -signal.SIGKILL, -signal.SIGSEGV])
def test_whatever_ends_unasked_is_started_again_after_a_short_pause(code: int) -> None:
    assert after_exit(code, ended_before=0) == Again(pause_s=0.2)


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    pauses = [again.pause_s for before in range(12) if isinstance(again := after_exit(75, before), Again)]

    assert pauses[:5] == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert pauses[-1] == LONGEST_PAUSE_S == 30.0


def test_a_year_of_restarts_is_no_overflow() -> None:
    assert after_exit(75, ended_before=1_000_000) == Again(pause_s=LONGEST_PAUSE_S)


def test_a_process_that_says_its_configuration_is_wrong_is_left_for_a_person() -> None:
    assert after_exit(78, ended_before=0) == NeedsAPerson()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "ended by SIGKILL"),
        (-99, "ended by signal 99"),
        (75, "asked for a fresh start (exit 75)"),
        (0, "ended by itself (exit 0)"),
        (3, "crashed (exit 3)"),
    ],
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert in_words(code) == words
