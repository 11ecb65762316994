"""What Kafka refuses, in words, of either client's error."""

import ssl
from typing import Any

import aiokafka.errors
import kafka.errors
import pytest

from hub.admission import Admission, Right, refusal

CLIENTS: list[Any] = [aiokafka.errors, kafka.errors]


@pytest.mark.parametrize("errors", CLIENTS, ids=["aiokafka", "kafka-python"])
def test_a_topic_that_may_not_be_written_is_named_with_the_right_that_is_missing(errors: Any) -> None:
    assert refusal(errors.TopicAuthorizationFailedError(), Right.WRITE, ["housing-tasks"]) == (
        "Kafka refuses it: the user of this process has no Write on housing-tasks. Give it that; deploy/README.md says which rights each "
        "process needs."
    )


@pytest.mark.parametrize("named", ["audit", {"audit"}, ["audit"]])
def test_of_many_topics_the_one_that_the_error_names_counts(named: Any) -> None:
    error = kafka.errors.TopicAuthorizationFailedError(named)

    assert "no Read on audit." in str(refusal(error, Right.READ, ["audit", "case-events"]))


@pytest.mark.parametrize("errors", CLIENTS, ids=["aiokafka", "kafka-python"])
def test_a_group_that_may_not_be_joined_is_named(errors: Any) -> None:
    error = errors.GroupAuthorizationFailedError("hub")

    assert "no Read on the group hub." in str(refusal(error, Right.READ, ["case-events"], "hub"))


def test_a_producer_that_may_write_to_no_topic_is_told_so_whatever_its_error_hides_it_in() -> None:
    hidden_in_text = kafka.errors.KafkaError(
        "Unexpected error in InitProducerIdResponse: [Error 31] ClusterAuthorizationFailedError"
    )
    hidden_behind = aiokafka.errors.KafkaError("Unexpected error during batch delivery")
    hidden_behind.__cause__ = aiokafka.errors.ClusterAuthorizationFailedError()

    for error in (hidden_in_text, hidden_behind):
        assert "no Write on case-events." in str(refusal(error, Right.WRITE, ["case-events"]))


def test_what_the_operating_system_refused_below_an_error_of_kafka_is_no_refusal_of_kafkas() -> None:
    error = kafka.errors.KafkaConnectionError("lost")
    error.__cause__ = OSError(30, "Read-only file system")

    assert refusal(error, Right.READ, ["case-events"], "hub") is None


@pytest.mark.parametrize("said", [None, 29])
def test_an_error_that_names_nothing_is_told_by_what_was_tried(said: object) -> None:
    error = kafka.errors.TopicAuthorizationFailedError(said)

    assert "no Read on audit." in str(refusal(error, Right.READ, ["audit"]))


@pytest.mark.parametrize(
    "error", [kafka.errors.KafkaTimeoutError(), OSError(30, "Read-only file system"), KeyError(29)]
)
def test_what_is_no_refusal_is_not_called_one(error: Exception) -> None:
    assert refusal(error, Right.READ, ["case-events"]) is None


@pytest.mark.parametrize(
    "error", [kafka.errors.SaslAuthenticationFailedError(), aiokafka.errors.SaslAuthenticationFailed()]
)
def test_a_refused_password_is_said_until_somebody_is_let_in(error: Exception) -> None:
    admission = Admission()

    admission.note(error, "housing", "kafka-1")
    assert admission.why == (
        "Kafka at kafka-1 does not let user housing in: there is no such user, or its password has changed. Put the one that holds now "
        "into kafka.password, and start this process again."
    )

    admission.granted("kafka-2")
    assert admission.why
    admission.granted("kafka-1")
    assert admission.why == ""


def test_a_certificate_that_is_not_trusted_is_said_with_the_reason() -> None:
    admission, error = Admission(), ssl.SSLCertVerificationError()
    error.verify_message = "certificate has expired"

    admission.note(error, None, "kafka-1")

    assert admission.why.startswith(
        "The certificate of Kafka at kafka-1 is not trusted: certificate has expired. Has it run out"
    )


def test_a_certificate_of_one_broker_is_no_reason_to_end_while_another_lets_us_in() -> None:
    admission = Admission()
    admission.granted("kafka-1")
    admission.granted("kafka-2")

    error = ssl.SSLCertVerificationError()
    error.verify_message = "certificate has expired"

    admission.note(error, None, "kafka-1")
    assert admission.why == ""
    admission.note(error, None, "kafka-2")
    assert admission.why.startswith("The certificate of Kafka at kafka-1 is not trusted")


@pytest.mark.parametrize("number", [111, 58])
def test_a_broker_that_is_away_refuses_nobody_whatever_its_system_calls_it(number: int) -> None:
    admission = Admission()

    admission.note(OSError(number, "Connection refused"), "housing", "kafka-1")

    assert admission.why == ""
