"""Every identifier as a pydantic field: same reasons, no values in them, schemas that hold."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

import schemas.identifiers as package
from schemas.facts import Facts
from schemas.identifiers import (
    CouncilCode,
    GridReference,
    IdentifierError,
    LgilCode,
    LgslCode,
    NhsNumber,
    Nino,
    Postcode,
    Upn,
    Uprn,
    Usrn,
    parse_council_code,
    parse_grid_reference,
    parse_lgil_code,
    parse_lgsl_code,
    parse_nhs_number,
    parse_nino,
    parse_postcode,
    parse_upn,
    parse_uprn,
    parse_usrn,
)

Parse = Callable[[object], object]
TYPES: dict[str, tuple[Any, Parse]] = {
    "uprn": (Uprn, parse_uprn),
    "usrn": (Usrn, parse_usrn),
    "nhs_number": (NhsNumber, parse_nhs_number),
    "nino": (Nino, parse_nino),
    "postcode": (Postcode, parse_postcode),
    "upn": (Upn, parse_upn),
    "location": (GridReference, parse_grid_reference),
    "lgsl": (LgslCode, parse_lgsl_code),
    "lgil": (LgilCode, parse_lgil_code),
    "council": (CouncilCode, parse_council_code),
}
every_type = pytest.mark.parametrize("name", list(TYPES))


class Person(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    nhs_number: NhsNumber
    uprn: Uprn | None = None


@every_type
def test_published_examples_are_canonical_and_fit_their_own_schema(name: str) -> None:
    adapter = TypeAdapter(TYPES[name][0])
    schema = adapter.json_schema()

    assert schema["description"]
    for example in schema["examples"]:
        jsonschema.validate(example, schema)
        assert adapter.dump_python(adapter.validate_python(example), mode="json") == example
    assert adapter.json_schema(mode="serialization") == schema


@every_type
@given(
    raw=st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.none(),
        st.booleans(),
        st.lists(st.floats(), max_size=3),
        st.decimals(),
    )
)
def test_anything_at_all_is_read_or_refused_with_a_reason(name: str, raw: object) -> None:
    adapter, parse = TypeAdapter(TYPES[name][0]), TYPES[name][1]
    try:
        value = parse(raw)
    except IdentifierError as error:
        refusal = error
    else:
        assert adapter.validate_python(raw) == value
        assert parse(value) == value
        jsonschema.validate(json.loads(adapter.dump_json(value)), adapter.json_schema())
        return
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(raw)

    (detail,) = refused.value.errors()
    assert (detail["type"], detail["msg"]) == (refusal.code, refusal.reason)
    assert refusal.code
    assert refusal.reason.endswith(".")


@every_type
@given(
    digits=st.integers(min_value=10**13, max_value=10**20), letters=st.text("BCFGHJKMPQVWXYZ", min_size=6, max_size=12)
)
def test_a_reason_never_holds_the_value(name: str, digits: int, letters: str) -> None:
    for raw in (str(digits), letters, f"{letters}{digits}", (letters, str(digits))):
        told = _told_by(TYPES[name][1], raw)
        assert str(digits) not in told
        assert letters not in told


def _told_by(parse: Parse, raw: object) -> str:
    """All that a refusal says, with whatever is chained to it; nothing when the value is accepted."""
    try:
        parse(raw)
    except IdentifierError as error:
        return f"{error} {error!r} {error.__cause__} {error.__context__}"
    return ""


def test_a_models_error_carries_the_reason_and_hides_the_value() -> None:
    with pytest.raises(ValidationError) as refused:
        Person.model_validate({"nhs_number": "9434765918"})

    assert "The NHS number does not fit its last digit" in str(refused.value)
    assert "9434765918" not in str(refused.value)


def test_a_field_takes_the_damaged_form_and_gives_the_canonical_one() -> None:
    person = Person.model_validate({"nhs_number": 9434765919, "uprn": "000000199356"})

    assert person.model_dump_json() == '{"nhs_number":"9434765919","uprn":"199356"}'


def test_everything_public_is_listed_and_there() -> None:
    assert package.__all__ == sorted(
        package.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert all(hasattr(package, name) for name in package.__all__)


def test_importing_the_package_leaves_the_heavy_libraries_alone() -> None:
    program = "import sys, schemas.identifiers; print(sorted({'numpy', 'convertbng', 'stdnum'} & set(sys.modules)))"

    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "[]"


def test_our_own_messages_hide_the_value_too() -> None:
    with pytest.raises(ValidationError) as refused:
        Facts.model_validate({"nhs_number": "9434765918", "postcode": "QQ1 1AA"})

    assert "9434765918" not in str(refused.value)
    assert "QQ1" not in str(refused.value)
