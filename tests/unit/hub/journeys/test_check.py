"""A journey file is read word by word; every mistake is named with its line and the nearest valid word."""

import pytest

from hub.journeys.check import parse
from hub.journeys.load import SHIPPED
from hub.journeys.model import IfRefused
from hub.journeys.source import JourneyError

DISCHARGE = (SHIPPED / "hospital-discharge.v1.yaml").read_text(encoding="utf-8")


TASK = "  t: {department: housing, work: trip, asks: Do}\n"
MINIMAL = """journey: a
version: 1
title: A
owner: B
starts: {request: r}
requires: {uprn: Where}
tasks:
"""


def test_a_task_stands_behind_those_it_waits_for_wherever_the_file_has_it() -> None:
    text = "journey: a\nversion: 1\ntitle: A\nowner: B\nstarts: {request: r}\nrequires:\n  uprn: Where?\ntasks:\n"
    text += "  last: {department: housing, work: adaptation, asks: Do, after: [first]}\n"
    text += "  first: {department: housing, work: home-check, asks: Look}\n"

    assert [task.name for task in parse(text, "a.yaml").tasks] == ["first", "last"]
    assert parse(text, "a.yaml").tasks[0].if_refused is IfRefused.ASK


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("title:", "titel:", '3: no such word "titel"; did you mean "title"?'),
        ("department: transport", "department: transprot", '65: no department "transprot"; did you mean "transport"?'),
        ("work: trip", "work: tripp", '66: no work "tripp"; did you mean "trip"?'),
        ("mobility ==", "mobilty ==", '47: no fact "mobilty"; did you mean "mobility"?'),
        ("[assess-care, fit-ramp]", "[asses-care, fit-ramp]", '57: no task "asses-care"; did you mean "assess-care"?'),
        ("due: 2 working days", "due: 2 workdays", '36: "2 workdays" is no due time: a due time reads like'),
        ("on discharge_date", "on discharge_dat", '59: no fact "discharge_dat"; did you mean "discharge_date"?'),
        (
            "on discharge_date",
            "on mobility",
            '59: "mobility" is no date. Dates are: date_of_birth, discharge_date, move_date.',
        ),
        ("&& steps", "& & steps", '47: not a condition: & stands where &&, || or the end should; did you mean "&&"?'),
        ('"wheelchair"', '"wheelchare"', '47: no mobility "wheelchare"; did you mean "wheelchair"?'),
        ('"wheelchair"', "wheelchare", '47: no fact "wheelchare"; a value stands in quotes: "wheelchair".'),
        ("steps_at_door > 0", 'steps_at_door > "3"', '47: steps_at_door is written 3 here, not "3".'),
        ("care_visits_a_day > 0", "care_visits_a_day", '58: "care_visits_a_day" is no yes or no: compare it with a'),
        (
            "care_visits_a_day > 0",
            "Care_Visits_A_Day > 0",
            'no fact "Care_Visits_A_Day"; did you mean "care_visits_a_day"?',
        ),
        ("    after: [check-home]\n", "", '"steps_at_door" is not known when this is asked'),
        ("gives: [uprn, mobility]", "gives: [uprn, waste_size]", '28: nothing here tells "waste_size"'),
        ("if refused: undo and close", "if refused: undo", '40: no if refused "undo"'),
        ("    asks: Bring the person home\n", "", '64: "asks" is missing from book-transport.'),
        ("after: [check-home]", "after: [start-care]", "these tasks wait for one another: fit-ramp, start-care"),
        ("version: 1", "version: one", "2: version is a whole number from 1 to 9999."),
        (
            "tells:\n  citizen: [accepted",
            "tells:\n  citizen: [acepted",
            'no change "acepted"; did you mean "accepted"?',
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_would_be_right(wrong: str, right: str, said: str) -> None:
    assert wrong in DISCHARGE

    with pytest.raises(JourneyError) as refusal:
        parse(DISCHARGE.replace(wrong, right, 1), "hospital-discharge.v1.yaml")

    assert said in str(refusal.value)
    assert str(refusal.value).startswith("hospital-discharge.v1.yaml:")


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("lgsl: 209", "lgsl: abc", "5: lgsl is a code of the Local Government Service List, a number from 1 to 9999"),
        ("lgsl: 209", "lgsl: 0", "5: lgsl is a code"),
        ("lgsl: 209", "lgsl: 12345", "5: lgsl is a code"),
        ("lgsl: 209", "lgsl: [209]", "5: lgsl is a code"),
        ("lgsl: 209", "lgsl: ", "5: lgsl is a code"),
        ("{request: discharge-notified, lgsl: 209}", "{request: {a: b}}", "5: request is a name: lower-case words"),
        (
            "{request: discharge-notified, lgsl: 209}",
            "discharge-notified",
            "5: starts is a list of `key: value` lines.",
        ),
        (
            "request: discharge-notified",
            "request: Discharge Notified",
            '5: "Discharge Notified" is no name: lower-case',
        ),
        ("request: discharge-notified", "request: Discharge Notified", 'did you mean "discharge-notified"?'),
        ("journey: hospital-discharge", "journey: Hospital_Discharge", 'did you mean "hospital-discharge"?'),
        ("journey: hospital-discharge", "journey: 7", '1: "7" is no name: lower-case words joined by hyphens'),
        ("journey: hospital-discharge", f"journey: {'a' * 65}", "1: "),
        ("journey: hospital-discharge", "journey: entlassung-größe", '"entlassung-größe" is no name'),
        ("version: 1", "version: 0", "2: version is a whole number from 1 to 9999."),
        ("version: 1", f"version: {'9' * 5000}", "2: version is a whole number from 1 to 9999."),
        ("version: 1", "version: [1]", "2: version is a whole number from 1 to 9999."),
        ("title: Coming home from hospital", "title: 5", '3: title is a line of text, and "5" has no word in it.'),
        ("title: Coming home from hospital", "title:", "3: title is a line of text."),
        ("title: Coming home", f"title: {'x' * 200}", "3: title is a line of at most 200 characters; here it has 214."),
        ("title: Coming home from hospital", r'title: "a\0b"', "3: title: "),
        ("title: Coming home from hospital", r'title: "a\ud800b"', "3: title: "),
        ("owner: Head of Adult Social Care", "owner: [a]", "4: owner is a line of text."),
        (
            "  uprn: Which home do they return to (UPRN)?",
            "  uprn: 5",
            '13: uprn is a line of text, and "5" has no word',
        ),
        ("  phone: On which", "  uprn: On which", '16: "uprn" stands in `requires` already: one of the two goes.'),
        ("  check-home:\n", "  Check home:\n", '23: "Check home" is no name'),
        ("asks: Is the home fit to return to?", f"asks: {'why ' * 51}", "26: asks is a line of at most 200 characters"),
        ("undo: End the assessment", f"undo: {'x' * 201}", "39: undo is a line of at most 200 characters"),
        ("undo: End the assessment", "undo:", "39: undo is a line of text."),
        ("after: [check-home]", "after: {check-home: x}", "46: after is a list of tasks, such as [check-home, assess"),
        ("after: [check-home]", "after: 5", "46: after is a list of tasks"),
        ("after: [check-home]", "after: [[check-home]]", "46: after is a list of tasks"),
        (
            "gives: [uprn, mobility]",
            "gives: [uprn, [mobility]]",
            "28: gives is a list of facts, such as [uprn, mobility].",
        ),
        ("gives: [uprn, mobility]", "gives:", "28: gives is a list of facts"),
        ("department: transport", "department: [transport]", "65: no department"),
        ("due: 1 working day\n", "due: [1]\n", '27: "[1]" is no due time'),
        ("moves: [discharge_date]", "moves: {discharge_date: x}", "moves is a list of facts"),
        ("  citizen: [", "  The citizen: [", '"The citizen" is no name: lower-case words joined by hyphens'),
        (
            "  citizen: [accepted, date-moved, done, closed, withdrawn]",
            "  citizen: {done: x}",
            "citizen is a list of changes",
        ),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_line_and_what_would_be_right(
    wrong: str, right: str, said: str
) -> None:
    assert wrong in DISCHARGE

    with pytest.raises(JourneyError) as refusal:
        parse(DISCHARGE.replace(wrong, right, 1), "f.yaml")

    assert said in str(refusal.value)


@pytest.mark.parametrize("tells", ["everybody", "[citizen]", "", "5"])
def test_who_is_told_must_be_a_list_of_who_and_what(tells: str) -> None:
    with pytest.raises(JourneyError) as refusal:
        parse(f"tells: {tells}\n{MINIMAL}{TASK}", "f.yaml")

    said = "f.yaml:1: tells is a list of `who: [changes]` lines, such as citizen: [accepted, done]."
    assert str(refusal.value) == said


def test_a_journey_of_more_tasks_than_anybody_can_follow_is_refused() -> None:
    text = MINIMAL + "".join(f"  t{n}: {{department: housing, work: trip, asks: Do}}\n" for n in range(101))

    with pytest.raises(JourneyError, match=r"f\.yaml:7: 101 tasks; a journey has at most 100\."):
        parse(text, "f.yaml")


@pytest.mark.timeout(5)
def test_many_ways_through_a_journey_take_no_longer_than_few() -> None:
    text = MINIMAL
    for level in range(30):
        after = f", after: [a{level - 1}, b{level - 1}]" if level else ""
        for side in "ab":
            text += f"  {side}{level}: {{department: housing, work: trip, asks: Do{after}}}\n"

    assert len(parse(text, "f.yaml").tasks) == 60


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = DISCHARGE.replace("work: trip", "work: tripp").replace("mobility ==", "mobilty ==")

    with pytest.raises(JourneyError) as refusal:
        parse(text, "f.yaml")

    assert [line.split(":")[1] for line in str(refusal.value).splitlines()] == ["47", "66"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1: a journey is a list of `key: value` lines"),
        ("- a\n- b\n", "f.yaml:1: a journey is a list"),
        ("journey: {a\n", "f.yaml:1: not YAML: a [ or { that is not closed"),
        ("journey: a\njourney: b\n", 'f.yaml:2: "journey" stands here twice.'),
        ("journey: a\x00b\n", "f.yaml:1: not YAML: it holds a character"),
        ("journey: a\ntasks: none\n", '"version" is missing'),
    ],
)
def test_what_is_no_journey_at_all_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(JourneyError) as refusal:
        parse(text, "f.yaml")

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c\n", 'f.yaml:1: not YAML: a colon where none can stand: a text that holds ": " stands in quotes'),
        ("a:\n\tb: c\n", "f.yaml:2: not YAML: a tab: indent with blanks."),
        ("a: @b\n", "f.yaml:1: not YAML: no text begins with this sign unless it stands in quotes."),
        ('a: "b" c\n', "f.yaml:1: not YAML: does not fit what stands above"),
        ("a: b\nc\nd: e\n", "f.yaml:2: not YAML: this line reads `key: value`"),
        ('a: b\nc: "d\ne: f\n', "f.yaml:2: not YAML: a quote that is never closed."),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not YAML: a second document begins here; a file holds one journey."),
        ('a: "\\q"\n', "f.yaml:1: not YAML: a backslash within double quotes: use single quotes."),
        ("a: - b\n", "f.yaml:1: not YAML: a list with dashes begins on a line of its own."),
        ("a: ]\n", "f.yaml:1: not YAML: a bracket or comma where a value should stand"),
        ("a: !b && c\n", "f.yaml:1: not YAML: a text that begins with &, * or ! stands in quotes."),
        ("a: b\nc: d\x0ce\n", "f.yaml:2: not YAML: it holds a character that no text file should."),
        ("a: b\n? [c]\n: d\n", "f.yaml:2: a list stands where a word and a colon should."),
    ],
)
def test_a_slip_in_yaml_is_told_as_what_people_do_not_as_what_parsers_expect(text: str, said: str) -> None:
    with pytest.raises(JourneyError) as refusal:
        parse(text, "f.yaml")

    assert said in str(refusal.value)


LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, 'f.yaml:1: "&a0" names lines to be repeated: write them out where they belong.'),
        ("a: &a [*a]\n", 'f.yaml:1: "&a" names lines to be repeated'),
        ("a: b\nc: *d\n", 'f.yaml:2: "*d" stands for lines elsewhere: write them out here.'),
        (
            "a: !hazardous\n",
            'f.yaml:1: "!hazardous" is a YAML tag, which no journey needs. A text that begins with this',
        ),
        ("a: !!python/object:os.system x\n", "is a YAML tag"),
        ("[" * 60_000, "f.yaml:1: more than 10 levels deep"),
        ("- " * 30_000, "f.yaml:1: more than 10 levels deep"),
        ("".join(f"{' ' * n}a:\n" for n in range(300)), "f.yaml:10: more than 10 levels deep"),
    ],
)
@pytest.mark.timeout(5)
def test_what_yaml_can_do_beyond_plain_lists_is_refused_at_once(text: str, said: str) -> None:
    with pytest.raises(JourneyError) as refusal:
        parse(text, "f.yaml")

    assert said in str(refusal.value)


def test_a_file_with_very_many_mistakes_tells_the_first_and_counts_the_rest() -> None:
    with pytest.raises(JourneyError) as refusal:
        parse("".join(f"word{n}: x\n" for n in range(100)), "f.yaml")

    lines = str(refusal.value).splitlines()
    assert len(lines) == 41
    assert lines[-1] == "f.yaml: and 67 more; mend these first."


def test_a_message_quotes_a_word_shortly_and_without_what_would_steer_a_terminal() -> None:
    with pytest.raises(JourneyError) as refusal:
        parse(f'"\\e[31m{"x" * 500}": a\n', "f.yaml")

    assert f'no such word "\N{REPLACEMENT CHARACTER}[31m{"x" * 55}..."' in str(refusal.value)
