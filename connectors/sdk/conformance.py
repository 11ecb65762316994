"""The conformance suite: what every connector must do, as tests that come with one import and a few attributes.

    class TestUniversalHousing(ConnectorConformance):
        connector = UniversalHousing
        simulator = UniversalHousingSimulator

        def effects_written(self, simulator: UniversalHousingSimulator) -> int:
            return ...  # counted in the simulator's own journal, not by asking the connector

A check that cannot apply is left out with its reason in the connector's `quality.toml`, and nowhere else:

    [exempt]
    test_a_wrong_password_is_a_matter_of_settings = "a SQLite file has no login; tried on PostgreSQL in tests/integration"

What the manifest does not promise is not asked: a connector that takes no tasks is not asked to write.

Fixtures are files in the connector's folder `fixtures/`; dates and decimals are written as `connectors.sdk.records` says:

    <story>.record.json  one record as the legacy system delivers it: {"dataset", "key", "position", "values"}
    <story>.said.json    exactly what it says: a list of facts and progress, empty for a record nobody else needs
    <story>.error.json   instead: {"code": "unmapped-code"}, the error it must raise

Fixtures are translated with `fixture_settings`, or the example settings where a test gives none.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.contract import Effect, EffectClass, Fact, LegacyRecord, Said, SinkConnector, SourceConnector
from connectors.sdk.errors import ConfigurationError, ConnectorError, RetryLater, TranslationError
from connectors.sdk.manifest import manifest_of
from connectors.sdk.mapping import CodeTable
from connectors.sdk.records import decode_record, encode_record, said_as_json
from connectors.sdk.rehearsal import (
    Rehearsal,
    Running,
    change_of,
    example_settings,
    exemptions,
    folder_of,
    raise_task,
    stories_of,
    withdrawal_of,
)
from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import PERSONAL_WORDS, STRANGER, facts_for
from schemas.facts import Facts
from schemas.tasks import TaskStatus, Work

ENTRY_POINTS = "council_hub.connectors"
QUIET = BackOffice(accept_s=1e9)
"""Never touches anything."""
BUSY = BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)
"""Does everything at once."""
_STRANGE = ("Quatermass, Bernardina 1953-07-18", "Bernardina")
"""Put into every field in turn: nobody's code, date or number, and recognised wherever it comes out. The second looks most like a code."""


class ConnectorConformance(Rehearsal):
    """Base of one connector's conformance tests. Subclass it as `Test<Connector>` in the connector's tests."""

    def wrong_password(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with a password that is not the right one."""
        if "password" not in settings:
            pytest.fail(
                "No setting `password`: override wrong_password, or exempt this check in quality.toml with a reason."
            )
        return {**settings, "password": "not-the-password"}

    def effect_that_fails(self) -> Effect:
        """Where instructions are written together: one that cannot be put into the system's words."""
        taken = self.manifest().tasks
        work = next((work for work in Work if work not in taken), None)
        if work is None:
            pytest.fail(
                "It takes every kind of work: override effect_that_fails with an instruction that it cannot write."
            )
        return raise_task(work, self.manifest())

    def lose_the_next_answer(self, simulator: Any) -> None:
        """Class D: have the simulated system carry out the next instruction, and lose its answer."""
        pytest.fail("Override lose_the_next_answer, or exempt the check in quality.toml with a reason.")

    # How the suite is put together.

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "connector" not in cls.__dict__:
            return
        left_out = set(exemptions(cls.connector))
        if unknown := left_out - set(dir(cls)):
            raise ConfigurationError(
                f"{folder_of(cls.connector)}/quality.toml exempts checks that do not exist: {sorted(unknown)}."
            )
        if not issubclass(cls.connector, SourceConnector):
            left_out |= _SOURCE_CHECKS
        if not issubclass(cls.connector, SinkConnector):
            left_out |= _SINK_CHECKS | _CHECKS_OF_CLASS_D | _CHECKS_OF_TOGETHER
        else:
            if cls.connector.effect_class is not EffectClass.D:
                left_out |= _CHECKS_OF_CLASS_D
            if cls.connector.apply_together is SinkConnector.apply_together:
                left_out |= _CHECKS_OF_TOGETHER
        for check in left_out:
            setattr(cls, check, None)

    @pytest.fixture
    def quiet(self, tmp_path: Path) -> Iterator[Running]:
        """A simulated system whose back office never touches anything."""
        with self.running(tmp_path, QUIET) as running:
            yield running

    @pytest.fixture
    def busy(self, tmp_path: Path) -> Iterator[Running]:
        """A simulated system whose back office does everything at once."""
        with self.running(tmp_path, BUSY) as running:
            yield running

    # Who it is.

    def test_the_manifest_the_folder_and_the_entry_point_agree(self) -> None:
        manifest = manifest_of(self.connector)
        assert manifest.name == folder_of(self.connector).name, "manifest.toml: name is not the folder's name"
        found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        assert manifest.name in found, (
            f'no entry point {manifest.name} in group "{ENTRY_POINTS}": is the package installed?'
        )
        assert found[manifest.name].load() is self.connector, "the entry point names another class"

    def test_the_example_settings_load(self) -> None:
        self.settings_from(example_settings(self.connector))

    def test_an_unknown_setting_is_answered_with_the_nearest_known_one(self) -> None:
        table = {**example_settings(self.connector), "poll_evry_s": 1}
        with pytest.raises(ConfigurationError) as caught:
            self.settings_from(table)
        said = str(caught.value)
        assert folder_of(self.connector).name in said, f"the error does not say which table: {said}"
        assert 'did you mean "poll_every_s"?' in said, f"the error names no nearest word: {said}"

    def test_each_code_table_is_called_what_its_setting_is_called(self) -> None:
        settings = self.translator().settings
        for name, table in settings:
            if isinstance(table, CodeTable):
                assert table.name == name, f"the code table of setting {name} calls itself {table.name}"

    # What it says.

    def test_every_fixture_says_exactly_what_is_written_beside_it(self) -> None:
        stories = stories_of(self.connector)
        assert stories, f"{folder_of(self.connector)}/fixtures holds no <story>.record.json"
        translator = self.translator()
        for story, record in stories.items():
            said_file, error_file = _beside(story, "said"), _beside(story, "error")
            assert said_file.exists() != error_file.exists(), (
                f"{story.name}: wants .said.json or .error.json, one of them"
            )
            if said_file.exists():
                said = said_as_json(translator.translate(record))
                assert said == json.loads(said_file.read_bytes()), f"{story.name} says:\n{json.dumps(said, indent=2)}"
            else:
                with pytest.raises(TranslationError) as caught:
                    list(translator.translate(record))
                code = {"code": caught.value.code}
                assert code == json.loads(error_file.read_bytes()), f"{story.name} raises {caught.value.code}"

    def test_an_unmapped_code_is_among_the_fixtures(self) -> None:
        codes = [
            json.loads(_beside(story, "error").read_bytes())["code"]
            for story in stories_of(self.connector)
            if _beside(story, "error").exists()
        ]
        assert "unmapped-code" in codes, "no fixture shows what a code that nobody has mapped leads to"

    def test_what_a_record_says_depends_on_nothing_but_the_record(self) -> None:
        for story, record in stories_of(self.connector).items():
            before = deepcopy(record)
            first, second = (_said_or_code(self.translator(), record) for _ in range(2))
            assert record == before, f"{story.name}: translating changed the record"
            assert first == second, f"{story.name}: translated twice it said two things"

    def test_every_time_carries_a_zone(self) -> None:
        for story, record in stories_of(self.connector).items():
            for said in _said_by(self.translator(), record):
                for moment in (said.effective_at, said.recorded_at):
                    assert moment is None or moment.utcoffset() is not None, f"{story.name}: a time without a zone"

    def test_a_fact_is_of_a_type_that_the_manifest_names(self) -> None:
        named = set(manifest_of(self.connector).events)
        for story, record in stories_of(self.connector).items():
            for said in _said_by(self.translator(), record):
                if isinstance(said, Fact):
                    assert said.event.model_fields["type"].default in named, (
                        f"{story.name}: a fact the manifest does not name"
                    )

    def test_whatever_stands_in_a_field_the_error_does_not_repeat_it(self) -> None:
        for story, record in stories_of(self.connector).items():
            for field, strange in product(record.values, _STRANGE):
                shifted = replace(record, values={**record.values, field: strange})
                assert strange not in _error_of(self.translator(), shifted), (
                    f"{story.name}: the error about {field} repeats what stands there"
                )

    # How it reads.

    def test_reading_twice_gives_the_same_positions_and_no_two_records_share_one(self, busy: Running) -> None:
        for dataset, batches in self.read_settled(busy).items():
            records = [record for batch in batches for record in batch.records]
            assert records, f"{dataset}: nothing to read, although people and tasks were put in"
            versions: dict[str, LegacyRecord] = {}
            for record in records:
                assert record.dataset == dataset, f"{dataset}: a record says it is of {record.dataset}"
                assert versions.setdefault(record.position, record) == record, (
                    f"{dataset}: two records share a position"
                )

    def test_reading_goes_on_from_any_checkpoint_without_loss(self, busy: Running) -> None:
        settled = self.read_settled(busy)
        with self.connected(busy) as connector:
            for dataset, batches in settled.items():
                checkpoints = [json.loads(json.dumps(batch.checkpoint)) for batch in batches]
                resumed = [_positions(connector.read(dataset, checkpoint)) for checkpoint in checkpoints]
                # The back office may have moved something after all: what has gone since is not lost.
                still_there = _positions(connector.read(dataset, None))
                for place, found in enumerate(resumed):
                    lost = (_positions(batches[place + 1 :]) & still_there) - found
                    assert not lost, (
                        f"{dataset}: {len(lost)} records lost after checkpoint {place + 1} of {len(batches)}"
                    )

    def test_every_record_it_reads_survives_being_set_aside(self, busy: Running) -> None:
        for batches in self.read_settled(busy).values():
            for record in (record for batch in batches for record in batch.records):
                assert decode_record(encode_record(record)) == record, "a record changes when it is kept as JSON"

    # How it writes.

    def test_an_instruction_applied_twice_is_written_once(self, quiet: Running) -> None:
        for place, work in enumerate(self.manifest().tasks):
            effect = raise_task(work, self.manifest(), place)
            before = self.effects_written(quiet.simulator)
            first = self.apply_once(quiet, effect)
            again = self.apply_once(quiet, effect)
            assert first.status is TaskStatus.ACCEPTED or first.status is TaskStatus.COMPLETED, (
                f"{work}: {first.status}"
            )
            assert first.reference != effect.key, f"{work}: the receipt gives our own key for the system's reference"
            assert again == first, f"{work}: applied again it gave another receipt"
            assert self.effects_written(quiet.simulator) - before == 1, f"{work}: not written once"

    def test_a_change_and_a_withdrawal_reach_the_work_they_are_about(self, quiet: Running) -> None:
        for place, work in enumerate(self.manifest().tasks):
            raised = raise_task(work, self.manifest(), place)
            reference = self.apply_once(quiet, raised).reference
            for instruction in (change_of(raised), withdrawal_of(raised)):
                effect = Effect(
                    key=instruction.id.hex,
                    case=raised.case,
                    instruction=instruction,
                    earlier=reference,
                    raised_as=raised.key,
                )
                before = self.effects_written(quiet.simulator)
                first, again = self.apply_once(quiet, effect), self.apply_once(quiet, effect)
                assert again == first, f"{work}: {instruction.type} applied again gave another receipt"
                assert self.effects_written(quiet.simulator) - before <= 1, (
                    f"{work}: {instruction.type} was written twice"
                )
                if instruction.type == "task.withdrawn.v1":
                    assert first.status in {TaskStatus.CANCELLED, TaskStatus.ACCEPTED}, (
                        f"{work}: withdrawal {first.status}"
                    )

    def test_instructions_written_together_have_the_receipts_of_each_by_itself_and_are_written_once(
        self, quiet: Running
    ) -> None:
        effects = [raise_task(work, self.manifest(), place) for place, work in enumerate(self.manifest().tasks)]
        before = self.effects_written(quiet.simulator)
        with self.connected(quiet) as connector:
            alone = connector.apply(effects[0])
            first, again = list(connector.apply_together(effects)), list(connector.apply_together(effects))
            each = [connector.apply(effect) for effect in effects]
        assert first[0] == alone, "of one that was written before, it gave another receipt"
        assert again == first, "applied together again, they gave other receipts"
        assert each == first, "applied by itself, one that was written with others gave another receipt"
        written = self.effects_written(quiet.simulator) - before
        assert written == len(effects), f"{len(effects)} instructions were written {written} times"

    def test_of_instructions_written_together_nothing_is_written_where_one_fails(self, quiet: Running) -> None:
        effects = [raise_task(work, self.manifest(), place) for place, work in enumerate(self.manifest().tasks)]
        before = self.effects_written(quiet.simulator)
        with self.connected(quiet) as connector:
            with pytest.raises(TranslationError):
                connector.apply(self.effect_that_fails())
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it raises, each is applied by itself then
                connector.apply_together([*effects, self.effect_that_fails()])
        written = self.effects_written(quiet.simulator) - before
        assert written == 0, f"one of them failed, and {written} were written"

    def test_an_instruction_about_nobody_who_is_known_is_answered_in_words_that_a_case_can_hold(
        self, quiet: Running
    ) -> None:
        for work in self.manifest().tasks:
            for facts in (Facts(), facts_for(STRANGER)):
                effect = raise_task(work, self.manifest(), facts=facts)
                with suppress(TranslationError):
                    receipt = self.apply_once(quiet, effect)
                    assert receipt.status is not TaskStatus.CANCELLED, f"{work}: cancelled, which nobody asked for"

    def test_an_instruction_whose_answer_is_lost_is_never_called_one_that_did_not_leave(self, quiet: Running) -> None:
        for place, work in enumerate(self.manifest().tasks):
            before = self.effects_written(quiet.simulator)
            self.lose_the_next_answer(quiet.simulator)
            with self.connected(quiet, timeout_s=2) as connector, pytest.raises(Exception) as caught:  # noqa: PT011 - any but three
                connector.apply(raise_task(work, self.manifest(), place))
            assert self.effects_written(quiet.simulator) - before == 1, (
                f"{work}: the answer was lost, and so was the work"
            )
            assert not isinstance(caught.value, RetryLater | TranslationError | ConfigurationError), (
                f"{work}: it was carried out, and {type(caught.value).__name__} says that nothing had left"
            )

    # What it does when things go wrong.

    def test_it_says_that_it_reaches_its_system(self, quiet: Running) -> None:
        with self.connected(quiet) as connector:
            connector.check()

    def test_a_legacy_system_that_is_away_is_waited_for(self, quiet: Running) -> None:
        manifest = self.manifest()
        with self.connected(quiet, timeout_s=1) as connector:
            self.take_away(quiet)
            with pytest.raises(RetryLater):
                connector.check()
            for dataset in manifest.reads:
                with pytest.raises(RetryLater):
                    list(connector.read(dataset, None))
            for place, work in enumerate(manifest.tasks):
                with pytest.raises(RetryLater):
                    connector.apply(raise_task(work, manifest, place))

    def test_a_wrong_password_is_a_matter_of_settings(self, quiet: Running) -> None:
        wrong = self.wrong_password(quiet.simulator.connector_settings())
        connector = self.connector(self.settings_from(wrong))
        try:
            with pytest.raises(ConfigurationError):
                connector.check()
        finally:
            connector.close()

    def test_nothing_about_a_person_is_logged_or_said_in_an_error(
        self, busy: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            said = [str(error) for error in self._errors_of_a_working_day(busy)]
        for word in PERSONAL_WORDS:
            assert word not in caplog.text, "a log line holds something about a person"
            assert not any(word in message for message in said), "an error holds something about a person"

    def _errors_of_a_working_day(self, running: Running) -> Iterator[ConnectorError]:
        """Every error of: applying all work, reading and translating everything, and the same with the system away."""
        manifest = self.manifest()
        effects = [raise_task(work, manifest, place) for place, work in enumerate(manifest.tasks)]
        with self.connected(running, timeout_s=1) as connector:
            for away in (False, True):
                if away:
                    self.take_away(running)
                steps = [partial(connector.apply, effect) for effect in effects]
                steps += [partial(_read_and_translate, connector, name) for name in manifest.reads]
                for step in steps:
                    try:
                        step()
                    except ConnectorError as error:
                        yield error


_SOURCE_CHECKS = frozenset(
    {
        "test_every_fixture_says_exactly_what_is_written_beside_it",
        "test_an_unmapped_code_is_among_the_fixtures",
        "test_what_a_record_says_depends_on_nothing_but_the_record",
        "test_every_time_carries_a_zone",
        "test_a_fact_is_of_a_type_that_the_manifest_names",
        "test_whatever_stands_in_a_field_the_error_does_not_repeat_it",
        "test_reading_twice_gives_the_same_positions_and_no_two_records_share_one",
        "test_reading_goes_on_from_any_checkpoint_without_loss",
        "test_every_record_it_reads_survives_being_set_aside",
    }
)
_SINK_CHECKS = frozenset(
    {
        "test_an_instruction_applied_twice_is_written_once",
        "test_a_change_and_a_withdrawal_reach_the_work_they_are_about",
        "test_an_instruction_about_nobody_who_is_known_is_answered_in_words_that_a_case_can_hold",
    }
)


_CHECKS_OF_TOGETHER = frozenset(
    {
        "test_instructions_written_together_have_the_receipts_of_each_by_itself_and_are_written_once",
        "test_of_instructions_written_together_nothing_is_written_where_one_fails",
    }
)
_CHECKS_OF_CLASS_D = frozenset({"test_an_instruction_whose_answer_is_lost_is_never_called_one_that_did_not_leave"})


def _positions(batches: Any) -> set[str]:
    return {record.position for batch in batches for record in batch.records}


def _read_and_translate(connector: Any, dataset: str) -> None:
    for batch in connector.read(dataset, None):
        for record in batch.records:
            list(connector.translate(record))


def _said_by(translator: Any, record: LegacyRecord) -> list[Said]:
    """What a record says; nothing where it is a fixture of an error."""
    try:
        return list(translator.translate(record))
    except TranslationError:
        return []


def _said_or_code(translator: Any, record: LegacyRecord) -> Any:
    try:
        return said_as_json(translator.translate(record))
    except TranslationError as error:
        return error.code


def _error_of(translator: Any, record: LegacyRecord) -> str:
    try:
        list(translator.translate(record))
    except TranslationError as error:
        return str(error)
    return ""


def _beside(story: Path, what: str) -> Path:
    return story.with_name(f"{story.name}.{what}.json")
