"""The suite on a connector of class D: its system keeps no key and cannot be searched, and it says so of every lost answer."""

from taxi_firm.connector import TaxiFirm
from taxi_firm.simulator import RESET_BOOKED, TaxiFirmSimulator

from connectors.sdk.conformance import ConnectorConformance


class TestTaxiFirm(ConnectorConformance):
    connector = TaxiFirm
    simulator = TaxiFirmSimulator

    def effects_written(self, simulator: TaxiFirmSimulator) -> int:
        return simulator.entries()

    def lose_the_next_answer(self, simulator: TaxiFirmSimulator) -> None:
        simulator.trouble(RESET_BOOKED)
