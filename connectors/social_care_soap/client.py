"""The wire to Casebrook: zeep, sessions, paging, and every way a call can end. Knows elements and error codes, nothing of what they mean.

Casebrook says errors inside a 200, sends one record bare and several as an array, and forgets a session after thirty minutes. A write
whose answer does not come may have been carried out; which ways to fail are certain is decided here and nowhere else.
"""
# mypy: untyped-calls-exclude="zeep"

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from zeep import Client
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault
from zeep.helpers import serialize_object
from zeep.transports import Transport
from zeep.wsdl import Document

from connectors.sdk.errors import ConfigurationError, ContractBroken, OutcomeUnknown, RetryLater, TranslationError
from connectors.sdk.quirks import listed

_BINDING = "{http://casebrook.invalid/ReferralService/2009/04}ReferralServiceSoap"
_RENEW_BEFORE_S = 60.0
"""A session is renewed this long before its end, so that no call begins with one that ends on its way."""


class ErrorCode(IntEnum):
    """Codes of Casebrook's answers (service manual, appendix B); 0 is no error."""

    NONE = 0
    WRONG_SIGN_IN = 1001
    SESSION_EXPIRED = 1002
    BUSY = 1003
    UNKNOWN_TYPE = 2101
    BAD_DATE = 2103
    TOO_WIDE = 2105
    NO_SUCH_REFERRAL = 2110
    NO_SUCH_PERSON = 2111
    NO_PERSON = 2112
    LOGGED_TOO_EARLY = 2210
    CLOSED = 2220


_REFUSALS = frozenset(code for code in ErrorCode if code >= ErrorCode.UNKNOWN_TYPE)
"""Codes of the 2000s: it understood what it was asked to write, and does not do it."""


class Refused(Exception):
    """Casebrook understood and does not do it; nothing was written.

    Attributes:
        code: why.
    """

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


class _NotSoap(Exception):
    """Something else than the service answered: a proxy, a page that says it is being updated."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Wire(Transport):
    """zeep's transport, without its debug log (it writes whole messages), and with a look at what came before it is parsed.

    Attributes:
        sent: whether the call at hand has got as far as the network.
    """

    def __init__(self, session: requests.Session, timeout_s: float) -> None:
        super().__init__(session=session, operation_timeout=timeout_s)  # type: ignore[no-untyped-call]  # zeep ships no types
        self.sent = False

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send one envelope.

        Raises:
            _NotSoap: what came back is no SOAP message.
        """
        self.sent = True
        response: requests.Response = self.session.post(
            address, data=message, headers=headers, timeout=self.operation_timeout, allow_redirects=False
        )
        soap = response.status_code in {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR}
        if not soap or "xml" not in response.headers.get("Content-Type", ""):
            raise _NotSoap(response.status_code)
        return response


@cache
def _service() -> Document:
    """The WSDL, parsed once per process; the file beside this module, so that starting needs no network."""
    return Document(str(Path(__file__).with_name("service.wsdl")), Transport())  # type: ignore[arg-type]  # zeep annotates the class, wants an object


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Where the service is and as whom to sign in."""

    url: str
    username: str
    password: str
    session_s: float
    timeout_s: float
    ca_file: Path | None = None


class Casebrook:
    """One signed-in client. Not safe for threads.

    Every method may raise, by what happens next, `RetryLater`, `ConfigurationError` or `ContractBroken`; one that writes also `Refused`,
    `TranslationError`, and `OutcomeUnknown` when its answer did not come.
    """

    def __init__(self, sign_in: SignIn, clock: Callable[[], float]) -> None:
        """Reach for nothing yet. `clock` counts seconds; sessions are renewed by it."""
        self._sign_in, self._clock = sign_in, clock
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy named in the environment would see every message
        self._session.verify = str(sign_in.ca_file) if sign_in.ca_file else True
        self._wire = _Wire(self._session, sign_in.timeout_s)
        self._soap = Client(_service(), transport=self._wire).create_service(_BINDING, sign_in.url)
        self._token: str | None = None
        self._good_until = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def log_in(self) -> None:
        """Begin a session."""
        started = self._clock()
        reply = self._send("Login", {"UserName": self._sign_in.username, "Password": self._sign_in.password})
        if reply["ErrorCode"] == ErrorCode.WRONG_SIGN_IN:
            raise ConfigurationError(
                f"Casebrook at {self._sign_in.url} knows no such user, or the password is wrong. "
                "Mend username or password in the connector's settings."
            )
        _raise_for(reply, "Login")
        self._token = reply["SessionToken"]
        self._good_until = started + self._sign_in.session_s - _RENEW_BEFORE_S

    def people(self, *, person_id: str | None = None, nhs_number: int | None = None) -> list[dict[str, Any]]:
        """People with that number; empty for nobody."""
        asked = {"PersonId": person_id} if person_id is not None else {"NHSNumber": nhs_number}
        return _items(self._call("FindPerson", asked), "Person")

    def referrals_under(self, external_reference: str) -> list[dict[str, Any]]:
        """Referrals that were created, amended or cancelled under a reference of ours, in the order of their numbers."""
        reply = self._call("GetReferralByExternalReference", {"ExternalReference": external_reference})
        return _items(reply, "Referral")

    def referrals_since(self, since: str, page: int) -> tuple[list[dict[str, Any]], bool]:
        """One page of referrals changed at or after a moment, oldest change first, and whether there are more pages."""
        reply = self._call("GetReferralsChangedSince", {"Since": since, "Page": page})
        return _items(reply, "Referral"), reply["MorePages"] == "Y"

    def create(self, referral: Mapping[str, Any]) -> str:
        """Create a referral; its number. Twice the same makes two."""
        return str(self._call("CreateReferral", referral, writes=True)["ReferralNo"])

    def amend(self, change: Mapping[str, Any]) -> None:
        """Change a referral."""
        self._call("AmendReferral", change, writes=True)

    def cancel(self, change: Mapping[str, Any]) -> None:
        """Cancel a referral."""
        self._call("CancelReferral", change, writes=True)

    def _call(self, operation: str, fields: Mapping[str, Any], *, writes: bool = False) -> dict[str, Any]:
        """One call in a session that lasts; a session that ended all the same is begun anew, once."""
        if self._clock() >= self._good_until:
            self.log_in()
        reply = self._send(operation, {"SessionToken": self._token, **fields}, writes=writes)
        if reply["ErrorCode"] == ErrorCode.SESSION_EXPIRED:
            self.log_in()
            reply = self._send(operation, {"SessionToken": self._token, **fields}, writes=writes)
        _raise_for(reply, operation, writes=writes)
        return reply

    def _send(self, operation: str, fields: Mapping[str, Any], *, writes: bool = False) -> dict[str, Any]:
        """One envelope there and back. The causes are not chained: they hold what was sent and received."""
        where = f"{operation} at {self._sign_in.url}"
        self._wire.sent = False
        try:
            reply: dict[str, Any] = serialize_object(self._soap[operation](**fields), dict)
        except requests.ConnectTimeout:
            raise RetryLater(
                f"{where}: no connection within {self._sign_in.timeout_s:g} s. Nothing was sent."
            ) from None
        except requests.exceptions.SSLError:
            raise ConfigurationError(
                f"{where}: its certificate is not trusted. Set ca_file in the connector's settings."
            ) from None
        except requests.RequestException as error:
            if _never_sent(error):
                raise RetryLater(f"{where}: no connection. Is Casebrook running?") from None
            if writes:
                raise OutcomeUnknown(f"{where}: sent, and no answer came ({type(error).__name__}).") from None
            raise RetryLater(f"{where}: no answer ({type(error).__name__}).") from None
        except _NotSoap as answer:
            raise _not_soap(answer.status, where, writes=writes) from None
        except Fault as fault:
            raise _fault(str(fault.code), where, writes=writes) from None
        except (ZeepError, ValueError, TypeError) as error:
            if writes and not self._wire.sent:
                raise TranslationError(
                    f"{operation}: the request cannot be written as the WSDL wants it ({type(error).__name__}).",
                    code="malformed-request",
                ) from None
            if writes:
                raise OutcomeUnknown(f"{where}: the answer cannot be read ({type(error).__name__}).") from None
            raise ContractBroken(f"{where}: the answer does not follow the WSDL ({type(error).__name__}).") from None
        return reply


def _items(reply: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The records of an answer: none, one bare, or an array of them."""
    found = reply["Items"]
    if isinstance(found, Mapping) and kind in found:
        found = found[kind]
    items: Sequence[dict[str, Any]] = listed(found)
    return list(items)


def _raise_for(reply: Mapping[str, Any], operation: str, *, writes: bool = False) -> None:
    """Sort the error inside an answer. Its message is never repeated: it may quote what was sent."""
    code = reply["ErrorCode"]
    if code == ErrorCode.NONE:
        return
    if code in {ErrorCode.BUSY, ErrorCode.SESSION_EXPIRED}:
        raise RetryLater(f"{operation}: Casebrook is busy or ends sessions at once (error {code}). Nothing was done.")
    if not writes:
        raise ContractBroken(f"{operation}: Casebrook answers error {code} to a question. Look it up in its manual.")
    if code in _REFUSALS:
        raise Refused(ErrorCode(code))
    raise TranslationError(
        f"{operation}: Casebrook answers error {code}, which is not known. Look it up in its manual and add it to client.ErrorCode.",
        code="unmapped-code",
    )


def _never_sent(error: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have been written."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _not_soap(status: int, where: str, *, writes: bool) -> Exception:
    """What to do about an answer that is no SOAP message."""
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
        return ConfigurationError(f"{where} answers HTTP {status}. Mend url in the connector's settings.")
    if writes:
        return OutcomeUnknown(f"{where}: sent, and a web page came back (HTTP {status}).")
    if status >= HTTPStatus.BAD_REQUEST:
        return RetryLater(f"{where} answers a web page (HTTP {status}): it is down or being updated.")
    return ContractBroken(
        f"{where} answers a web page (HTTP {status}). Is url the service itself, or a sign-in page in front of it?"
    )


def _fault(code: str, where: str, *, writes: bool) -> Exception:
    """What to do about a SOAP fault: the client's fault stays one however often it is sent."""
    ours = code.rpartition(":")[2].startswith("Client")
    if ours and writes:
        return TranslationError(f"{where}: the service finds the request malformed.", code="malformed-request")
    if ours:
        return ContractBroken(f"{where}: the service finds the request malformed. Does service.wsdl fit its version?")
    return (
        OutcomeUnknown(f"{where}: the service failed inside.")
        if writes
        else RetryLater(f"{where}: the service failed inside.")
    )
