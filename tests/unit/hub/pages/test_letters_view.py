from hub.dead_letters import telling
from hub.dead_letters.answers import Afterwards
from hub.dead_letters.batches import Unsent
from hub.dead_letters.plan import to_replay
from hub.pages import letters_view as view
from tests.unit.hub.dead_letters.test_plan import LINE, NOW, OTHER, letter, parked

LEFT = [parked(6), parked(9), letter(7, key=OTHER), parked(8, key=OTHER)]
"""Two of a case that nothing holds any more, and two of another of which the first died."""


def test_what_can_go_on_is_counted_by_itself() -> None:
    assert view.first_line(LEFT, LEFT) == (
        "1 record could not be read: 1 is not JSON. 1 more only waits behind them. "
        "2 more can go on: nothing they waited for lies here any more."
    )
    assert sorted((group.number, group.words) for group in view.groups(LEFT, LEFT, NOW)) == [
        (1, "is not JSON"),
        (1, "only waits for an earlier one of its case"),
        (2, "can go on: nothing they waited for lies here any more"),
    ]


def test_whether_one_can_go_on_is_told_by_all_that_lie_there_and_not_by_those_that_are_shown() -> None:
    assert view.first_line([LINE[1]], LINE) == "1 record waits for another of the same case."
    assert view.first_line([LEFT[0]], LEFT) == "1 record can go on: nothing it waited for lies here any more."


def test_what_can_go_on_is_sent_from_its_own_page() -> None:
    page = view.letter_view(LEFT[0], LEFT, NOW)

    assert (page.can_replay, page.line.reason) == (True, telling.FREE)


def test_what_waits_is_sent_from_the_page_of_what_it_waits_for() -> None:
    assert not view.letter_view(LINE[1], LINE, NOW).can_replay
    assert view.letter_view(LINE[0], LINE, NOW).can_replay


def test_a_record_that_died_behind_another_can_be_discarded_and_not_sent_before_it() -> None:
    line = [letter(5), letter(6, "no-journey")]

    page = view.letter_view(line[1], line, NOW)

    assert (page.can_replay, page.can_discard) == (False, True)


def test_what_was_done_says_what_came_meanwhile_and_what_nobody_has_answered() -> None:
    shown = view.plan_view(to_replay(LINE, [LINE[0]], by_name=True), Afterwards(went=1, unheard=2))

    assert shown.lead == "3 records were sent again."
    came, unheard = shown.afterwards
    assert came == "1 record came for these cases meanwhile, and went behind."
    assert unheard.startswith("2 records have been sent and not been taken yet.")


def test_a_filter_that_leaves_nothing_does_not_say_that_nothing_lies_there() -> None:
    assert view.first_line([], LINE) == "No record matches. 5 other records lie among the dead letters."
    assert view.first_line([], []).endswith("nothing lies among the dead letters.")


def test_the_rarest_reason_is_counted_with_the_others() -> None:
    letters = [letter(number, f"code-{number}") for number in range(5)]
    assert "and 1 has another reason." in view.first_line(letters, letters)


def test_what_was_not_sent_is_not_said_to_be() -> None:
    plan = to_replay(LINE, LINE, by_name=False)

    shown = view.plan_view(plan, Afterwards(unsent=tuple((step, Unsent.DIED) for step in plan.steps[3:])))

    assert shown.lead == "3 records were sent again."
    assert [line.id for line in shown.lines] == [step.letter.id for step in plan.steps[:3]]
    assert shown.afterwards[0].startswith("2 records were not sent, for most of those before died again.")
