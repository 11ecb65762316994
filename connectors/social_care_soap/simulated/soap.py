"""How the simulated Casebrook speaks: SOAP 1.1 over HTTP as `service.wsdl` says, and the ways in which it fails on request."""

import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Event, Lock
from typing import Any

from lxml import etree

from connectors.social_care_soap.simulated.records import WIDTHS, Records, Refusal

TNS = "http://casebrook.invalid/ReferralService/2009/04"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_XS = "http://www.w3.org/2001/XMLSchema"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
PATH = "/casebrook/ReferralService.asmx"
_MOMENT = "%d/%m/%Y %H:%M:%S"
SESSION_S = 30 * 60
"""How long a session token is good for, used or not."""


@dataclass
class Trouble:
    """What goes wrong with the service, for tests; harmless as it stands.

    Attributes:
        lose_reply_of_create: which creates (1 is the first) are carried out and then answered by a reset connection.
        busy: how many calls are answered "system busy" before it works again.
        web_page: whether a web page is sent instead of SOAP, with this HTTP status.
        hold: a write is carried out, its answer waits for this.
    """

    lose_reply_of_create: set[int] = field(default_factory=set)
    busy: int = 0
    web_page: int | None = None
    hold: Event | None = None


class _Fault(Exception):
    """A SOAP fault: the request is not what the WSDL says."""


class Server(ThreadingHTTPServer):
    """One thread per connection; stopping it hangs up on everybody, as stopping a real one does."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, service: "Service") -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and remember it."""
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is nobody's error."""

    def hang_up(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it hung up first


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """The WSDL, with this server's own address in it."""
        if self.path.lower() == f"{PATH}?wsdl".lower():
            address = f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"
            self._send(200, _wsdl().replace(b"http://localhost" + PATH.encode(), address.encode()))
        else:
            self._send(404, b"<html><body>Not found</body></html>", "text/html")

    def do_POST(self) -> None:
        """One call."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.service.trouble.web_page is not None:
            page = b"<html><head><title>Casebrook is being updated</title></head><body><p>Back soon<br></body></html>"
            self._send(self.server.service.trouble.web_page, page, "text/html")
            return
        try:
            answer = self.server.service.answer(content)
        except _Fault as fault:
            self._send(500, _fault(str(fault)))
            return
        if answer is None:
            # Linger of 0 seconds: closing sends a reset, as a crashed server does.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.close_connection = True
            return
        self._send(200, answer)

    def _send(self, status: int, content: bytes, media_type: str = "text/xml; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Nothing: whoever watches the demo wants to see the hub."""


class Service:
    """The operations of the WSDL, from envelope to envelope."""

    def __init__(self, records: Records, user: tuple[str, str], trouble: Trouble, clock: Callable[[], float]) -> None:
        self.records, self.trouble = records, trouble
        self._user, self._clock = user, clock
        self._sessions: dict[str, float] = {}
        self._creates = 0
        self._lock = Lock()

    def answer(self, content: bytes) -> bytes | None:
        """The envelope that answers one; None: the connection breaks after the work was done.

        Raises:
            _Fault: it is not what the WSDL says, such as an element out of order.
        """
        call = self._checked(content)
        operation = etree.QName(call).localname
        fields = {etree.QName(child).localname: _value(child) for child in call}
        parts: dict[str, Any] = {}
        code, message = 0, ""
        try:
            parts = self._carry_out(operation, fields)
        except Refusal as refusal:
            code, message = refusal.code, str(refusal)
        if operation in _WRITES and code == 0 and not self._reply_arrives(operation):
            return None
        return _reply(operation, {"ErrorCode": code, "ErrorMessage": message, **parts})

    def _carry_out(self, operation: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "Login":
            return {"SessionToken": self._login(fields)}
        self._check_session(fields["SessionToken"])
        if self.trouble.busy > 0:
            self.trouble.busy -= 1
            raise Refusal(1003, "System busy, try again later")
        fields = {name: _stored(name, value) for name, value in fields.items()}
        match operation:
            case "CreateReferral" | "AmendReferral" | "CancelReferral":
                return {"ReferralNo": getattr(self.records, _WRITES[operation])(fields)}
            case "GetReferralByExternalReference":
                found = self.records.by_external_reference(fields["ExternalReference"])
                return {"Items": [_referral(row) for row in found]}
            case "GetReferralsChangedSince":
                found, more = self.records.changed_since(fields["Since"], int(fields["Page"]))
                return {"Items": [_referral(row) for row in found], "MorePages": "Y" if more else "N"}
            case _:
                nhs_number = fields.get("NHSNumber")
                people = self.records.people(fields.get("PersonId"), None if nhs_number is None else int(nhs_number))
                return {"Items": [_person(row) for row in people]}

    def _login(self, fields: Mapping[str, Any]) -> str:
        if (fields["UserName"], fields["Password"]) != self._user:
            raise Refusal(1001, "Unknown user name or wrong password")
        token = secrets.token_hex(16)
        self._sessions[token] = self._clock() + SESSION_S
        return token

    def _check_session(self, token: str | None) -> None:
        if self._sessions.get(token or "", 0) <= self._clock():
            raise Refusal(1002, "Session expired")

    def _reply_arrives(self, operation: str) -> bool:
        if self.trouble.hold is not None:
            self.trouble.hold.wait()
        if operation != "CreateReferral":
            return True
        with self._lock:
            self._creates += 1
            return self._creates not in self.trouble.lose_reply_of_create

    @cached_property
    def _schema(self) -> etree.XMLSchema:
        schema = etree.fromstring(_wsdl()).find(f".//{{{_XS}}}schema")
        assert schema is not None
        return etree.XMLSchema(etree.fromstring(etree.tostring(schema)))

    def _checked(self, content: bytes) -> etree._Element:
        """The one element of the body, if the schema allows it."""
        try:
            envelope = etree.fromstring(content, etree.XMLParser(resolve_entities=False, remove_blank_text=True))
        except etree.XMLSyntaxError:
            raise _Fault("The request is not XML") from None
        call = envelope.find(f"{{{_SOAP}}}Body/*")
        with self._lock:  # an XMLSchema object keeps one error log
            if call is None or not self._schema.validate(etree.ElementTree(call)):
                raise _Fault("The request does not follow the WSDL")
        return call


_WRITES = {"CreateReferral": "create", "AmendReferral": "amend", "CancelReferral": "cancel"}
"""Operations that write, and the method of `Records` that does it."""


def _wsdl() -> bytes:
    return files("connectors.social_care_soap").joinpath("service.wsdl").read_bytes()


def _value(element: etree._Element) -> Any:
    """An element's text without padding, or its children by name."""
    if len(element):
        return {etree.QName(child).localname: _value(child) for child in element}
    return (element.text or "").strip() or None


def _stored(name: str, value: Any) -> Any:
    """A field of a request as the service keeps it: moments and days so that they sort."""
    if isinstance(value, dict):
        return {inner: _stored(inner, text) for inner, text in value.items()}
    formats = {"LoggedDate": _MOMENT, "Since": _MOMENT, "RequiredBy": _MOMENT, "DateOfBirth": "%d/%m/%Y"}
    if name not in formats or value is None:
        return value
    try:
        moment = datetime.strptime(value, formats[name])  # noqa: DTZ007 - the service knows no zone
    except ValueError:
        raise Refusal(2103, "Conversion failed when converting date and/or time from character string") from None
    return moment.date().isoformat() if name == "DateOfBirth" else moment.isoformat(" ")


def _on_wire(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime(_MOMENT)


def _referral(row: Mapping[str, Any]) -> dict[str, Any]:
    reference = row["external_reference"]
    return {
        "ReferralNo": row["number"],
        "Version": row["version"],
        # A CHAR column comes padded to its width.
        "ExternalReference": None if reference is None else reference.ljust(WIDTHS["ExternalReference"]),
        "PersonId": row["person_id"],
        "FullName": row["full_name"],
        "ReferralType": row["type"],
        "Status": row["status"],
        "ReasonCode": row["reason"],
        "ReceivedAt": _on_wire(row["received_at"]),
        "RequiredBy": _on_wire(row["required_by"] or "1900-01-01 00:00:00"),
        "ChangedAt": _on_wire(row["changed_at"]),
        "VisitsPerDay": row["visits"],
        "Details": row["details"],
    }


def _person(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "PersonId": row["person_id"],
        "FullName": row["full_name"],
        "DateOfBirth": datetime.fromisoformat(row["born"]).strftime("%d/%m/%Y"),
        "NHSNumber": row["nhs_number"],
    }


def _reply(operation: str, parts: Mapping[str, Any]) -> bytes:
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP, "xsi": _XSI, "tns": TNS})
    response = etree.SubElement(etree.SubElement(envelope, f"{{{_SOAP}}}Body"), f"{{{TNS}}}{operation}Response")
    kind = "Person" if operation == "FindPerson" else "Referral"
    for name, value in parts.items():
        if name != "Items":
            etree.SubElement(response, f"{{{TNS}}}{name}").text = str(value)
        elif value:
            items = etree.SubElement(response, f"{{{TNS}}}Items")
            items.set(f"{{{_XSI}}}type", f"tns:{kind}" if len(value) == 1 else f"tns:ArrayOf{kind}")
            for item in value:
                _fill(items if len(value) == 1 else etree.SubElement(items, f"{{{TNS}}}{kind}"), item)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def _fill(element: etree._Element, item: Mapping[str, Any]) -> None:
    for name, value in item.items():
        if value is not None:
            etree.SubElement(element, f"{{{TNS}}}{name}").text = str(value)


def _fault(text: str) -> bytes:
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{_SOAP}}}Body"), f"{{{_SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = "soap:Client"
    etree.SubElement(fault, "faultstring").text = text
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
