import pytest

from connectors.sdk import (
    CodeTable,
    ConfigurationError,
    ConnectorSettings,
    LegacyRecord,
    TranslationError,
    UnmappedCode,
    load_settings,
)
from schemas.tasks import TaskStatus


class Settings(ConnectorSettings):
    status: CodeTable[TaskStatus] = CodeTable(
        name="status", codes={"100": TaskStatus.ACCEPTED, "700": TaskStatus.COMPLETED}, ignored={"000": "a draft"}
    )


def order(code: object) -> LegacyRecord:
    return LegacyRecord(dataset="works-orders", key="1", position="1", values={"wo_status": code})


def test_a_code_has_a_meaning_or_is_ignored_by_name() -> None:
    status = Settings().status
    assert status.meaning(order("100   "), "wo_status") is TaskStatus.ACCEPTED
    assert status.meaning(order(700), "wo_status") is TaskStatus.COMPLETED
    assert status.meaning(order("000"), "wo_status") is None


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("Q7", '"Q7" is'),
        ("DRFT", '"DRFT" is'),
        (1953, '"1953" is'),
        ("", "(blank) is"),
        (None, "(blank) is"),
        ("Mrs Quillfeather", "(withheld"),
        ("Bernardina", "(withheld"),
        ("Lowe", "(withheld"),
        ("9434765919", "(withheld"),
        ("1953-07-18", "(withheld"),
        ("LE1 6ZZ", "(withheld"),
        ("a;b", "(withheld"),
    ],
)
def test_an_unmapped_code_is_shown_only_where_it_looks_like_a_code(code: object, shown: str) -> None:
    with pytest.raises(UnmappedCode) as caught:
        Settings().status.meaning(order(code), "wo_status")
    assert shown in str(caught.value)
    assert "Add it to status.codes in the connector's settings, or to status.ignored with a reason." in str(
        caught.value
    )
    assert "(withheld" not in shown or str(code) not in str(caught.value)


def test_a_record_without_the_column_is_no_unmapped_code() -> None:
    with pytest.raises(TranslationError) as caught:
        Settings().status.meaning(order("100"), "status")
    assert caught.value.code == "missing-field"


def test_a_meaning_without_a_code_lists_the_meanings_that_have_one() -> None:
    assert Settings().status.code(TaskStatus.COMPLETED) == "700"
    with pytest.raises(
        UnmappedCode, match="Table status has no code for rejected; it has codes for accepted, completed"
    ):
        Settings().status.code(TaskStatus.REJECTED)


def test_a_council_adds_a_code_changes_one_and_ignores_one_and_keeps_the_rest() -> None:
    table = {"status": {"codes": {"Q7": "in-progress", "000": "accepted"}, "ignored": {"700": "closed by finance"}}}

    status = load_settings(Settings, table, "hub.toml [connectors.x]").status

    assert status.codes == {"100": "accepted", "Q7": "in-progress", "000": "accepted"}
    assert status.ignored == {"700": "closed by finance"}


def test_a_meaning_that_does_not_exist_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"status\.codes\.Q7: Input should be 'accepted'"):
        load_settings(Settings, {"status": {"codes": {"Q7": "finished"}}}, "hub.toml [connectors.x]")
