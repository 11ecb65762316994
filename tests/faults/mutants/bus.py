"""Mutants of events, ids, topics and of how they are sent and read."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from tests.faults.mutants.swapping import swap


def ids_are_drawn() -> None:
    """What is sent again after a crash has another id, so nobody knows that it is the same."""
    from schemas import envelope

    swap(envelope, "output_id", lambda _cause, _name: uuid4())


def records_have_drawn_ids() -> None:
    """A record that is read again makes another event."""
    from hub.edge import wrapping

    swap(wrapping, "record_id", lambda *_: uuid4())


def unknown_fields_are_refused() -> None:
    """An event holds what this release knows, and nothing else."""
    from schemas import envelope

    # Whatever is defined from here on inherits it: nothing else of the schemas is imported yet.
    for model in (envelope.Message, envelope.Event):
        swap(model, "model_config", model.model_config | {"extra": "forbid"})


def topics_take_what_is_compressed() -> None:
    """Kafka measures what a producer sends, and not what a reader finds in it."""
    from hub import topics

    wanted = topics.wanted

    def loosely(*arguments: Any, **more: Any) -> Any:
        return tuple(
            replace(each, configs={**each.configs, "compression.type": "producer"})
            for each in wanted(*arguments, **more)
        )

    swap(topics, "wanted", loosely)


def reasons_hold_values() -> None:
    """The reason of a dead letter shows what stood in the record."""
    from schemas import topics

    swap(topics.Topic, "_why", lambda _self, value, _error: topics.UnreadableEvent("wrong-data", repr(value)))


def reads_uncommitted() -> None:
    """The worker and the sinks take what is on a topic, also where its producer took it back."""
    from faust.transport.drivers import aiokafka
    from kafka import KafkaConsumer

    from hub.edge.kafka import receiver
    from hub.routing import transport

    swap(transport, "ConsumerThread", aiokafka.AIOKafkaConsumerThread)
    swap(receiver, "KafkaConsumer", lambda **more: KafkaConsumer(**more | {"isolation_level": "read_uncommitted"}))


def acks_off() -> None:
    """A connector and the door believe what they sent to be safe once it has left the process."""
    _producers_are(acks=0, enable_idempotence=False, retries=0)


def one_acknowledgement() -> None:
    """A connector and the door believe what they sent to be safe once one broker has it."""
    _producers_are(acks=1, enable_idempotence=False)


def _producers_are(**other: Any) -> None:
    from hub.edge.kafka import sender

    producer: Any = vars(sender)["KafkaProducer"]
    swap(sender, "KafkaProducer", lambda **settings: producer(**{**settings, **other}))


def known_brokers_alone_are_asked() -> None:
    """A worker that has seen a broker alone waits for that one."""
    from hub.routing import agent

    swap(agent, "ask_those_given", lambda: None)


def impatient() -> None:
    """A connector takes a wire that is slow for one that is dead."""
    from hub.edge.kafka import sender

    made: Any = sender.Sender.__init__
    swap(sender.Sender, "__init__", lambda self, *given: made(self, *given, acknowledged_within_s=0.25))


def nobody_asks_whether_it_is_let_in() -> None:
    """A broker that refuses a password or shows a strange certificate is as one that is away."""
    from hub import admission

    swap(admission.Admission, "note", lambda *_: None)


def refusals_have_no_words() -> None:
    """What this process may not do is an error like any other."""
    from hub import admission

    swap(admission, "refusal", lambda *_: None)
    swap(admission, "missing", lambda *_: "It failed.")
