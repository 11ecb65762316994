"""Where Kafka meets a legacy system: the two runners, their memory, and the only import of kafka-python."""
