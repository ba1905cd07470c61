"""All KPIs, in the guide's order, by id.

It must not know how any of them is computed.
"""

from __future__ import annotations

import difflib

from kpi_windows.catalogue import marketing, sales, service
from kpi_windows.kpi import Kpi, UnknownNameError

GROUPS: dict[str, tuple[Kpi, ...]] = {
    "sales": sales.KPIS,
    "marketing": marketing.KPIS,
    "service": service.KPIS,
}

CATALOGUE: dict[str, Kpi] = {kpi.id: kpi for kpis in GROUPS.values() for kpi in kpis}


def find(name: str) -> Kpi:
    """The KPI of an id, a title or one of its other names; upper and lower case are one.

    >>> find("Conversieratio").id
    'conversion_rate'
    >>> find("conversion rat")
    Traceback (most recent call last):
    kpi_windows.kpi.UnknownNameError: no KPI 'conversion rat'; did you mean 'Conversion rate'?
    """
    wanted = name.strip().casefold()
    found = _BY_NAME.get(wanted)
    if found is not None:
        return found[1]
    near = difflib.get_close_matches(wanted, _BY_NAME, n=1)
    hint = (
        f"did you mean {_BY_NAME[near[0]][0]!r}?" if near else f"there are {', '.join(CATALOGUE)}"
    )
    raise UnknownNameError(f"no KPI {name!r}; {hint}")


def _by_name() -> dict[str, tuple[str, Kpi]]:
    """Every name in lower case -> as it is written, and the KPI; ids come before other names."""
    names: dict[str, tuple[str, Kpi]] = {}
    for kpi in CATALOGUE.values():
        names[kpi.id.casefold()] = (kpi.id, kpi)
    for kpi in CATALOGUE.values():
        for name in (kpi.title, *kpi.aliases):
            names.setdefault(name.casefold(), (name, kpi))
    return names


_BY_NAME = _by_name()
