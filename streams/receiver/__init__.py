"""`kpi intake`: events over HTTP into Kafka, each answered for; nothing acknowledged isn't written.

request --tokens--> body --bodies--> values --judging--> events --reception--> writer
                                                                    |
                                                                 memory (of ids)
"""

from __future__ import annotations
