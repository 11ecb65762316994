"""Universal Housing does what every connector must, for two councils that differ by settings alone."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import func, select
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from connectors.sdk.conformance import ConnectorConformance
from connectors.sdk.rehearsal import Running, folder_of
from connectors.sdk.simulation import BackOffice, Simulator
from connectors.universal_housing import ledger
from connectors.universal_housing.connector import UniversalHousing
from connectors.universal_housing.simulated.councils import ASHMERE
from connectors.universal_housing.simulator import UniversalHousingSimulator

EXAMPLES = Path(__file__).parents[2] / "deploy" / "connectors"


class AshmereSimulator(UniversalHousingSimulator):
    """The second council's database, and its settings as its example file has them."""

    def __init__(self, folder: Path, back_office: BackOffice, port: int = 0) -> None:
        super().__init__(folder, back_office, port, council=ASHMERE)

    def connector_settings(self) -> Mapping[str, Any]:
        text = (EXAMPLES / "universal_housing.ashmere.example.toml").read_text(encoding="utf-8")
        example = tomllib.loads(text)["connectors"]["universal_housing"]
        reached = super().connector_settings()
        return {name: value for name, value in example.items() if name != "password"} | {"url": reached["url"]}


class TestUniversalHousing(ConnectorConformance):
    connector = UniversalHousing
    simulator: ClassVar[type[Simulator]] = UniversalHousingSimulator
    fixture_settings: ClassVar = {"url": "sqlite://"}

    def effects_written(self, simulator: UniversalHousingSimulator) -> int:
        journal = simulator.tables["rmworder_journal"]
        with simulator.open() as engine, engine.connect() as connection:
            return connection.scalar(select(func.count()).where(journal.c.hub_ref != "")) or 0

    def take_away(self, running: Running) -> None:
        running.stop()
        file = running.simulator.folder / "universal_housing.db"
        if file.exists():
            file.rename(file.with_suffix(".away"))


class TestUniversalHousingInAshmere(TestUniversalHousing):
    connector = UniversalHousing
    simulator: ClassVar[type[Simulator]] = AshmereSimulator


def test_the_second_council_needs_no_more_than_twenty_lines() -> None:
    text = (EXAMPLES / "universal_housing.ashmere.example.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    assert len(lines) <= 20


def test_the_readme_has_the_ledgers_tables_as_sql_server_wants_them() -> None:
    readme = (folder_of(UniversalHousing) / "README.md").read_text(encoding="utf-8")

    for table in ledger.metadata.sorted_tables:
        assert " ".join(str(CreateTable(table).compile(dialect=mssql.dialect())).split()) in " ".join(readme.split())  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
