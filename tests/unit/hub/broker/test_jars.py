"""The lock of Kafka's jars."""

import hashlib
from pathlib import Path

import pytest

from hub.broker import jars
from hub.errors import ConfigurationError

CONTENT = b"a jar"
JAR = jars.Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


def test_the_lock_reads_back_what_it_writes() -> None:
    assert jars.parse(jars.render([JAR])) == (JAR,)


def test_the_lock_holds_every_root_at_its_pinned_version() -> None:
    locked = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in jars.locked()}

    assert locked.issuperset(jars.ROOTS)


def test_no_two_jars_of_the_lock_share_a_file_name() -> None:
    names = [jar.file for jar in jars.locked()]

    assert len(names) == len(set(names))


def test_every_jar_of_the_lock_has_a_whole_checksum() -> None:
    assert all(len(bytes.fromhex(jar.sha256)) == hashlib.sha256().digest_size for jar in jars.locked())


def test_a_jar_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert jars.missing(tmp_path, [JAR]) == [JAR]


def test_a_jar_as_locked_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / JAR.file).write_bytes(CONTENT)

    assert jars.missing(tmp_path, [JAR]) == []


def test_a_changed_jar_is_refused_with_both_checksums_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / JAR.file).write_bytes(CONTENT + b"!")

    with pytest.raises(ConfigurationError) as refused:
        jars.missing(tmp_path, [JAR])

    message = str(refused.value)
    assert JAR.sha256 in message
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in message
    assert "Delete it and run `hub broker install`" in message


def test_a_folder_that_holds_every_jar_of_another_lock_is_ready_without_a_fetch(tmp_path: Path) -> None:
    (tmp_path / JAR.file).write_bytes(CONTENT)

    assert jars.install(tmp_path, [JAR]) == tmp_path
