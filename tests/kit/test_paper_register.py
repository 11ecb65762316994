"""The suite on a connector that does everything right, found as a third party's would be."""

from paper_register.connector import PaperRegister
from paper_register.simulator import PaperRegisterSimulator

from connectors.sdk.conformance import ConnectorConformance
from connectors.sdk.rehearsal import Running


class TestPaperRegister(ConnectorConformance):
    connector = PaperRegister
    simulator = PaperRegisterSimulator

    def effects_written(self, simulator: PaperRegisterSimulator) -> int:
        return simulator.entries()

    def take_away(self, running: Running) -> None:
        running.stop()
        (running.simulator.folder / "register.db").rename(running.simulator.folder / "elsewhere.db")
