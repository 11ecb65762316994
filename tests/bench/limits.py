"""What stands in the way of a promise, by what the page calls it; shown there where it was missed."""

from collections.abc import Mapping
from types import MappingProxyType

_STEP = (
    "`step`: to join an event, derive where every task stands, write letters and the timeline, and encode all of it takes more than four "
    "fifths of the worker's time (py-spy, at 3,000/s)."
)

LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "hub / stock_faust": f"{_STEP} Stock Faust calls the same one, so both pay that; the 12.8 that was hoped for came of a job that "
        "takes a tenth of it. Only a quicker `step` brings them further apart.",
        "hub / quix": f"{_STEP} Quix calls the same one, so both pay that.",
        "hub / confluent_loop": f"{_STEP} The loop calls the same one and writes the same SQL.",
        "hub / kafka_streams-at_least_once": f"{_STEP} Kafka Streams has the journey's rules ported to Java, without SQL and without a "
        "timeline; what is Python's there is compiled.",
        "hub / kafka_streams-exactly_once_v2": f"{_STEP} As above.",
        "hub / prototype": f"{_STEP} The prototype has none: it counts small events of its own. What it shares with the hub, "
        "fetching, SQL and sending, takes a tenth of the hub's processor time.",
        "hub_postgresql / hub": "the server shares its core with the broker and what measures, and a round waits for its answer before the "
        "next is decided.",
        "300/s, p99, ours / Quix": "a round of the hub waits for the disk (SQLite's commit) and for the broker, and rounds begin 20 ms "
        "apart; Quix keeps its state in memory and a changelog.",
        "300/s, CPU, ours / Quix": "a round costs nearly the same for six events as for sixty: hops between Faust's threads, a commit, a "
        "batch for each partition. Rounds further apart (`worker.round_ms`) cost less and take longer.",
        "3,000/s, p99, ours / Quix": "rounds, as at 300/s.",
        "3,000/s, CPU, ours / Quix": f"{_STEP} Quix calls the same one.",
    }
)
