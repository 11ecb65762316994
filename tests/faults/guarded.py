"""A Kafka under guard: who comes on the product's way has to trust its certificate, to have a password and to have rights.

The direct way stays open to whoever is on this machine: there a test and its oracle look, and set passwords and rights.
"""

import ipaddress
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hub.broker.cluster import LOOPBACK
from schemas.envelope import Department
from schemas.topics import CATALOGUE, TASKS
from tests.faults.brokers import Brokers
from tests.faults.conftest import eventually
from tests.faults.kept import ROOT

Right = tuple[ResourceType, str, AclOperation]
"""What may be done to what; under the name `*`, to all of its kind."""

_KEYSTORE = "listener.name.clients.ssl.keystore.location"
_DEPLOY = ROOT / "deploy" / "README.md"
_WITHIN_S = 60
_FOR = timedelta(days=2)


class Authority:
    """Signs certificates of brokers.

    Args:
        folder: of its own certificate and theirs; made here.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.file = folder / "ca.pem"
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _name("An invented authority")
        ability = x509.BasicConstraints(ca=True, path_length=0)
        own = _of(self._name, self._name, self._key).add_extension(ability, critical=True)
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def certificate(self, name: str) -> Path:
        """A new key and its certificate for a broker on this machine, in one file, as Kafka reads them."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
        signed = _of(_name("A broker"), self._name, key).add_extension(address, critical=False)
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + signed.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )
        return file


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _of(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _FOR)
        .not_valid_after(now + _FOR)
    )


class Guard:
    """Who may come to some brokers, and what each may do there.

    Args:
        brokers: made by `guarded`; they answer.
        authority: signed their certificate.
    """

    def __init__(self, brokers: Brokers, authority: Authority) -> None:
        self._authority, self._through = authority, brokers.through
        self._admin = AdminClient({"bootstrap.servers": brokers.direct, "log_level": 0})
        self._passwords: dict[str, str] = {}

    def shows(self, certificate: Path) -> None:
        """Let the broker show another certificate from now on; who is there already is not asked again."""
        broker = ConfigResource(ConfigResource.Type.BROKER, "1")
        kind = AlterConfigOpType.SET
        broker.add_incremental_config(ConfigEntry(_KEYSTORE, str(certificate), incremental_operation=kind))
        for done in self._admin.incremental_alter_configs([broker]).values():
            done.result(_WITHIN_S)
        # What the controller has written down the broker does a moment later.
        host, _, port = self._through.partition(":")
        wanted = certificate.read_text(encoding="ascii").strip()
        eventually(lambda: wanted.endswith(ssl.get_server_certificate((host, int(port))).strip()))

    def password_of(self, user: str, password: str) -> None:
        """Let a user come with this password, and with no other from now on; who is there already stays."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, credential, password.encode())
        for done in self._admin.alter_user_scram_credentials([change]).values():
            done.result(_WITHIN_S)
        self._passwords[user] = password

    def settings_of(self, user: str) -> Mapping[str, str]:
        """What stands in a settings file's section [kafka] for a process that comes as this user."""
        return {
            "security_protocol": "SASL_SSL",
            "username": user,
            "password": self._passwords[user],
            "ca_file": str(self._authority.file),
        }

    def allow(self, user: str, rights: Iterable[Right]) -> None:
        """Give a user rights."""
        for done in self._admin.create_acls([_acl(user, right) for right in rights]).values():
            done.result(_WITHIN_S)

    def revoke(self, user: str, rights: Iterable[Right]) -> None:
        """Take rights away, all of which the user has."""
        for done in self._admin.delete_acls([_filter(user, right) for right in rights]).values():
            assert len(done.result(_WITHIN_S)) == 1, "a right was to be taken away that nobody had"


def _acl(user: str, right: Right) -> AclBinding:
    kind, name, operation = right
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, name, literal, f"User:{user}", "*", operation, allow)


def _filter(user: str, right: Right) -> AclBindingFilter:
    kind, name, operation = right
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBindingFilter(kind, name, literal, f"User:{user}", "*", operation, allow)


def rights_of(process: str, department: str, **names: str) -> set[Right]:
    """What `deploy/README.md` says that a process needs, and not a right more.

    Args:
        process: as it stands in the first column of the table there.
        department: of a connector; a right that is for every department is for this one and all others.
        names: what stands for NAME and other words in capitals there.
    """
    (row,) = [line for line in _DEPLOY.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{process}")]
    _, _, group, reads, writes, _ = row.split("|")
    every: dict[str, list[str]] = {"DEPARTMENT": [*TASKS], "TOPIC": [each.name for each in CATALOGUE]}
    if "of its own" in reads:
        every["DEPARTMENT"] = [Department(department)]
    every |= {word: [name] for word, name in names.items()}

    def named(cell: str) -> Iterator[str]:
        for name in re.findall("`(.+?)`", cell):
            word = next((word for word in every if word in name), "")
            yield from (name.replace(word, each) if word else name for each in every.get(word, [""]))

    return {
        (ResourceType.TOPIC, "*", AclOperation.DESCRIBE),
        (ResourceType.TOPIC, "*", AclOperation.DESCRIBE_CONFIGS),
        *((ResourceType.GROUP, name, AclOperation.READ) for name in named(group)),
        *((ResourceType.TOPIC, name, AclOperation.READ) for name in named(reads)),
        *((ResourceType.TOPIC, name, AclOperation.WRITE) for name in named(writes)),
    }


def guarded(folder: Path, partitions: int, authority: Authority, **more: str) -> Brokers:
    """One broker that lets nobody in without a password on the product's way; nobody has rights there yet.

    Args:
        folder: of the broker.
        partitions: of every hub topic.
        authority: signs its certificate.
        more: other settings of the broker, with underscores for the dots.
    """
    listener = {
        "ssl.keystore.type": "PEM",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    }
    settings = {
        _KEYSTORE: str(authority.certificate("broker")),
        **{f"listener.name.clients.{name}": value for name, value in listener.items()},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    return Brokers(folder, partitions, more=settings, protocol="SASL_SSL")
