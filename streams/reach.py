"""Why a broker that listens doesn't let us in, or use what we need: told in words.

It must not know what the connection is for, and never says a password.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

_PATIENCE_S = 5.0
_LACKS = {
    TopicAuthorizationFailedError: "topic",
    GroupAuthorizationFailedError: "group",
    TransactionalIdAuthorizationFailed: "transactional id",
    ClusterAuthorizationFailedError: "cluster",
}
DENIED = tuple(_LACKS)
"""What is raised when our user lacks a right."""
_CLOSES = "{} closes the connection: if it wants TLS or a password, set security_protocol"


def denied(error: BaseException) -> str:
    """Of one of `DENIED`: what our user may not use, and where its rights are told; else empty.

    >>> denied(TopicAuthorizationFailedError({"kpi-state"}))
    "Kafka doesn't let this user use the topic kpi-state as we must: docs/how-to/kafka-security.md tells the rights that it needs"
    """
    kind = next((words for each, words in _LACKS.items() if isinstance(error, each)), "")
    if not kind:
        return ""
    told = error.args[0] if error.args else ()
    return may_not(kind, told if isinstance(told, str) else ", ".join(sorted(map(str, told))))


def may_not(kind: str, name: str) -> str:
    """That our user may not use something, and where its rights are told."""
    return (
        f"Kafka doesn't let this user use the {kind} {name} as we must: "
        "docs/how-to/kafka-security.md tells the rights that it needs"
    )


def hidden(options: Mapping[str, Any]) -> str:
    """What else it may be that a topic is missing, in words: Kafka hides those that a user may not
    see.  Empty where we log in as nobody."""
    if not (options.get("sasl_mechanism") or options.get("ssl_context")):
        return ""
    return ", or this user may not see what is there (docs/how-to/kafka-security.md)"


async def refusal(servers: Sequence[str], options: Mapping[str, Any]) -> str:
    """What the first broker that listens has against us, and what to do; empty: nothing is known.

    `options` are aiokafka's, such as `kafka_options` of the settings.
    """
    for server in servers:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await _try(server, options)
        except (KafkaError, OSError, TimeoutError, ValueError):
            continue
    return ""


def refusal_now(servers: Sequence[str], options: Mapping[str, Any]) -> str:
    """The same for those who can't await; it blocks for some seconds at most."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(refusal(servers, options))).result()


async def _try(server: str, options: Mapping[str, Any]) -> str:
    host, _, port = server.rpartition(":")
    try:
        connection = await create_conn(host.strip("[]"), int(port), **options)
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate of {server} isn't trusted ({error.verify_message}): set cafile to "
            "its authority's certificate, and bootstrap_servers to a name that it bears"
        )
    except ssl.SSLError as error:
        return f"{server} and we don't agree on TLS ({error.reason}): check security_protocol"
    except SaslAuthenticationFailed:
        return (
            f"{server} refuses the user {options.get('sasl_plain_username')!r} by "
            f"{options.get('sasl_mechanism')}: check sasl_username, KPI_SASL_PASSWORD and "
            "sasl_mechanism"
        )
    except UnsupportedSaslMechanismError:
        return f"{server} doesn't take {options.get('sasl_mechanism')}: set another sasl_mechanism"
    except KafkaConnectionError:
        return _CLOSES.format(server)
    try:
        await connection.send(MetadataRequest([]))
    except KafkaConnectionError:
        return _CLOSES.format(server)
    finally:
        connection.close()
    return ""
