"""The identifiers departments share, each read from its damaged forms into one canonical form or refused with a reason.

One pattern for all: a plain `str` or `int` at run time, `Annotated` with the validator and the published JSON Schema.
There is no subclass to carry about, so an identifier costs one function call to read and nothing to compare, hash,
store or write as JSON; a value already canonical costs one regular expression. `GridReference`, being two numbers, is
a frozen class. Every type has a parse function (`parse_uprn(raw) -> str`) that pydantic uses too, so a connector and
a web form refuse the same things in the same words.

    class Property(BaseModel):
        uprn: Uprn

Refusals are `IdentifierError` with a stable `code` and a `reason` that says what is wrong and what to do and never
holds the value; within pydantic the code is the error's `type`, the reason its `msg`. (pydantic itself adds the input
to the text of a ValidationError: models that hold personal data set `hide_input_in_errors`, and readers of
`.errors()` pass `include_input=False`.)

Identifiers made of digits travel as strings, so that no receiver makes a float of them or takes a zero away: Echo
refuses a UPRN sent as a number, spreadsheets round one. LGSL and LGIL are integers: short counted codes that are
never padded, published as integers.

| identifier | rule | repairs | refuses | source |
|---|---|---|---|---|
| Uprn | 1-12 digits | blanks, leading zeros, 199356.0, 1.99356E5 | 0 (missing), longer, an exponent that lost digits | GeoPlace |
| Usrn | 1-8 digits | as Uprn | as Uprn | GeoPlace, Street Manager |
| NhsNumber | 10 digits, modulus 11 | 3-3-4 spaces, hyphens, one lost leading zero, floats | bad check digit, ten equal digits, old formats | NHS Data Dictionary |
| Nino | 2 letters, 6 digits, A-D or nothing | blanks, case, missing or blank suffix | QQ, TN and 11a11111 references, administrative and unused prefixes | HMRC NIM39110 |
| Postcode | area list, district and letter rules | blanks, case, O for 0 and 0 for O where one reading is left | unknown areas, ZZ99 stand-ins | Royal Mail PAF guide, ONS |
| Upn | check letter, 11 digits, digit or letter | blanks, case | bad check letter, UN1-style reasons | DfE UPN guide, python-stdnum |
| GridReference | 0-700 km east, 0-1300 km north | text, degrees in either order, a provable swap | 0/0 (missing), half a pair, elsewhere | Ordnance Survey OSTN15 |
| LgslCode | integer 1-9999 | blanks, zeros, floats | anything else | esd standards |
| LgilCode | integer 0-99 | blanks, zeros, floats | anything else | esd standards |
| CouncilCode | E06-E10, W06, S12, N09 and 6 digits | blanks, case, O for 0 | SNAC and custodian codes, other areas | ONS Register of Geographic Codes |
"""  # noqa: E501 - the rows of a table cannot be wrapped

from schemas.identifiers.councils import (
    COUNCIL_KINDS,
    BankHolidays,
    CouncilCode,
    Nation,
    nation_of,
    parse_council_code,
)
from schemas.identifiers.grid import GridReference, Wgs84, parse_grid_reference
from schemas.identifiers.people import (
    NhsNumber,
    Nino,
    Upn,
    is_synthetic_nhs_number,
    is_temporary_upn,
    nhs_check_digit,
    nino_without_suffix,
    parse_nhs_number,
    parse_nino,
    parse_upn,
)
from schemas.identifiers.places import Uprn, Usrn, parse_uprn, parse_usrn
from schemas.identifiers.postcode import Postcode, parse_postcode
from schemas.identifiers.refusal import IdentifierError, parse_optional
from schemas.identifiers.services import (
    LgilCode,
    LgslCode,
    lgil_name,
    lgsl_name,
    parse_lgil_code,
    parse_lgsl_code,
)

__all__ = [
    "COUNCIL_KINDS",
    "BankHolidays",
    "CouncilCode",
    "GridReference",
    "IdentifierError",
    "LgilCode",
    "LgslCode",
    "Nation",
    "NhsNumber",
    "Nino",
    "Postcode",
    "Upn",
    "Uprn",
    "Usrn",
    "Wgs84",
    "is_synthetic_nhs_number",
    "is_temporary_upn",
    "lgil_name",
    "lgsl_name",
    "nation_of",
    "nhs_check_digit",
    "nino_without_suffix",
    "parse_council_code",
    "parse_grid_reference",
    "parse_lgil_code",
    "parse_lgsl_code",
    "parse_nhs_number",
    "parse_nino",
    "parse_optional",
    "parse_postcode",
    "parse_upn",
    "parse_uprn",
    "parse_usrn",
]
