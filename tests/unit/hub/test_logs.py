import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from hub.errors import RestartMe
from hub.logs import RepeatFilter, describe, withhold_payloads


def lines_of(code: str, level: str = "INFO") -> list[dict[str, object]]:
    """Every line a process writes to stdout that configures logs and then runs `code`."""
    program = f"from hub.logs import configure\nconfigure({level!r}, 'worker-1')\n" + textwrap.dedent(code)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    return [orjson.loads(line) for line in ran.stdout.splitlines()]


def test_lines_of_the_hub_and_of_every_library_have_one_form() -> None:
    lines = lines_of("""
        import logging, structlog, warnings
        structlog.get_logger().info("worker ready", partitions=[0, 1])
        for name in ("faust", "mode.worker", "aiokafka.conn", "kafka.client", "sqlalchemy.engine"):
            logging.getLogger(name).warning("lost %s", "node 1")
        warnings.warn("old function")
    """)

    assert lines[0]["event"] == "worker ready"
    assert [line.get("logger") for line in lines] == [
        None, "faust", "mode.worker", "aiokafka.conn", "kafka.client", "sqlalchemy.engine", "py.warnings"
    ]  # fmt: skip
    assert all({"timestamp", "level", "process", "event"} <= line.keys() for line in lines)
    assert {line["process"] for line in lines} == {"worker-1"}
    assert lines[3]["event"] == "lost node 1"


def test_libraries_are_one_step_quieter_than_the_hub() -> None:
    code = """
        import logging
        for name in ("faust", "aiokafka", "kafka"):
            logging.getLogger(name).debug("debug")
            logging.getLogger(name).info("info")
    """

    assert lines_of(code, "INFO") == []
    assert {line["event"] for line in lines_of(code, "DEBUG")} == {"info"}


def test_an_uncaught_exception_is_one_json_line_too() -> None:
    (line,) = lines_of("raise ValueError('Ada Example, 1 Invented Street')")

    assert line["event"] == "process crashed"
    assert "Ada" not in str(line)


def test_a_line_that_finds_no_room_does_not_end_what_it_tells_of() -> None:
    program = "import os, structlog; from hub.logs import configure; configure('INFO', 'web')\n"
    program += "structlog.get_logger().warning('the disk is full'); os._exit(7)"
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)

    assert (ran.returncode, ran.stderr) == (7, b"")


class Citizen(BaseModel):
    age: int


def test_models_and_bytes_are_withheld_whatever_they_are_called() -> None:
    line = withhold_payloads(None, "info", {"case": Citizen(age=81), "value": b"{}", "offset": 7})

    assert line == {"case": "(Citizen withheld)", "value": "(bytes withheld)", "offset": 7}


def test_an_exception_that_could_quote_a_record_tells_type_and_place_only() -> None:
    with pytest.raises(ValidationError) as caught:
        Citizen.model_validate({"age": "Ada Example"})

    told = describe(caught.value)

    assert told["type"] == "pydantic_core._pydantic_core.ValidationError"
    assert "says" not in told
    assert "Ada" not in str(told)


def test_an_exception_about_machinery_keeps_its_words() -> None:
    told = describe(RestartMe("The database has not answered for 120 s."))

    assert told["says"] == "The database has not answered for 120 s."


def test_a_library_that_repeats_itself_is_let_through_a_few_times_a_minute() -> None:
    repeats = RepeatFilter(("aiokafka",), per_minute=2)

    def passes(logger: str) -> bool:
        return repeats.filter(logging.LogRecord(logger, logging.ERROR, "", 0, "Unable to connect to %s", ("b1",), None))

    assert [passes("aiokafka.conn") for _ in range(4)] == [True, True, False, False]
    assert all(passes("hub") for _ in range(4))
