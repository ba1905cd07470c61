"""Asks a health page, for containers that have no curl: `python -m streams.probe URL`.

It must not know what it asks; 0 is well, 1 is not.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request

_PATIENCE_S = 4.0


def well(url: str) -> bool:
    """Whether the page answers with success in time; whoever speaks HTTPS there is believed.

    Nothing secret is said or heard, and the certificate has the name that others use.
    """
    if not url.startswith(("http://", "https://")):
        return False
    trust = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323
    try:
        with urllib.request.urlopen(  # noqa: S310 - http, see above
            url, timeout=_PATIENCE_S, context=trust
        ) as answer:
            return 200 <= int(answer.status) < 300
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if well(sys.argv[1]) else 1)
