"""A request comes in: the door, idempotency, the outbox."""
