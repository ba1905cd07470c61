"""A real Kafka broker that wants TLS and a password (SCRAM-SHA-512) of its clients.

Its certificate, which is its own authority, is made by Java's keytool, which is where Java is.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka.broker import KafkaBroker

USER, PASSWORD = "kpi", "s3cret-tea-42"
_STORE_PASSWORD = "only-on-disk"


def certificate(folder: Path, name: str = "kafka", *, host: str = "ip:127.0.0.1") -> Path:
    """Makes `{name}.p12`, a key with a certificate for `host`; returns the latter as PEM."""
    store, pem = folder / f"{name}.p12", folder / f"{name}-ca.pem"
    common = ("-keystore", store, "-storetype", "PKCS12", "-storepass", _STORE_PASSWORD)
    made = ("-genkeypair", "-alias", "kafka", "-keyalg", "EC", "-groupname", "secp256r1")
    names = ("-dname", f"CN={name}", "-ext", f"san={host}", "-ext", "bc:c", "-validity", "3650")
    exported = ("-exportcert", "-alias", "kafka", "-rfc", "-file", pem)
    for arguments in ((*made, *names), exported):
        command = ["keytool", *map(str, arguments), *map(str, common)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return pem


@contextmanager
def secured(folder: Path) -> Iterator[tuple[KafkaBroker, dict[str, str]]]:
    """The broker, and the variables with which `kpi` reaches it."""
    pem = certificate(folder)
    listener = {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listener.name.client.ssl.keystore.location": str(folder / "kafka.p12"),
        "listener.name.client.ssl.keystore.type": "PKCS12",
        "listener.name.client.ssl.keystore.password": _STORE_PASSWORD,
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
    client = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(pem),
    }
    user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    options = ("--add-scram", user)
    with KafkaBroker(
        extra_properties=listener, client_config=client, format_options=options
    ) as broker:
        yield (
            broker,
            {
                "KPI_BOOTSTRAP_SERVERS": broker.bootstrap,
                "KPI_SECURITY_PROTOCOL": "SASL_SSL",
                "KPI_SASL_MECHANISM": "SCRAM-SHA-512",
                "KPI_SASL_USERNAME": USER,
                "KPI_SASL_PASSWORD": PASSWORD,
                "KPI_CAFILE": str(pem),
            },
        )
