"""Kafka Streams, in Java: the journey's rules by hand (`Journey.java`), for it cannot call the hub's.

Tuned: state cached before RocksDB and its changelog, so that a case is written once a commit; one stream thread on its one core; large
batches, and 5 ms of linger in place of 100, which would be its latency. Promises at least once, or, with transactions every 100 ms,
exactly once from topic to topic. Its port does less than `step`: it does not check facts against the vocabulary, and knows no change,
withdrawal, refusal or deadline.

    python run.py FOLDER, as made by build.py
"""

import os
import sys
from pathlib import Path

from hub.broker.java import choose
from hub.journeys.holidays import SHIPPED


def main(build: Path) -> None:
    """Become a Java that runs it until SIGTERM."""
    java = str(choose().java.executable)
    options = ("-Xmx2g", "--enable-native-access=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
    os.execv(java, [java, *options, "-cp", f"{build / 'classes'}:{build / 'libs'}/*", "Main", str(SHIPPED)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
