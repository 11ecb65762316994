"""A local Apache Kafka, for a laptop, for tests and for a small council: one node or three, on loopback, in one folder.

`jars` fetches Kafka and checks it, `java` chooses what runs it, `cluster` lays out the folder, `nodes` starts and stops
the processes, `startup` makes them start fast. Nothing here knows a topic or an event.
"""
