"""The worker's way back to its brokers, on a real one."""

import asyncio
import socket
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from hub.routing.brokers import ask_those_given


def test_when_every_broker_it_knows_is_gone_the_worker_asks_those_it_was_given(broker: Any) -> None:
    ask_those_given()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    async def find() -> bool:
        client = AIOKafkaClient(bootstrap_servers=broker.bootstrap)
        try:
            await client.bootstrap()
            (there,) = client.cluster.brokers()
            client.cluster._brokers = {7: BrokerMetadata(7, "127.0.0.1", port, None)}
            assert await client.force_metadata_update()
            return bool(client.cluster.brokers() == {there})
        finally:
            await client.close()

    assert asyncio.run(find())


def test_when_nobody_answers_the_worker_goes_on_asking(broker: Any) -> None:
    ask_those_given()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    async def look() -> list[bool]:
        client = AIOKafkaClient(bootstrap_servers=broker.bootstrap)
        try:
            await client.bootstrap()
            client._bootstrap_servers = f"127.0.0.1:{port}"
            (there,) = client.cluster.brokers()
            client.cluster._brokers = {7: BrokerMetadata(7, "127.0.0.1", port, None)}
            nobody = [await client.force_metadata_update() for _ in range(2)]
            client._bootstrap_servers = broker.bootstrap
            return [*nobody, await client.force_metadata_update(), client.cluster.brokers() == {there}]
        finally:
            await client.close()

    assert asyncio.run(look()) == [False, False, True, True]
