"""A condition is checked against the vocabulary word by word, cannot fail once it is good, and means what CEL makes of it."""

from datetime import date, time
from enum import StrEnum
from typing import Any

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.journeys.language import NotACondition, condition, faults
from schemas.facts import Facts, Mobility, kind_of

KNOWN = {"mobility": "wheelchair", "steps_at_door": 3, "hazardous": False, "discharge_date": "2026-11-30"}
HOME = {
    "uprn": "1000",
    "from_uprn": "1000",
    "move_date": "2026-12-01",
    "waste_size": "car-boot",
    "pickup_time": "10:30:00",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('mobility == "wheelchair" && steps_at_door > 0', True),
        ("mobility == 'walks' || steps_at_door >= 3", True),
        ('mobility in ["walks", "walks-with-aid"]', False),
        ("hazardous", False),
        ("!hazardous", True),
        ("!!hazardous || hazardous == true", False),
        ("hazardous && steps_at_door > 0 || steps_at_door < 4", True),
        ("hazardous && (steps_at_door > 0 || steps_at_door < 4)", False),
        ("0 < steps_at_door && steps_at_door != 4 && steps_at_door <= 3", True),
        ('discharge_date > "2026-11-29" && discharge_date < move_date', True),
        ('pickup_time < "11:00:00"', True),
        ('uprn == from_uprn && uprn in ["1000"]', True),
    ],
)
def test_a_condition_compares_facts_with_values_and_with_one_another(text: str, holds: bool) -> None:
    read = condition(text)

    assert list(faults(read.expression)) == []
    assert read.holds(KNOWN | HOME) is holds


def test_a_fact_that_is_not_known_makes_a_condition_false_whatever_else_holds() -> None:
    assert not condition("!hazardous || steps_at_door > 0").holds({"steps_at_door": 3})
    assert not condition("!hazardous").holds({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mobility == "wheelchare"', 'no mobility "wheelchare"; did you mean "wheelchair"?'),
        ('"wheelchare" != mobility', 'no mobility "wheelchare"; did you mean "wheelchair"?'),
        ('mobility in ["walks", "flies"]', 'no mobility "flies"; there are: walks, walks-with-aid, wheelchair.'),
        ("mobility == 5", "no mobility 5; there are: walks, walks-with-aid, wheelchair."),
        ('mobility > "walks"', '"mobility" has no order: compare it by ==, != or in.'),
        ("mobility", '"mobility" is no yes or no: compare it with a value.'),
        ("hazardous && steps_at_door", '"steps_at_door" is no yes or no: compare it with a value.'),
        ("!steps_at_door", '"steps_at_door" is no yes or no: compare it with a value.'),
        ('steps_at_door > "3"', 'steps_at_door is written 3 here, not "3".'),
        ("steps_at_door > 500", "steps_at_door cannot be 500: it should be less than or equal to 200."),
        ("pathway == true", "pathway is written 1 here, not true."),
        ('hazardous == "yes"', "hazardous is yes or no: write hazardous or !hazardous."),
        ("hazardous == 1", "hazardous is yes or no: write hazardous or !hazardous."),
        ("hazardous < true", '"hazardous" has no order: compare it by ==, != or in.'),
        ('uprn == "000123"', 'uprn is written "123" here, not "000123".'),
        ("uprn == 123", 'uprn is written "123" here, not 123.'),
        ('move_date > "2026-1-1"', 'move_date cannot be "2026-1-1": a date reads like "2026-11-30".'),
        ('move_date > "9999-12-31"', 'move_date cannot be "9999-12-31": The year lies outside 1900 to 2099.'),
        ('pickup_time < "10:30"', 'pickup_time is written "10:30:00" here, not "10:30".'),
        ('pickup_time < "noon"', 'pickup_time cannot be "noon": a time of day reads like "14:30:00".'),
        ('location == "here"', '"location" is no single value, and cannot be compared.'),
        ('location in ["here"]', '"location" is no single value, and cannot be compared.'),
        ("uprn == move_date", '"uprn" and "move_date" are of different kinds: they are never the same.'),
        ("true", "true by itself asks about no fact."),
        ("hazardous || 1", "1 by itself asks about no fact."),
        ("1 == 1", '"==" has a fact on its left, and on its right a value or another fact.'),
        ('"walks" in ["walks"]', '"in" has a fact on its left, and on its right a value or another fact.'),
        ("hazardous == !hazardous", '"==" has a fact on its left, and on its right a value or another fact.'),
    ],
)
def test_a_value_or_kind_that_its_fact_cannot_have_is_told_with_what_would_be_right(text: str, said: str) -> None:
    assert any(fault.startswith(said) for fault in faults(condition(text).expression))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it ends where a fact or a value should stand."),
        ("hazardous &&", "it ends where a fact or a value should stand."),
        ("(hazardous", 'it ends where &&, || or ")" should stand.'),
        ("hazardous)", ") stands where &&, || or the end should."),
        ('mobility = "walks"', '= stands where &&, || or the end should; did you mean "=="?'),
        ('mobility == "walks" AND hazardous', 'AND stands where &&, || or the end should; did you mean "&&"?'),
        ("not hazardous", 'not stands where a fact or a value should; did you mean "!"?'),
        ("hazardous == yes", 'yes stands where a fact or a value should; did you mean "true"?'),
        ("hazardous == True", 'True stands where a fact or a value should; did you mean "true"?'),
        ("mobility == walks-with-aid", "- stands where &&, || or the end should; texts and dates stand in quotes."),
        ("move_date > 2026-11-30", "-11 stands where &&, || or the end should; texts and dates stand in quotes."),
        ("mobility in walks", 'walks stands where a list: ["walks", "wheelchair"] should.'),
        ("mobility in []", "] stands where a fact or a value should."),
        ("mobility in [walks]", 'a list holds values, and "walks" is none; a text stands in quotes.'),
        ('mobility in ["walks" "x"]', '"x" stands where "," or "]" should.'),
        ("mobility == null", "null is not asked for: a fact that is not known makes a condition false by itself."),
        ("1 / 0 == 1", "/ stands where &&, || or the end should."),
        ("size(uprn) > 3", "( stands where &&, || or the end should."),
        ("location.easting > 3", ". stands where &&, || or the end should."),
        ("steps_at_door == 3.5", ". stands where &&, || or the end should."),
        ("0 < steps_at_door < 3", "< stands where &&, || or the end should."),
        ("steps_at_door > " + "9" * 5000, "a number of 5000 digits: no fact is as large."),
        ("(" * 30_000, "more than 20 brackets within one another."),
        ("!" * 30_000, "more than 20 brackets within one another."),
        ("x" * 30_000 + " y" * 30_000, "y stands where &&, || or the end should."),
    ],
)
def test_what_is_no_condition_is_told_with_the_word_that_does_not_fit(text: str, said: str) -> None:
    with pytest.raises(NotACondition) as refusal:
        condition(text)

    assert str(refusal.value) == said


def values_of(name: str) -> st.SearchStrategy[Any]:
    """JSON values that a fact can have."""
    kind = kind_of(name)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(0, 3)
    if kind is date:
        return st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(str)
    if kind is time:
        return st.times().map(lambda at: at.replace(microsecond=0).isoformat())
    return (
        st.sampled_from([str(each) for each in kind])
        if issubclass(kind, StrEnum)
        else st.sampled_from(["1", "2", "30"])
    )


NAMES = [
    "mobility",
    "steps_at_door",
    "hazardous",
    "discharge_date",
    "move_date",
    "uprn",
    "to_uprn",
    "waste_size",
    "pickup_time",
]


def written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f'"{value}"'


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(NAMES))
    kind, value = kind_of(name), written(draw(values_of(name)))
    sign = draw(st.sampled_from(["==", "!=", *(("<", "<=", ">", ">=") if kind in {int, date, time} else ())]))
    same = [other for other in NAMES if kind_of(other) is kind]
    several = ", ".join(written(draw(values_of(name))) for _ in range(draw(st.integers(1, 3))))
    forms = [f"{name} {sign} {value}", f"{value} {sign} {name}", f"{name} in [{several}]"]
    forms += [f"{name} {sign} {draw(st.sampled_from(same))}", *([name] if kind is bool else [])]
    return draw(st.sampled_from(forms))


CONDITIONS = st.recursive(
    comparisons(),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["&&", "||"]), part).map(" ".join),
        part.map(lambda text: f"({text})"),
        part.map(lambda text: f"!({text})"),
    ),
    max_leaves=8,
)


@given(text=CONDITIONS, facts=st.fixed_dictionaries({name: values_of(name) for name in NAMES}))
def test_a_good_condition_holds_just_where_cel_says_so(text: str, facts: dict[str, Any]) -> None:
    read = condition(text)

    assert list(faults(read.expression)) == []
    assert Facts.model_validate(facts).known() == facts
    assert read.holds(facts) is cel.evaluate(text, facts)


@given(
    st.lists(
        st.sampled_from(
            [*NAMES, "location", "==", ">", "!", "(", ")", "in", "[", "]", ",", "&&", "||", "1", '"walks"', "true"]
        )
    )
)
def test_whatever_is_found_good_can_be_asked_of_any_facts(words: list[str]) -> None:
    try:
        read = condition(" ".join(words))
    except NotACondition:
        return
    if list(faults(read.expression)):
        return

    for mobility in Mobility:
        facts = KNOWN | HOME | {"mobility": str(mobility), "to_uprn": "1", "location": {"easting": 1, "northing": 1}}
        assert read.holds(facts) in {True, False}
