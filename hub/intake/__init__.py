"""A request comes in: read and checked, made durable, sent on. The web's door, its idempotency, its outbox."""
