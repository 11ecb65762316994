from datetime import UTC, datetime

from hub.supervisor.lines import LastWords, Line

NOW = datetime(2026, 11, 3, 9, 0, 0, tzinfo=UTC)


def test_a_line_of_our_own_is_time_process_event_and_facts() -> None:
    raw = b'{"event":"round applied","level":"info","timestamp":"2026-11-03T12:03:04.5Z","process":"worker-1","events":12,"why":"a b"}'

    line = Line("worker", raw, NOW)

    assert line.readable(8, UTC) == '12:03:04 worker   | round applied  events=12  why="a b"'
    assert line.record["process"] == "worker-1"
    assert not line.loud


def test_an_exception_is_told_by_its_type_and_words() -> None:
    raw = b'{"event":"round failed","level":"error","exception":{"type":"hub.errors.RestartMe","says":"Kafka is away.","at":["x:1 f"]}}'

    line = Line("worker", raw, NOW)

    assert line.readable(6, UTC) == "09:00:00 worker | ERROR: round failed  (hub.errors.RestartMe: Kafka is away.)"
    assert line.loud


def test_a_line_of_a_java_gets_its_level_and_loses_its_own_time() -> None:
    line = Line("broker", b"2026-11-03T08:59:59.971Z WARN [BrokerServer id=1] late (kafka.server)", NOW)

    assert line.readable(6, UTC) == "09:00:00 broker | WARNING: [BrokerServer id=1] late (kafka.server)"


def test_a_line_of_anybody_else_is_kept_as_it_is_and_as_json() -> None:
    line = Line("web", b"Traceback (most recent call last):", NOW)

    assert line.readable(3, UTC) == "09:00:00 web | Traceback (most recent call last):"
    assert line.record == {
        "timestamp": NOW.isoformat(),
        "process": "web",
        "event": "Traceback (most recent call last):",
    }


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    assert Line("web", b"\x1b[31mred\x1b[0m\x07\xff", NOW).words == "red\ufffd"


def test_json_that_is_no_log_line_is_text() -> None:
    assert Line("web", b'{"ready": true}', NOW).words == '{"ready": true}'


def test_last_words_are_the_plain_lines_at_the_end() -> None:
    words = LastWords()

    words.hear(b'{"event":"starting","level":"info"}')
    words.hear(b"hub: hub.toml cannot be used:")
    words.hear(b"  web.prot: no such setting")

    assert words.text == "hub.toml cannot be used:\n  web.prot: no such setting"


def test_without_plain_lines_they_are_the_last_warning() -> None:
    words = LastWords()

    words.hear(b'{"event":"Kafka does not answer","level":"error"}')
    words.hear(b'{"event":"stopped","level":"info"}')

    assert words.text == "Kafka does not answer"


def test_a_new_process_has_no_last_words_yet() -> None:
    words = LastWords()
    words.hear(b"boom")

    words.forget()

    assert words.text == ""
