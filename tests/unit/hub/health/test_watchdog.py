import pytest

from hub.health.watchdog import Judge, Look

STUCK_AFTER_S, STOP_WITHIN_S = 120.0, 15.0


@pytest.fixture
def judge() -> Judge:
    return Judge(STUCK_AFTER_S, STOP_WITHIN_S, now=0.0)


def test_a_process_that_has_nothing_to_do_may_go_on(judge: Judge) -> None:
    judge.look(1000, Look())

    assert judge.verdict(1001) is None


def test_a_loop_that_does_not_answer_ends_the_process(judge: Judge) -> None:
    judge.look(10, Look())

    assert judge.verdict(130) is None
    assert judge.verdict(131) == "The event loop did not answer for 121 s."


def test_a_rebalance_without_end_ends_the_process(judge: Judge) -> None:
    for now in range(0, 121, 10):
        judge.look(now, Look(is_rebalancing=True))

    assert judge.verdict(121) == "The rebalance did not end for 121 s."


def test_records_that_wait_unapplied_end_the_process_though_others_flow(judge: Judge) -> None:
    for now in range(0, 131, 10):
        judge.look(now, Look(waiting={"case-events/0": 7, "case-events/1": now}))

    assert judge.verdict(131) == "Records wait in case-events/0 and none was applied for 131 s."


def test_a_partition_that_was_read_up_in_between_begins_anew(judge: Judge) -> None:
    judge.look(0, Look(waiting={"case-events/0": 7}))
    judge.look(60, Look())
    judge.look(100, Look(waiting={"case-events/0": 7}))
    judge.look(200, Look(waiting={"case-events/0": 7}))

    assert judge.verdict(201) is None


def test_a_stop_that_takes_too_long_ends_the_process(judge: Judge) -> None:
    judge.stop_asked(5)
    judge.stop_asked(19)

    assert judge.verdict(20) is None
    assert judge.verdict(21) == "The stop did not finish for 16 s."


def test_while_stopping_a_loop_that_is_over_is_no_fault(judge: Judge) -> None:
    judge.stop_asked(125)

    assert judge.verdict(126) is None


def test_a_process_that_kafka_does_not_let_in_must_end_for_only_a_fresh_one_reads_its_settings() -> None:
    judge = Judge(120, 15, now=0)

    judge.look(1, Look(refused="Kafka does not let user worker in."))
    assert judge.verdict(2) == "Kafka does not let user worker in."

    judge.look(3, Look())
    assert judge.verdict(4) is None
