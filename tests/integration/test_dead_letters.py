"""`hub dead-letters` at a real Kafka: replayed, fixed and discarded by people who see what they do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from hub import topics
from hub.__main__ import hub
from hub.dead_letters.letter import dead_letter
from hub.dead_letters.reading import MOST_ATTEMPTS
from hub.edge.kafka import Sender, read_all
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Incoming, Outgoing
from hub.errors import ConfigurationError, HubError
from hub.settings import KafkaSettings
from schemas.topics import CASE_EVENTS

TOPICS = KafkaSettings(partitions=2)
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
GOOD = json.dumps(json.loads((EXAMPLES / "case.request-received.v1.json").read_text())).encode()
KEY = str(json.loads(GOOD)["partitionkey"]).encode()
BROKEN = GOOD.replace(b'"1.0"', b'"one"')


@pytest.fixture
def kafka(kafka_for_a_while: str) -> str:
    """The address of a Kafka with the hub's topics, empty at the first test."""
    topics.apply(TOPICS, kafka_for_a_while)
    return kafka_for_a_while


class Clerk:
    """Somebody with a terminal."""

    def __init__(self, folder: Path, kafka: str) -> None:
        self.kafka, self.settings_file = kafka, folder / "hub.toml"
        self.settings_file.write_text(
            '[council]\nname = "Nettlebourne"\ncode = "E06000999"\nkey = "not-a-real-council-key"\n'
            f'[kafka]\nbootstrap = "{kafka}"\npartitions = 2\n',
            encoding="utf-8",
        )

    def asks(self, *arguments: str, stdin: bytes | None = None) -> Result:
        # No worker runs here that could answer.
        wait = ["--wait", "0"] if arguments[0] in {"replay", "discard", "fix"} else []
        told = ["--settings", str(self.settings_file), "dead-letters", *arguments, *wait]
        return CliRunner().invoke(hub, told, input=stdin)

    def letters(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.asks("list", "--json").output.splitlines()[-1])
        return found

    def records(self, topic: str) -> list[Incoming]:
        return list(read_all(TOPICS, self.kafka, [topic]))


@pytest.fixture
def clerk(tmp_path: Path, kafka: str) -> Clerk:
    """A clerk before whom nothing lies: what earlier tests left is discarded."""
    made = Clerk(tmp_path, kafka)
    if made.letters():
        made.asks("discard", "--all", "--why", "left by another test")
    return made


def dies(
    kafka: str, value: bytes, offset: int, *, attempt: int = 1, topic: str = "case-events", code: str = "wrong-data"
) -> None:
    """A record that a reader set aside."""
    letter = dead_letter(
        code=code, reason="specversion: no such version", topic=topic, partition=0, offset=offset,
        component="worker", key=KEY, value=value, attempt=attempt,
    )  # fmt: skip
    sender = Sender(TOPICS, kafka, "test")
    sender.send([Outgoing(f"{topic}-dlq", letter.key, letter.value, letter.headers)])
    sender.close()


def test_a_corrected_record_goes_in_the_place_of_the_one_that_died(clerk: Clerk) -> None:
    dies(clerk.kafka, BROKEN, 100)
    (letter,) = clerk.letters()

    done = clerk.asks("fix", letter["id"], "-", stdin=GOOD)

    assert "was fixed" in done.output
    assert clerk.letters() == []
    sent = clerk.records("case-events")[-1]
    assert (sent.key, sent.value, sent.header("attempt")) == (KEY, GOOD, "1")
    assert CASE_EVENTS.decode(sent.value, sent.key).encode()
    assert [record.header("outcome") for record in clerk.records("case-events-dlq")][-1] == "fixed"


def test_a_correction_that_would_die_again_is_not_sent_and_says_why(clerk: Clerk) -> None:
    dies(clerk.kafka, BROKEN, 200)
    (letter,) = clerk.letters()
    before = len(clerk.records("case-events"))

    done = clerk.asks("fix", letter["id"], "-", stdin=GOOD.replace(b"discharge-notified", b"NO SLUG"))

    assert isinstance(done.exception, ConfigurationError)
    assert "Not sent, for it would die again. case-events: data.request" in str(done.exception)
    assert len(clerk.records("case-events")) == before
    assert [each["id"] for each in clerk.letters()] == [letter["id"]]


def test_a_correction_that_no_journey_starts_with_is_refused_in_a_dry_run_too(clerk: Clerk) -> None:
    dies(clerk.kafka, BROKEN, 250)
    (letter,) = clerk.letters()

    done = clerk.asks(
        "fix", letter["id"], "-", "--dry-run", stdin=GOOD.replace(b"discharge-notified", b"unicorn-wanted")
    )

    assert isinstance(done.exception, ConfigurationError)
    assert "Not sent, for it would die again. No journey starts with 'unicorn-wanted'" in str(done.exception)
    clerk.asks("discard", letter["id"], "--why", "A test's own noise")


def test_what_nobody_will_mend_is_discarded_with_the_reason_and_who_said_so(clerk: Clerk) -> None:
    dies(clerk.kafka, b"{not json", 300)
    dies(clerk.kafka, b"{not json either", 301)

    dry = clerk.asks("discard", "--all", "--code", "wrong-data", "--why", "A test's own noise", "--dry-run")
    kept = len(clerk.letters())
    clerk.asks("discard", "--all", "--code", "wrong-data", "--why", "A test's own noise")

    assert dry.output.count("would be discarded") == kept == 2
    assert clerk.letters() == []
    marker = clerk.records("case-events-dlq")[-1]
    assert (marker.header("outcome"), marker.header("why")) == ("discarded", "A test's own noise")
    assert marker.header("by")


def test_a_filter_that_leaves_nothing_says_what_else_there_is(clerk: Clerk) -> None:
    dies(clerk.kafka, b"{not json", 350)
    (letter,) = clerk.letters()

    shown = [clerk.asks("list", "--code", "no-such"), clerk.asks("replay", "--all", "--topic", "transport-tasks")]
    both = clerk.asks("replay", letter["id"], "--code", "no-such")

    for each in shown:
        assert "None of them matches. 1 record lies among the dead letters: 1 wrong-data." in each.output
    assert "--topic and --code go with --all" in both.output
    assert [each["id"] for each in clerk.letters()] == [letter["id"]]


def test_what_waited_for_a_discarded_record_is_replayed_behind_the_word_that_it_is_discarded(clerk: Clerk) -> None:
    dies(clerk.kafka, b"{not json", 600)
    dies(clerk.kafka, GOOD, 601, code="parked")
    first, _ = clerk.letters()

    dry = clerk.asks("discard", first["id"], "--why", "Nobody can read it", "--dry-run")
    done = clerk.asks("discard", first["id"], "--why", "Nobody can read it")

    assert [line.partition(" ")[2] for line in dry.output.splitlines()] == [
        "would be discarded",
        "would be sent again, behind the one it waits for",
    ]
    assert "was sent again, behind the one it waits for" in done.output
    assert clerk.letters() == []
    said, behind = clerk.records("case-events")[-2:]
    told = json.loads(said.value or b"")
    assert (told["type"], said.header("first")) == ("case.record-discarded.v1", "case-events/0/600")
    assert (told["data"]["record"], told["data"]["why"]) == ("case-events/0/600", "Nobody can read it")
    assert (behind.value, behind.header("first")) == (GOOD, "case-events/0/601")


def test_a_place_past_the_end_of_the_log_is_no_record_that_was_lost(clerk: Clerk) -> None:
    case = KEY.decode()
    part = partition_of(KEY, TOPICS.partitions)
    before = len(clerk.records("case-events"))

    done = clerk.asks("discard", f"case-events/{part}/999999", "--case", case, "--why", "It is too old")

    assert isinstance(done.exception, ConfigurationError)
    assert f"No record has ever stood at case-events/{part}/999999" in str(done.exception)
    assert len(clerk.records("case-events")) == before


def test_a_record_is_revealed_once_it_is_written_down_who_looked_and_why(clerk: Clerk) -> None:
    dies(clerk.kafka, b'{"name": "Ada Canary"}', 700)
    (letter,) = clerk.letters()

    unsaid = clerk.asks("show", letter["id"], "--reveal")
    done = clerk.asks("show", letter["id"], "--reveal", "--why", "To see which date is meant")

    assert "Say --why" in unsaid.output
    assert "Ada Canary" not in unsaid.output
    assert "Ada Canary" in done.output
    (trace,) = (json.loads(record.value or b"")["data"] for record in clerk.records("audit"))
    assert (trace["letter"], trace["record"], trace["why"]) == (
        letter["id"],
        letter["from"],
        "To see which date is meant",
    )
    clerk.asks("discard", letter["id"], "--why", "A test's own noise")


def test_nothing_is_revealed_while_it_cannot_be_written_down_who_looked(clerk: Clerk) -> None:
    dies(clerk.kafka, b'{"name": "Ada Canary"}', 800)
    (letter,) = clerk.letters()
    admin = AdminClient({"bootstrap.servers": clerk.kafka})
    admin.delete_topics(["audit"])["audit"].result(30)

    done = clerk.asks("show", letter["id"], "--reveal", "--why", "To see it")

    assert "Ada Canary" not in done.output
    assert isinstance(done.exception, HubError)
    assert "Nothing is revealed, for it cannot be written down who looked." in str(done.exception)
    clerk.asks("discard", letter["id"], "--why", "A test's own noise")


def test_an_instruction_that_its_case_waits_for_is_not_discarded(clerk: Clerk) -> None:
    instruction = json.loads((EXAMPLES / "task.raised.v1.json").read_text())
    letter = dead_letter(
        code="unmapped-code", reason="No such kind of work.", topic="housing-tasks", partition=0, offset=400,
        component="universal_housing", key=instruction["partitionkey"].encode(), value=json.dumps(instruction).encode(),
    )  # fmt: skip
    sender = Sender(TOPICS, clerk.kafka, "test")
    sender.send([Outgoing("housing-tasks-dlq", letter.key, letter.value, letter.headers)])
    sender.close()
    (found,) = clerk.letters()

    done = clerk.asks("discard", found["id"], "--why", "Nobody knows this kind of work")

    assert "stays: it is an instruction that its case waits for" in done.output
    assert [each["id"] for each in clerk.letters()] == [found["id"]]
    clerk.asks("replay", found["id"])


def test_what_died_again_and_again_is_replayed_by_its_name_alone(clerk: Clerk) -> None:
    dies(clerk.kafka, GOOD, 500, attempt=MOST_ATTEMPTS)
    (letter,) = clerk.letters()

    with_all = clerk.asks("replay", "--all")
    left = clerk.letters()
    by_name = clerk.asks("replay", letter["id"])

    assert f"stays: it has died {MOST_ATTEMPTS} times" in with_all.output
    assert [each["id"] for each in left] == [letter["id"]]
    assert "was sent again" in by_name.output
    assert clerk.letters() == []
