"""The Casebrook referral service, simulated: a real SOAP server on loopback with a back office that works.

Faithful where it hurts: errors inside a 200, one record as that record and several as an array, moments of the server's clock as text,
NHS numbers as numbers, texts padded to their column, fifty referrals a page, sessions of thirty minutes that a restart forgets, and no
protection from the same external reference sent twice. It speaks in `simulated/soap.py` and remembers in `simulated/records.py`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

from connectors.sdk.simulation import BackOffice, Citizen, Simulator
from connectors.social_care_soap.simulated.records import Codes, Records
from connectors.social_care_soap.simulated.soap import PATH, Server, Service, Trouble

_LOOK_S = 0.05
"""Pause of the back office between two looks at its desk."""


class SocialCareSimulator(Simulator):
    """The Casebrook referral service of one invented council."""

    user = ("hub", "casebrook-on-loopback")

    def __init__(
        self,
        folder: Path,
        back_office: BackOffice,
        port: int = 0,
        *,
        codes: Codes | None = None,
        trouble: Trouble | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """As every simulator; beyond that another council's codes, what goes wrong, and the clock (seconds since 1970)."""
        super().__init__(folder, back_office, port)
        self.codes, self.trouble, self.clock = codes or Codes(), trouble or Trouble(), clock

    @property
    def journal(self) -> Path:
        """Every write that was carried out, a JSON object per line: seq, at, did, referral, external_reference."""
        return self.folder / "journal.ndjson"

    def seed(self, citizens: Iterable[Citizen]) -> None:
        """Those with a social-care number are on record there."""
        records = self._records()
        records.add_people(citizens)
        records.close()

    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        """Answer and work until `stop` is set. A port that was left to the machine stands in `port` once it is ready."""
        records = self._records()
        server = Server(self.port, Service(records, self.user, self.trouble, self.clock))
        self.port = server.server_address[1]
        answering = Thread(target=server.serve_forever, args=(_LOOK_S,), name="casebrook-http")
        answering.start()
        try:
            ready()
            while not stop.wait(_LOOK_S):
                records.work()
        finally:
            server.shutdown()
            server.hang_up()
            answering.join()
            server.server_close()
            records.close()

    def connector_settings(self) -> Mapping[str, Any]:
        """Address and sign-in; everything else is as the product comes."""
        username, password = self.user
        return {
            "url": f"http://127.0.0.1:{self.port}{PATH}",
            "username": username,
            "password": password,
            "poll_every_s": 0.5,
            "settle_s": 0.1,
        }

    def _records(self) -> Records:
        return Records(self.folder, self.back_office, self.codes, self.clock)
