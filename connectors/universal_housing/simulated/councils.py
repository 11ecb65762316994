"""How councils differ on the same product: their own columns and codes. Independent of the connector's settings, which must match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Council:
    """How one council has its Universal Housing: its own column names and codes. The defaults are the first council's."""

    uprn: str = "u_llpg_ref"
    steps: str = "u_external_steps"
    keysafe: str = "u_keysafe"
    order_type: str = "rep_type"
    reason: str = "change_reason"
    hub_ref: str = "u_hub_ref"
    raised: str = "100"
    accepted: str = "200"
    in_progress: str = "400"
    completed: str = "500"
    cancelled: str = "700"
    refused: str = "710"
    home_check: str = "HCK"
    clearance: str = "ESC"
    yes: str = "Y"
    no: str = "N"
    evidence: str = "EVF"
    no_evidence: str = "NEV"
    refusals: tuple[str, ...] = ("NAC", "NRE", "NFE")
    shells: bool = False
    """Whether blocks stand beside homes as properties of their own, some with the UPRN of a home in them."""
    types: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType(
            {
                "HCK": "Home check",
                "ADP": "Adaptation",
                "VIN": "Void inspection",
                "ESC": "Estate clearance",
                "RSP": "Responsive repair",
                "GAS": "Gas service",
            }
        )
    )


ASHMERE = Council(
    uprn="u_nlpguprn",
    steps="u_steps_front",
    keysafe="u_ksafe",
    order_type="rep_class",
    reason="insp_reason",
    hub_ref="u_ext_ref",
    raised="RAI",
    accepted="ISS",
    in_progress="WIP",
    completed="COM",
    cancelled="CAN",
    refused="REJ",
    home_check="H1",
    clearance="C1",
    yes="T",
    no="F",
    evidence="Y",
    no_evidence="N",
    refusals=("N1", "N2"),
    shells=True,
    types=MappingProxyType(
        {"H1": "Home check", "A1": "Adaptation", "V1": "Void inspection", "C1": "Clearance", "R1": "Repair"}
    ),
)
"""An invented second council on the same product."""
