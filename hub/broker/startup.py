"""A start-up cache of the Java virtual machine: made once, it takes a node's start from about 5 s to 2 s.

The machine writes down, as a practice broker ends, which classes a start of Kafka loads and links (JEP 483 and 514); later
starts read that instead. It checks by itself that the cache fits Java, jars and options, and does without it if not.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from hub.broker.cluster import LOOPBACK, prepare
from hub.broker.java import Runtime, log4j_file
from hub.edge import kafka
from hub.errors import RestartMe

_POLL_S = 0.1


def make_cache(runtime: Runtime, cache: Path, within_s: float = 180.0) -> None:
    """Make the cache; may be interrupted at any time and leaves nothing half made.

    Args:
        runtime: what it is for.
        cache: the file to make.
        within_s: how long the practice broker may take to answer, and then to write the cache.

    Raises:
        RestartMe: the practice broker did not answer, or ended badly.
    """
    with tempfile.TemporaryDirectory(prefix=".practice-", dir=cache.parent) as work:
        cluster = prepare(Path(work) / "broker", 1, runtime)
        (node,) = cluster.nodes
        new = Path(work) / "new.aot"
        command = runtime.broker(cluster.properties_file(node), log4j_file(), cluster.home(node))
        command.insert(1, f"-XX:AOTCacheOutput={new}")
        with (cluster.home(node) / "console.log").open("w") as console:
            practice = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        try:
            until = time.monotonic() + within_s
            while kafka.cluster_at(f"{LOOPBACK}:{node.port}", within_s=5) is None:
                if practice.poll() is not None or time.monotonic() > until:
                    raise RestartMe("The practice broker does not answer. Brokers start without a cache, too.")
                time.sleep(_POLL_S)
            practice.terminate()
            practice.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise RestartMe(
                f"The start-up cache was not written within {within_s:.0f} s. Brokers start without it, too."
            ) from error
        finally:
            practice.kill()
            practice.wait()
        if not new.is_file():
            raise RestartMe("Java wrote no start-up cache. Brokers start without it, too.")
        new.replace(cache)
