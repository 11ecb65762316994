"""What is said between departments: the envelope, the events, the identifiers, the topic catalogue."""
