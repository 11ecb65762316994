import pytest

from hub.edge.messages import Outgoing
from hub.errors import RestartMe
from hub.health.metrics import WorkerMetrics
from hub.memory.store import Partition
from hub.routing.diary import MOST_DEFECTS_PER_MINUTE, Diary
from hub.routing.share import Defect, Share

P0 = Partition("case-events", 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def share_with(defects: int) -> Share:
    return Share(P0, 0, defects, defects=[Defect(offset, "KeyError", "step.py:1 step") for offset in range(defects)])


def test_a_few_defects_are_set_aside() -> None:
    Diary(WorkerMetrics(), Clock()).note_defects(share_with(MOST_DEFECTS_PER_MINUTE))


def test_the_worker_stops_rather_than_set_its_whole_topic_aside() -> None:
    diary = Diary(WorkerMetrics(), Clock())
    diary.note_defects(share_with(MOST_DEFECTS_PER_MINUTE))

    with pytest.raises(RestartMe, match=r"101 records within a minute.*KeyError in step.py:1 step"):
        diary.note_defects(share_with(1))


def test_defects_of_an_earlier_minute_are_forgiven() -> None:
    clock = Clock()
    diary = Diary(WorkerMetrics(), clock)
    diary.note_defects(share_with(MOST_DEFECTS_PER_MINUTE))

    clock.now = 61.0

    diary.note_defects(share_with(MOST_DEFECTS_PER_MINUTE))


def test_a_round_is_counted_by_type_outcome_topic_and_code() -> None:
    metrics = WorkerMetrics()
    share = Share(P0, 0, 3, outgoing={"housing-tasks": [Outgoing("housing-tasks", b"k", b"v")]})
    share.outcomes["case.request-received.v1", "applied"] = 2
    share.set_aside["not-json"] = 1

    Diary(metrics, Clock()).note_round([share], took_s=0.02)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert value("hub_worker_events_total", type="case.request-received.v1", outcome="applied") == 2
    assert value("hub_worker_outputs_total", topic="housing-tasks") == 1
    assert value("hub_worker_dead_letters_total", code="not-json") == 1
    assert value("hub_worker_round_seconds_count") == 1
