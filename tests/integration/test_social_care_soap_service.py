"""The social-care connector against its simulated service: real SOAP on loopback, and every way a call can end."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid5

import pytest
import requests

from connectors.sdk.contract import Effect, Fact, Instruction, Progress, Receipt
from connectors.sdk.errors import ConfigurationError, ContractBroken, OutcomeUnknown, RetryLater, TranslationError
from connectors.sdk.settings import load_settings
from connectors.sdk.simulation import BackOffice, Citizen
from connectors.social_care_soap.client import Refused
from connectors.social_care_soap.connector import Settings, SocialCareSoap
from connectors.social_care_soap.simulated.records import Codes
from connectors.social_care_soap.simulated.soap import Trouble
from connectors.social_care_soap.simulator import SocialCareSimulator
from schemas.envelope import Department
from schemas.facts import Facts, Mobility
from schemas.references import case_reference
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskStatus, TaskWithdrawal, TaskWithdrawn, Work

MORNING = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
NEVER = BackOffice(accept_s=1e9)
AT_ONCE = BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)
BRACKENFOLD = Path(__file__).parents[2] / "deploy/connectors/social_care_soap.brackenfold.example.toml"
ZERO_FIRST = "0123456789"
"""An NHS number that loses its zero where it is kept as a number."""


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: datetime) -> None:
        self.at = at.timestamp()

    def __call__(self) -> float:
        return self.at

    def passes(self, time: timedelta) -> None:
        self.at += time.total_seconds()


def citizen(**others: Any) -> Citizen:
    fields: dict[str, Any] = {
        "title": "Mx",
        "forename": "Zoë",
        "surname": "Müller & Quill",
        "date_of_birth": date(1941, 2, 3),
        "nhs_number": "9990000018",
        "phone": "01632 960771",
        "uprn": "99000000041",
        "address": "1 Rookery Row, Nettlebourne",
        "postcode": "LE1 6ZZ",
        "easting": 458_601,
        "northing": 304_401,
        "property_ref": "00000091",
        "tenancy_ref": "000091/01",
        "social_care_id": "700012",
        "mobility": Mobility.WALKS,
        "steps_at_door": 2,
        "keysafe_present": False,
        "care_visits_a_day": 3,
    }
    return Citizen(**(fields | others))


@contextmanager
def serving(simulator: SocialCareSimulator) -> Iterator[None]:
    ready, stop = Event(), Event()
    thread = Thread(target=simulator.serve, args=(ready.set, stop))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def connected(simulator: SocialCareSimulator, clock: Clock | None = None, **others: Any) -> Iterator[SocialCareSoap]:
    table = {**simulator.connector_settings(), "settle_s": 0, "timeout_s": 10, **others}
    settings = load_settings(Settings, table, "[connectors.social_care_soap]")
    connector = SocialCareSoap(settings, clock) if clock else SocialCareSoap(settings)
    try:
        yield connector
    finally:
        connector.close()


def journal_of(simulator: SocialCareSimulator) -> list[dict[str, Any]]:
    return [json.loads(line) for line in simulator.journal.read_text(encoding="utf-8").splitlines()]


def effect_of(kind: type[Instruction], name: str, data: Task | TaskWithdrawal, earlier: str | None = None) -> Effect:
    case = case_reference(MORNING, name)
    event = kind(
        id=uuid5(UUID(int=0), f"{kind.__name__}|{name}"),
        source="/E06000999/worker",
        correlationid=case,
        partitionkey=case,
        council="E06000999",
        time=MORNING,
        effectiveat=MORNING,
        data=data,
    )
    return Effect(key=event.id.hex, case=case, instruction=event, earlier=earlier)


def assessment(facts: Facts | None = None, due: datetime | None = None) -> Task:
    return Task(
        task="assess-care",
        department=Department.SOCIAL_CARE,
        work=Work.CARE_ASSESSMENT,
        asks="What care is needed at home?",
        due=due,
        facts=facts or Facts(social_care_id="700012"),
    )


def raised(name: str = "first", facts: Facts | None = None) -> Effect:
    return effect_of(TaskRaised, name, assessment(facts))


def changed(name: str, earlier: str | None) -> Effect:
    return effect_of(TaskChanged, name, assessment(due=MORNING + timedelta(days=4)), earlier)


def withdrawn(name: str, earlier: str | None) -> Effect:
    data = TaskWithdrawal(
        task="assess-care", department=Department.SOCIAL_CARE, work=Work.CARE_ASSESSMENT, undo="Stop, nothing to undo"
    )
    return effect_of(TaskWithdrawn, name, data, earlier)


def all_records(connector: SocialCareSoap, after: Mapping[str, Any] | None = None) -> list[Any]:
    return [record for batch in connector.read("referrals", after) for record in batch.records]


@pytest.fixture
def clock() -> Clock:
    return Clock(MORNING)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def simulator(tmp_path: Path, clock: Clock, trouble: Trouble) -> Iterator[SocialCareSimulator]:
    simulator = SocialCareSimulator(tmp_path / "casebrook", NEVER, clock=clock, trouble=trouble)
    simulator.seed([citizen(), citizen(social_care_id=None, nhs_number="9990000026")])
    with serving(simulator):
        yield simulator


# --- sessions


def test_a_session_that_ends_in_mid_run_is_begun_anew_and_nothing_is_done_twice(
    simulator: SocialCareSimulator, clock: Clock
) -> None:
    ours = Clock(MORNING)  # stands still: the hub cannot know that the service's half hour is over
    with connected(simulator, ours) as connector:
        first = connector.apply(raised("first"))
        clock.passes(timedelta(minutes=31))
        second = connector.apply(raised("second"))

    assert [first.reference, second.reference] == ["R0000001", "R0000002"]
    assert [line["did"] for line in journal_of(simulator)] == ["create", "create"]


def test_a_session_is_renewed_before_it_ends(simulator: SocialCareSimulator, clock: Clock) -> None:
    with connected(simulator, clock) as connector:
        connector.check()
        before = connector._casebrook._token
        clock.passes(timedelta(minutes=28))
        all_records(connector)
        assert connector._casebrook._token == before

        clock.passes(timedelta(minutes=1))
        all_records(connector)

        assert connector._casebrook._token != before


def test_a_restarted_service_has_forgotten_the_session_and_is_signed_in_to_again(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen()])
    with serving(simulator), connected(simulator) as connector:
        assert connector.apply(raised("first")).reference == "R0000001"
        kept = connector._casebrook._token
    with serving(simulator), connected(simulator) as connector:
        connector.check()
        connector._casebrook._token = kept
        assert connector.apply(raised("second")).reference == "R0000002"


def test_a_wrong_password_names_the_setting_and_not_the_password(simulator: SocialCareSimulator) -> None:
    with (
        connected(simulator, password="opensesame") as connector,
        pytest.raises(ConfigurationError, match=r"Mend username or password in the connector's settings\.") as caught,
    ):
        connector.check()
    assert "opensesame" not in str(caught.value)


# --- errors, inside a 200 and beside it


def test_busy_inside_a_200_is_waited_for_and_nothing_was_written(
    simulator: SocialCareSimulator, trouble: Trouble
) -> None:
    with connected(simulator) as connector:
        trouble.busy = 1
        with pytest.raises(RetryLater, match=r"busy"):
            connector.apply(raised())
        assert journal_of(simulator) == []

        assert connector.apply(raised()).status is TaskStatus.ACCEPTED


def test_a_refusal_inside_a_200_is_a_receipt_with_a_reason_in_our_words(simulator: SocialCareSimulator) -> None:
    with connected(simulator, referral_type={"codes": {"XX": "care-assessment"}}) as connector:
        receipt = connector.apply(raised())

    assert receipt == Receipt(
        status=TaskStatus.REJECTED, reason="the social-care system does not take this type of referral"
    )
    assert journal_of(simulator) == []


def test_a_text_wider_than_its_column_is_refused_by_the_service(simulator: SocialCareSimulator) -> None:
    wide = Facts(social_care_id="700012", address="9" * 200, to_address="8" * 200, location_text="7" * 200)
    with connected(simulator, details={"width": 2000}) as connector:
        assert connector.apply(raised(facts=wide)).reason == "a text is too long for the social-care system"
    with connected(simulator) as connector:
        assert connector.apply(raised(facts=wide)).status is TaskStatus.ACCEPTED


def test_a_service_that_stopped_is_waited_for(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen()])
    with connected_while_serving(simulator) as connector:
        connector.check()
    with pytest.raises(RetryLater, match=r"Is Casebrook running\?"):
        connector.apply(raised())
    with pytest.raises(RetryLater):
        all_records(connector)
    connector.close()


@contextmanager
def connected_while_serving(simulator: SocialCareSimulator) -> Iterator[SocialCareSoap]:
    with serving(simulator):
        settings = load_settings(Settings, simulator.connector_settings(), "[connectors.social_care_soap]")
        yield SocialCareSoap(settings)


def test_a_web_page_instead_of_soap_is_told_apart_by_its_status(
    simulator: SocialCareSimulator, trouble: Trouble
) -> None:
    with connected(simulator) as connector:
        connector.check()
        trouble.web_page = 503
        with pytest.raises(RetryLater, match=r"HTTP 503"):
            all_records(connector)
        trouble.web_page = 200
        with pytest.raises(ContractBroken, match=r"a sign-in page in front of it"):
            all_records(connector)
        trouble.web_page = 404
        with pytest.raises(ConfigurationError, match=r"Mend url"):
            all_records(connector)


def test_a_web_page_after_a_create_was_sent_proves_nothing(simulator: SocialCareSimulator, trouble: Trouble) -> None:
    with connected(simulator) as connector:
        connector.check()
        assert connector._person_for(Facts(social_care_id="700012")) == {"PersonId": "700012"}
        trouble.web_page = 503
        with pytest.raises(OutcomeUnknown):
            connector._casebrook.create(
                {"ReferralType": "ASMT", "PersonId": "700012", "LoggedDate": "03/11/2026 09:00:00"}
            )


def test_a_request_out_of_order_is_a_fault_of_the_client(simulator: SocialCareSimulator) -> None:
    tns = "http://casebrook.invalid/ReferralService/2009/04"
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<Login xmlns="{tns}"><Password>x</Password><UserName>y</UserName></Login></s:Body></s:Envelope>'
    )
    answer = requests.post(simulator.connector_settings()["url"], data=envelope, timeout=10)

    assert answer.status_code == 500
    assert "soap:Client" in answer.text


def test_the_service_publishes_its_wsdl_with_its_own_address(simulator: SocialCareSimulator) -> None:
    url = simulator.connector_settings()["url"]

    wsdl = requests.get(f"{url}?wsdl", timeout=10).text

    assert f'<soap:address location="{url}"/>' in wsdl


def test_a_malformed_question_stops_the_connector_and_a_malformed_write_only_itself(
    simulator: SocialCareSimulator,
) -> None:
    with connected(simulator) as connector:
        with pytest.raises(ContractBroken, match=r"error 2103 to a question"):
            connector._casebrook.referrals_since("yesterday", 1)
        with pytest.raises(Refused, match=r"BAD_DATE"):
            connector._casebrook.create({"ReferralType": "ASMT", "PersonId": "700012", "LoggedDate": "yesterday"})
        with pytest.raises(TranslationError, match=r"the request cannot be written as the WSDL wants it"):
            connector._casebrook.create({"ReferralType": "ASMT", "PersonId": "700012"})


# --- an uncertain write


def test_an_uncertain_create_is_looked_up_and_not_repeated(simulator: SocialCareSimulator, trouble: Trouble) -> None:
    trouble.lose_reply_of_create = {1}
    with connected(simulator) as connector:
        with pytest.raises(OutcomeUnknown):
            connector.apply(raised())

        found = connector.find(raised())

    assert found == Receipt(status=TaskStatus.ACCEPTED, reference="R0000001")
    assert [(line["did"], line["external_reference"]) for line in journal_of(simulator)] == [("create", raised().key)]


def test_the_service_itself_would_make_two_of_a_create_that_is_repeated_blindly(
    simulator: SocialCareSimulator, trouble: Trouble
) -> None:
    trouble.lose_reply_of_create = {1}
    with connected(simulator) as connector:
        with pytest.raises(OutcomeUnknown):
            connector.apply(raised())
        connector.apply(raised())

        assert connector.find(raised()) == Receipt(status=TaskStatus.ACCEPTED, reference="R0000001")

    assert [line["external_reference"] for line in journal_of(simulator)] == [raised().key] * 2


def test_an_answer_that_takes_too_long_leaves_a_create_uncertain(
    simulator: SocialCareSimulator, trouble: Trouble
) -> None:
    trouble.hold = Event()
    with connected(simulator, timeout_s=0.3) as connector:
        with pytest.raises(OutcomeUnknown, match=r"ReadTimeout"):
            connector.apply(raised())
        trouble.hold.set()
        found = connector.find(raised())

    assert found is not None
    assert found.reference == "R0000001"


def test_a_create_that_never_arrived_is_not_found(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        assert connector.find(raised()) is None


def test_a_change_and_a_cancellation_are_found_by_their_own_reference(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        number = connector.apply(raised()).reference
        for effect, status in (
            (changed("first", number), TaskStatus.ACCEPTED),
            (withdrawn("first", number), TaskStatus.CANCELLED),
        ):
            assert connector.find(effect) is None
            assert connector.apply(effect) == Receipt(status=status, reference=number)
            assert connector.find(effect) == Receipt(status=status, reference=number)

    assert [line["did"] for line in journal_of(simulator)] == ["create", "amend", "cancel"]


# --- changes that come late


def test_a_change_older_than_what_is_there_is_sent_again_to_count_from_now(
    simulator: SocialCareSimulator, clock: Clock
) -> None:
    with connected(simulator) as connector:
        number = connector.apply(raised()).reference
        # Asked for in the same second as the referral: the service calls that not later.
        assert connector.apply(changed("first", number)) == Receipt(status=TaskStatus.ACCEPTED, reference=number)

    assert [line["did"] for line in journal_of(simulator)] == ["create", "amend"]


def test_a_change_of_a_referral_that_ended_changes_nothing_and_outranks_nothing(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        number = connector.apply(raised()).reference
        connector.apply(withdrawn("first", number))

        assert connector.apply(changed("first", number)).status is TaskStatus.ACCEPTED
        assert connector.apply(withdrawn("again", number)).status is TaskStatus.CANCELLED

    assert [line["did"] for line in journal_of(simulator)] == ["create", "cancel"]


def test_what_was_never_there_is_withdrawn_without_a_call(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        assert connector.apply(withdrawn("first", None)) == Receipt(status=TaskStatus.CANCELLED)
        assert connector.apply(changed("first", None)).status is TaskStatus.REJECTED

    assert journal_of(simulator) == []


# --- whose referral it is


def test_a_person_is_found_by_an_nhs_number_that_lost_its_zero(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen(nhs_number=ZERO_FIRST)])
    with serving(simulator), connected(simulator) as connector:
        connector.apply(raised(facts=Facts(nhs_number=ZERO_FIRST, date_of_birth=date(1941, 2, 3))))

        (record,) = all_records(connector)

    assert record.values["PersonId"] == "700012"


def test_nobody_elses_record_is_written_to(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        receipt = connector.apply(raised(facts=Facts(social_care_id="700012", date_of_birth=date(1950, 1, 1))))

    assert receipt.status is TaskStatus.REJECTED
    assert receipt.reason == "the person on record in social care has another NHS number or date of birth"
    assert journal_of(simulator) == []


def test_two_people_under_one_nhs_number_are_left_to_a_person(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen(), citizen(social_care_id="700013")])
    with serving(simulator), connected(simulator) as connector:
        receipt = connector.apply(raised(facts=Facts(nhs_number="9990000018")))

    assert receipt.reason == "several people are on record in social care under this NHS number"


def test_a_person_not_on_record_is_opened_with_name_and_date_of_birth(simulator: SocialCareSimulator) -> None:
    stranger = Facts(person_name="Zoë Müller & Quill", date_of_birth=date(1952, 12, 31), nhs_number="9990000026")
    with connected(simulator) as connector:
        connector.apply(raised(facts=stranger))
        (person,) = connector._casebrook.people(nhs_number=9990000026)
        again = connector._person_for(stranger)

    assert (person["FullName"], person["DateOfBirth"]) == ("Zoë Müller & Quill", "31/12/1952")
    assert again == {"PersonId": person["PersonId"]}


def test_a_person_without_name_or_number_is_refused(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        receipt = connector.apply(raised(facts=Facts(phone="01632 960771")))

    assert (
        receipt.reason
        == "the person is not on record in social care, and neither a name nor a home was given to open a record"
    )


# --- reading


def test_none_one_and_several_referrals_are_all_read_as_a_list(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        lengths = [len(all_records(connector))]
        for name in ("first", "second", "third"):
            connector.apply(raised(name))
            lengths.append(len(all_records(connector)))

    assert lengths == [0, 1, 2, 3]


def test_no_note_name_or_need_is_taken_out_of_a_referral(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        connector.apply(raised())
        (record,) = all_records(connector)

    assert "Details" not in record.values
    assert "FullName" not in record.values
    assert "Müller" not in str(dict(record.values))


def test_more_referrals_than_a_page_holds_are_read_to_the_end_and_from_any_checkpoint(
    simulator: SocialCareSimulator, clock: Clock
) -> None:
    with connected(simulator) as connector:
        for number in range(120):
            connector.apply(raised(f"referral {number}"))
            if number >= 60:  # the first sixty change within one second, which is more than a page
                clock.passes(timedelta(seconds=1))
        batches = list(connector.read("referrals", None))
        everything = {record.position for batch in batches for record in batch.records}

        assert len(everything) == 120
        assert len(batches) >= 3
        done: set[str] = set()
        for batch in batches:
            done |= {record.position for record in batch.records}
            left = {record.position for record in all_records(connector, json.loads(json.dumps(batch.checkpoint)))}
            assert left | done == everything
        assert left == set()


def test_a_referral_that_changes_while_pages_are_read_hides_no_other(
    simulator: SocialCareSimulator, clock: Clock
) -> None:
    with connected(simulator) as connector, connected(simulator) as officer:
        for number in range(75):
            connector.apply(raised(f"referral {number}"))
            clock.passes(timedelta(seconds=1))
        reading = connector.read("referrals", None)
        keys = {record.key for record in next(reading).records}
        officer.apply(changed("referral 0", "R0000001"))

        keys |= {record.key for batch in reading for record in batch.records}

    assert len(keys) == 75


def test_a_change_in_the_hour_that_comes_twice_is_not_missed(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 10, 25, 0, 50, tzinfo=UTC))  # 01:50 by the clock on the wall, for the first time
    simulator = SocialCareSimulator(tmp_path, NEVER, clock=clock)
    simulator.seed([citizen()])
    with serving(simulator), connected(simulator) as connector:
        connector.apply(raised("before"))
        (batch,) = connector.read("referrals", None)
        clock.passes(timedelta(minutes=20))  # 01:10, for the second time
        connector.apply(raised("after"))

        later = all_records(connector, batch.checkpoint)

    assert [record.key for record in later] == ["R0000002"]


def test_what_the_overlap_shows_again_is_not_read_twice(simulator: SocialCareSimulator, clock: Clock) -> None:
    with connected(simulator) as connector:
        connector.apply(raised("first"))
        (batch,) = connector.read("referrals", None)
        assert list(connector.read("referrals", batch.checkpoint)) == []

        connector.apply(changed("first", "R0000001"))

        assert [record.position for record in all_records(connector, batch.checkpoint)] == ["R0000001|2"]


def test_a_completed_assessment_answers_how_many_visits_are_needed(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, AT_ONCE)
    simulator.seed([citizen()])
    with serving(simulator), connected(simulator) as connector:
        connector.apply(raised())
        said: list[Any] = []
        while not any(isinstance(item, Progress) and item.status is TaskStatus.COMPLETED for item in said):
            said += [item for record in all_records(connector) for item in connector.translate(record)]

    assert isinstance(said[-2], Fact)
    assert said[-1].effect_key == raised().key
    assert said[-1].answers == Facts(care_visits_a_day=3)


# --- another council, and a SIGKILL


def test_a_second_council_with_other_codes_is_a_settings_file(tmp_path: Path) -> None:
    table = tomllib.loads(BRACKENFOLD.read_text(encoding="utf-8"))["connectors"]["social_care_soap"]
    codes = Codes(
        types={"A1": "assessment", "P1": "package", "C7": "address", "W2": "welfare check", "S47": "safeguarding"},
        received="RCV",
        allocated="ALL",
        in_progress="WIP",
        completed="CLS",
        rejected="NFA",
        cancelled="WDN",
        reasons=("02",),
    )
    refusing = BackOffice(accept_s=0, work_s=0, reject_share=1)
    simulator = SocialCareSimulator(tmp_path, refusing, codes=codes)
    simulator.seed([citizen()])
    with serving(simulator):
        reach = simulator.connector_settings()
        with connected(simulator, **(table | reach)) as connector:
            assert connector.apply(raised()).status is TaskStatus.ACCEPTED
            said: list[Any] = []
            while not any(isinstance(item, Progress) for item in said):
                said += [item for record in all_records(connector) for item in connector.translate(record)]

    assert (said[-1].status, said[-1].reason) == (TaskStatus.REJECTED, "no eligible need found")


_SERVE = """
import sys
from pathlib import Path
from threading import Event
from connectors.sdk.simulation import BackOffice
from connectors.social_care_soap.simulator import SocialCareSimulator
simulator = SocialCareSimulator(Path(sys.argv[1]), BackOffice(accept_s=1e9))
simulator.serve(lambda: print(simulator.port, flush=True), Event())
"""


def test_what_the_service_confirmed_is_there_after_a_sigkill_and_in_its_journal_once(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen()])
    confirmed: dict[str, str | None] = {}
    with subprocess.Popen([sys.executable, "-c", _SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        simulator.port = int(process.stdout.readline())
        with connected(simulator) as connector:
            for number in range(30):
                effect = raised(f"referral {number}")
                confirmed[effect.key] = connector.apply(effect).reference
            process.kill()
            process.wait()
            with pytest.raises((RetryLater, OutcomeUnknown)):
                connector.apply(raised("too late"))

    with serving(simulator), connected(simulator) as connector:
        found = {record.values["ExternalReference"].strip(): record.key for record in all_records(connector)}
    assert found == confirmed
    assert [(line["external_reference"], line["referral"]) for line in journal_of(simulator)] == list(confirmed.items())


def test_a_journal_line_that_a_kill_cut_short_is_written_again_at_the_next_start(tmp_path: Path) -> None:
    simulator = SocialCareSimulator(tmp_path, NEVER)
    simulator.seed([citizen()])
    with serving(simulator), connected(simulator) as connector:
        connector.apply(raised("first"))
        connector.apply(raised("second"))
    whole = simulator.journal.read_bytes()
    simulator.journal.write_bytes(whole[:-20])

    simulator.seed([citizen()])

    assert simulator.journal.read_bytes() == whole


def test_the_journal_holds_nothing_about_a_person(simulator: SocialCareSimulator) -> None:
    with connected(simulator) as connector:
        connector.apply(raised())

    (line,) = journal_of(simulator)
    assert line.keys() == {"seq", "at", "did", "referral", "external_reference"}
