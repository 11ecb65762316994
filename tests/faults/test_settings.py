"""Settings that are wrong are pushed to processes that have work to do, and rolled back: refused in words, before anything is consumed."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.sdk.simulation import BackOffice
from hub.journeys.load import SHIPPED
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump, progress_of
from tests.faults.test_connectors import all_of, ends
from tests.faults.test_worker import ask, judged
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, Site, WorkerProcess

Start = Callable[..., WorkerProcess]


def code_of(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> int | None:
    """How a process ended by itself; that it does not is what is judged."""
    eventually(lambda: process.poll() is not None)
    return process.poll()


def pushed(site: Site) -> dict[str, tuple[Path, str]]:
    """Settings files that are each wrong in one place, and what is said of it."""
    good, own = (site.folder / "hub.toml").read_text(), site.folder / "journeys"
    own.mkdir()
    journey = (SHIPPED / "fly-tipping.v1.yaml").read_text().replace("department: housing", "departmnt: housing")
    (own / "fly-tipping.v1.yaml").write_text(journey)
    texts = {
        "misspelt": (good.replace("partitions =", "partitons ="), 'did you mean "partitions"?'),
        "journey": (f'{good}\n[journeys]\nfolder = "journeys"\n', "departmnt"),
        "number": (good.replace("health_port = 0", 'health_port = "eighty"'), "worker.health_port"),
        "torn": (good[: len(good) // 2] + "\n[", "not TOML"),
    }
    files = {name: site.folder / f"{name}.toml" for name in texts}
    for name, (text, _) in texts.items():
        files[name].write_text(text)
    return {name: (files[name], word) for name, (_, word) in texts.items()}


@pytest.mark.long
@pytest.mark.fault(
    "T55",
    "wrong settings and a wrong journey are pushed to a worker with records waiting, one after the other; then rolled back",
    invariants="I1 I4",
    oracle="O2 O4",
    twins=("settings-pass-unread",),
)
def test_wrong_settings_of_a_worker_are_refused_before_anything_is_consumed(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    events, held, wrong = ask(site, 40), progress_of(site.database, site.group), pushed(site)

    for file, word in wrong.values():
        worker = start(site, settings=file)
        assert code_of(worker.process) == 78
        assert worker.process.stderr is not None
        assert word in worker.process.stderr.read()
    assert progress_of(site.database, site.group) == held
    start(site)
    site.applies_everything(90)

    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{', '.join(wrong)}: each refused; {events} events applied after the roll-back")


@pytest.mark.long
@pytest.mark.fault(
    "T55",
    "a code table with a meaning that does not exist is pushed to a connector with instructions waiting; then rolled back",
    invariants="I1 I2",
    oracle="O2 O3",
    twins=("settings-pass-unread",),
)
def test_a_wrong_mapping_is_refused_before_anything_is_consumed(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", BackOffice(accept_s=1e9)) as site:
        begin = ends(kafka, "case-events")
        keys = [event.id.hex for event in site.ask(4)]

        site.write_settings({"status": {"codes": {"500": "complet"}}})
        assert code_of(site.start(environment())) == 78
        refused = (tmp_path / "connector.log").read_text()
        untouched = legacy.housing(tmp_path / "legacy").done
        site.write_settings({})
        process = site.start(environment())
        eventually(lambda: all_of(dump(kafka, "case-events", begin), keys, "accepted"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}

    assert f"[connectors.{site.name}] cannot be used" in refused
    assert "status.codes.500: Input should be 'raised'" in refused
    assert not untouched
    done = legacy.housing(tmp_path / "legacy").done
    assert {key: done[legacy.RAISED, key] for key in keys} == dict.fromkeys(keys, 1)
    seen(f"refused once, {len(keys)} instructions applied after the roll-back")
