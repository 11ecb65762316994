"""For each check of the suite, the good connector made wrong in just that way: the check must say so, and for that reason."""

import inspect
import shutil
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from connectors.sdk.conformance import BUSY, QUIET, ConnectorConformance
from connectors.sdk.errors import ConfigurationError
from connectors.sdk.rehearsal import Running

SITE = Path(__file__).parent / "site"

QUOTE = """
    if len(str(record.values["status"])) > 9:
        from connectors.sdk import TranslationError

        raise TranslationError(f"odd: {record.values}")
"""
NAME = """
    if str(record.values["kind"]).isalpha() and record.values["kind"] not in meanings.kind.codes:
        from connectors.sdk import TranslationError

        raise TranslationError(f"odd: {record.values['kind']}")
"""
LOG = """
        __import__("logging").getLogger("register").warning("%s", effect.instruction.data.facts)
"""

TOGETHER = """
    def apply_together(self, effects):
        return [self.find(effect) or self.apply(effect) for effect in effects]

    def find("""
FORGETFUL = TOGETHER.replace("self.find(effect) or ", "")

WRONG = {
    "the folder has another name than the manifest": (
        "test_the_manifest_the_folder_and_the_entry_point_agree",
        ("manifest.toml", 'name = "paper_register"', 'name = "card_index"'),
        "name is not the folder's name",
    ),
    "the manifest forgets what the class can do": (
        "test_the_manifest_the_folder_and_the_entry_point_agree",
        ("manifest.toml", 'effect_class = "B"', 'effect_class = "A"'),
        "effect_class",
    ),
    "the example has a word that is no setting": (
        "test_the_example_settings_load",
        ("example.toml", "poll_every_s", "poll_evry_s"),
        "no such setting",
    ),
    "any setting goes": (
        "test_an_unknown_setting_is_answered_with_the_nearest_known_one",
        ("mapping.py", '    """Codes and habits of a register."""\n', '    """Codes."""\n\n    model_config = {"extra": "ignore"}\n'),
        "DID NOT RAISE",
    ),
    "a code table is called otherwise": (
        "test_each_code_table_is_called_what_its_setting_is_called",
        ("mapping.py", 'name="kind"', 'name="sort"'),
        "sort",
    ),
    "it says something else": (
        "test_every_fixture_says_exactly_what_is_written_beside_it",
        ("mapping.py", "subject=record.key", 'subject="1"'),
        "job-done",
    ),
    "a fixture has no partner": (
        "test_every_fixture_says_exactly_what_is_written_beside_it",
        ("fixtures/job-draft.said.json", None, None),
        "wants .said.json or .error.json",
    ),
    "nobody showed what an unmapped code does": (
        "test_an_unmapped_code_is_among_the_fixtures",
        ("fixtures/job-of-a-new-status.error.json", "unmapped-code", "bad-date"),
        "no fixture shows",
    ),
    "translating strips the record itself": (
        "test_what_a_record_says_depends_on_nothing_but_the_record",
        ("mapping.py", "    changed = ", '    record.values["kind"] = "HC"\n    changed = '),
        "changed the record",
    ),
    "translating asks the clock": (
        "test_what_a_record_says_depends_on_nothing_but_the_record",
        ("mapping.py", "subject=record.key", "subject=str(__import__('time').perf_counter_ns())"),
        "said two things",
    ),
    "a time has no zone": (
        "test_every_time_carries_a_zone",
        ("mapping.py", 'meanings.moments.required(record, "changed")', 'meanings.moments.required(record, "changed").replace(tzinfo=None)'),
        "without a zone",
    ),
    "a fact is not in the manifest": (
        "test_a_fact_is_of_a_type_that_the_manifest_names",
        ("manifest.toml", 'events = ["housing.works-order-changed.v1"]', 'events = ["housing.tenancy-ended.v1"]'),
        "the manifest does not name",
    ),
    "an error quotes the record": (
        "test_whatever_stands_in_a_field_the_error_does_not_repeat_it",
        ("mapping.py", "    status = meanings", QUOTE + "    status = meanings"),
        "repeats what stands there",
    ),
    "an error quotes one short name": (
        "test_whatever_stands_in_a_field_the_error_does_not_repeat_it",
        ("mapping.py", "    status = meanings", NAME + "    status = meanings"),
        "repeats what stands there",
    ),
    "positions move": (
        "test_reading_twice_gives_the_same_positions_and_no_two_records_share_one",
        ("connector.py", """position=f"{values['number']}|{values['version']}\"""", "position=os.urandom(8).hex()"),
        "never gave the same positions twice",
    ),
    "two records share a position": (
        "test_reading_twice_gives_the_same_positions_and_no_two_records_share_one",
        ("connector.py", """position=f"{values['number']}|{values['version']}\"""", 'position="1"'),
        "share a position",
    ),
    "a checkpoint runs ahead": (
        "test_reading_goes_on_from_any_checkpoint_without_loss",
        ("connector.py", 'checkpoint={"version": version}', 'checkpoint={"version": 999}'),
        "records lost after checkpoint",
    ),
    "a value cannot be kept": (
        "test_every_record_it_reads_survives_being_set_aside",
        ("connector.py", "    return LegacyRecord(", '    values["weight"] = complex(1)\n    return LegacyRecord('),
        "complex",
    ),
    "an instruction is written twice": (
        "test_an_instruction_applied_twice_is_written_once",
        ("connector.py", "        return row and Receipt(", "        return None and Receipt("),
        "another receipt",
    ),
    "a refusal has no end": (
        "test_an_instruction_about_nobody_who_is_known_is_answered_in_words_that_a_case_can_hold",
        ("connector.py", "return Receipt(status=status, reference=str(job))", 'return Receipt(status=status, reason="no " * 99)'),
        "The reason of a receipt has 297 characters",
    ),
    "a receipt shows people our own key": (
        "test_an_instruction_applied_twice_is_written_once",
        ("connector.py", "return Receipt(status=status, reference=str(job))", "return Receipt(status=status, reference=effect.key)"),
        "our own key",
    ),
    "instructions that are written together are written again": (
        "test_instructions_written_together_have_the_receipts_of_each_by_itself_and_are_written_once",
        ("connector.py", "    def find(", FORGETFUL),
        "it gave another receipt",
    ),
    "instructions are written together one by one": (
        "test_of_instructions_written_together_nothing_is_written_where_one_fails",
        ("connector.py", "    def find(", TOGETHER),
        "one of them failed, and 2 were written",
    ),
    "a withdrawal is not understood": (
        "test_a_change_and_a_withdrawal_reach_the_work_they_are_about",
        ("connector.py", "if withdrawn else TaskStatus.ACCEPTED", "if withdrawn and False else TaskStatus.ACCEPTED"),
        "another receipt",
    ),
    "it cannot reach its system": (
        "test_it_says_that_it_reaches_its_system",
        ("connector.py", "?mode=rw", "?mode=nonsense"),
        "cannot be opened",
    ),
    "a system that is away is a crash": (
        "test_a_legacy_system_that_is_away_is_waited_for",
        ("connector.py", 'raise RetryLater("The register cannot be opened.") from error', "raise"),
        "unable to open",
    ),
    "a wrong password is nobody's fault": (
        "test_a_wrong_password_is_a_matter_of_settings",
        ("quality.toml", "test_a_wrong_password_is_a_matter_of_settings = ", "# test_a_wrong_password = "),
        "override wrong_password",
    ),
    "a name is logged": (
        "test_nothing_about_a_person_is_logged_or_said_in_an_error",
        ("connector.py", "        code = self.settings", LOG + "        code = self.settings"),
        "a log line holds something about a person",
    ),
}  # fmt: skip
WRONG_OF_CLASS_D = {
    "a lost answer is called an instruction that did not leave": (
        "test_an_instruction_whose_answer_is_lost_is_never_called_one_that_did_not_leave",
        (
            "connector.py",
            'raise OutcomeUnknown(\n                f"The form of',
            'raise RetryLater(\n                f"The form of',
        ),
        "RetryLater says that nothing had left",
    ),
    "the suite cannot make the system lose an answer": (
        "test_an_instruction_whose_answer_is_lost_is_never_called_one_that_did_not_leave",
        ("simulator.py", "if unread or booked:", "if unread:"),
        "DID NOT RAISE",
    ),
}


@pytest.mark.parametrize("story", WRONG, ids=[story.replace(" ", "-") for story in WRONG])
def test_a_wrong_connector_is_found_out(story: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    check, (file, old, new), reason = WRONG[story]
    suite = suite_for(wrong(tmp_path, file, old, new))

    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        run(suite, check, tmp_path, caplog)

    assert reason in str(caught.value)


@pytest.mark.parametrize("story", WRONG_OF_CLASS_D, ids=[story.replace(" ", "-") for story in WRONG_OF_CLASS_D])
def test_a_wrong_connector_of_class_d_is_found_out(
    story: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check, (file, old, new), reason = WRONG_OF_CLASS_D[story]
    package = wrong(tmp_path, file, old, new, of="taxi_firm")

    class Suite(ConnectorConformance):
        connector = package.connector.TaxiFirm
        simulator = package.simulator.TaxiFirmSimulator

        def effects_written(self, simulator: Any) -> int:
            return int(simulator.entries())

        def lose_the_next_answer(self, simulator: Any) -> None:
            simulator.trouble("reset-booked")

    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        run(Suite(), check, tmp_path, caplog)

    assert reason in str(caught.value)


def test_every_check_of_the_suite_has_a_connector_that_it_finds_out() -> None:
    checks = {name for name in dir(ConnectorConformance) if name.startswith("test_")}

    assert checks == {check for check, _, _ in (*WRONG.values(), *WRONG_OF_CLASS_D.values())}


def test_only_a_connector_of_class_d_is_asked_what_it_makes_of_a_lost_answer(tmp_path: Path) -> None:
    suite = suite_for(wrong(tmp_path, "connector.py", "The register is away.", "It is away."))

    check = "test_an_instruction_whose_answer_is_lost_is_never_called_one_that_did_not_leave"
    assert getattr(suite, check, None) is None


def test_only_a_connector_that_offers_to_write_together_is_asked_to(tmp_path: Path) -> None:
    suite = suite_for(wrong(tmp_path, "connector.py", "The register is away.", "It is away."))

    check = "test_of_instructions_written_together_nothing_is_written_where_one_fails"
    assert getattr(suite, check, None) is None


def test_an_exemption_from_a_check_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    package = wrong(tmp_path, "quality.toml", "test_a_wrong_password", "test_a_rwong_password")

    with pytest.raises(ConfigurationError, match="exempts checks that do not exist"):
        suite_for(package)


def test_a_connector_that_only_reads_is_not_asked_to_write(tmp_path: Path) -> None:
    package = wrong(
        tmp_path, "connector.py", "SourceConnector[Settings], SinkConnector[Settings]", "SourceConnector[Settings]"
    )

    suite = suite_for(package)

    assert getattr(suite, "test_an_instruction_applied_twice_is_written_once", None) is None
    assert suite.test_reading_goes_on_from_any_checkpoint_without_loss is not None


def wrong(tmp_path: Path, file: str, old: str | None, new: str | None, of: str = "paper_register") -> ModuleType:
    """A good connector's folder, copied with one text replaced (or one file left out), imported under a name of its own."""
    folder = tmp_path / of
    shutil.copytree(SITE / of, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if old is None or new is None:
        (folder / file).unlink()
    else:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has changed: {old!r} is not in it"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    name = f"wrong_{uuid4().hex}"
    spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(package)
    import_module(f"{name}.connector")
    import_module(f"{name}.simulator")
    return package


def suite_for(package: ModuleType) -> ConnectorConformance:
    class Suite(ConnectorConformance):
        connector = package.connector.PaperRegister
        simulator = package.simulator.PaperRegisterSimulator
        settle_within_s = 0.5

        def effects_written(self, simulator: Any) -> int:
            entries: int = simulator.entries()
            return entries

        def take_away(self, running: Running) -> None:
            running.stop()
            (running.simulator.folder / "register.db").rename(running.simulator.folder / "elsewhere.db")

    return Suite()


def run(suite: ConnectorConformance, check: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One check, with what pytest would give it."""
    method = getattr(suite, check)
    wanted = set(inspect.signature(method).parameters)
    given = {"caplog": caplog} if "caplog" in wanted else {}
    for name, office in (("quiet", QUIET), ("busy", BUSY)):
        if name in wanted:
            with suite.running(tmp_path / "system", office) as running:
                method(**given, **{name: running})
            return
    method(**given)
