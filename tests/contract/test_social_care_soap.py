from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.sdk.conformance import ConnectorConformance
from connectors.social_care_soap.connector import SocialCareSoap
from connectors.social_care_soap.simulator import SocialCareSimulator


class TestSocialCareSoap(ConnectorConformance):
    connector = SocialCareSoap
    simulator = SocialCareSimulator
    fixture_settings: ClassVar[Mapping[str, Any]] = {
        "url": "https://casebrook.example/casebrook/ReferralService.asmx",
        "username": "council-hub",
        "password": "not-used-for-translating",
    }

    def effects_written(self, simulator: SocialCareSimulator) -> int:
        return len(simulator.journal.read_text(encoding="utf-8").splitlines())
