"""What Kafka refuses this process, in words: to come in at all, or to do one thing there. Nothing of it is about a record.

Knows neither of the two Kafka clients, which both carry the protocol's number in what is refused. A process comes as one user, whichever
client comes notes in `ADMISSION` which broker let it in, and whoever can end the process asks there. Both clients only try again, for ever
and as if the brokers were away.
"""

import ssl
from collections.abc import Collection, Iterable
from enum import StrEnum

TOPIC_REFUSED, GROUP_REFUSED, CLUSTER_REFUSED, PASSWORD_REFUSED = 29, 30, 31, 58
"""Error codes of Kafka's protocol."""
_RIGHTS = "deploy/README.md says which rights each process needs."


class Right(StrEnum):
    """What may be allowed on a topic."""

    READ = "Read"
    WRITE = "Write"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


def refusal(error: BaseException, right: Right, topics: Iterable[str] = (), group: str = "") -> str | None:
    """What Kafka refused, and which right is missing; None where that is not what went wrong.

    Args:
        error: of either client.
        right: what is needed for what was tried.
        topics: on which; the error's own word counts for more.
        group: of consumers, which it takes part in.
    """
    if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
        return None
    # Whoever may write to no topic at all is refused as a producer: aiokafka tells by the cause, kafka-python by the text of another error.
    number = getattr(error, "errno", getattr(error.__cause__, "errno", None))
    if number == CLUSTER_REFUSED or "ClusterAuthorizationFailedError" in str(error):
        return missing(right, topics)
    if number == TOPIC_REFUSED:
        return missing(right, _named(error) or topics)
    if number == GROUP_REFUSED:
        return _without(f"{Right.READ} on the group {group}")
    return None


def missing(right: Right, topics: Iterable[str]) -> str:
    """That a right is missing on these topics, and what to do."""
    return _without(f"{right} on {', '.join(sorted(topics))}")


def _without(what: str) -> str:
    return f"Kafka refuses it: the user of this process has no {what}. Give it that; {_RIGHTS}"


def _named(error: BaseException) -> list[str]:
    """The topics that an error names."""
    said = error.args[0] if error.args else ()
    if isinstance(said, str):
        return [said]
    return [str(each) for each in said] if isinstance(said, Collection) else []


class Admission:
    """Which brokers let this process in. May be shared by threads: each writes whole entries only."""

    def __init__(self) -> None:
        self._password: dict[str, str] = {}
        self._certificate: dict[str, str] = {}
        self._within: frozenset[str] = frozenset()

    @property
    def why(self) -> str:
        """Why it cannot go on, and what to do; empty where it can.

        A password that one broker refuses will be refused by all. A certificate is one broker's own: where others let it in, it goes on.
        """
        password, certificate = list(self._password.values()), list(self._certificate.values())
        return next(iter(password if password or self._within else certificate), "")

    def granted(self, where: str) -> None:
        """A broker has let it in.

        Args:
            where: the broker's address.
        """
        self._password.pop(where, None)
        self._certificate.pop(where, None)
        self._within |= {where}

    def note(self, error: BaseException, user: str | None, where: str) -> None:
        """A client did not come in; counts where its credentials or the broker's are why.

        Args:
            error: what it met.
            user: as whom it came.
            where: the broker's address.
        """
        if isinstance(error, ssl.SSLCertVerificationError):
            self._within -= {where}
            self._certificate[where] = (
                f"The certificate of Kafka at {where} is not trusted: {error.verify_message}. Has it run out, or is it signed by another "
                "authority than kafka.ca_file says? Mend either, and start this process again."
            )
        elif not isinstance(error, OSError) and getattr(error, "errno", None) == PASSWORD_REFUSED:
            self._within -= {where}
            self._password[where] = (
                f"Kafka at {where} does not let user {user} in: there is no such user, or its password has changed. Put the one that holds "
                "now into kafka.password, and start this process again."
            )


ADMISSION = Admission()
