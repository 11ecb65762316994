from hub.edge.messages import Outgoing
from hub.health.metrics import WorkerMetrics
from hub.memory.store import Partition
from hub.routing.diary import Diary
from hub.routing.share import Share

P0 = Partition("case-events", 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


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
