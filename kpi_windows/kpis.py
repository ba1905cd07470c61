"""A catalogue: KPIs by id, by group, and by any of their names.

It must not know any single KPI.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from kpi_windows.kpi import Kpi, UnknownNameError

_TOLD = 10


class Catalogue(Mapping[str, Kpi]):
    """KPIs by id, in the order of their groups.

    >>> from kpi_windows.catalogue import CATALOGUE
    >>> len(CATALOGUE.extended({"own": ()})) == len(CATALOGUE)
    True
    """

    def __init__(self, groups: Mapping[str, tuple[Kpi, ...]]) -> None:
        self.groups = dict(groups)
        self._by_id = {kpi.id: kpi for kpis in groups.values() for kpi in kpis}
        self._by_name = _by_name(self._by_id)

    def __getitem__(self, kpi: str) -> Kpi:
        return self._by_id[kpi]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def extended(self, groups: Mapping[str, tuple[Kpi, ...]]) -> Catalogue:
        """These KPIs, and more, in groups of their own."""
        return Catalogue({**self.groups, **{name: kpis for name, kpis in groups.items() if kpis}})

    def called(self, name: str) -> Kpi | None:
        """The KPI of that name, or None; upper and lower case are one."""
        found = self._by_name.get(name.strip().casefold())
        return None if found is None else found[1]

    def find(self, name: str) -> Kpi:
        """The KPI of an id, a title or one of its other names; upper and lower case are one.

        >>> from kpi_windows.catalogue import CATALOGUE
        >>> CATALOGUE.find("Conversieratio").id
        'conversion_rate'
        >>> CATALOGUE.find("conversion rat")
        Traceback (most recent call last):
        kpi_windows.kpi.UnknownNameError: no KPI 'conversion rat'; did you mean 'Conversion rate'?
        """
        wanted = name.strip().casefold()
        found = self._by_name.get(wanted)
        if found is not None:
            return found[1]
        near = difflib.get_close_matches(wanted, self._by_name, n=1)
        near = near or [name for name in self._by_name if wanted and wanted in name]
        hint = (
            f"did you mean {self._by_name[near[0]][0]!r}?"
            if near
            else f"there are {_some(tuple(self))}"
        )
        raise UnknownNameError(f"no KPI {name!r}; {hint}")


def _some(ids: tuple[str, ...]) -> str:
    """The ids, so many as one reads, and where all of them are.

    >>> _some(("sales", "visits"))
    'sales, visits'
    """
    if len(ids) <= _TOLD:
        return ", ".join(ids)
    return f"{', '.join(ids[:_TOLD])} … (`kpi kpis` lists all {len(ids)})"


def _by_name(kpis: Mapping[str, Kpi]) -> dict[str, tuple[str, Kpi]]:
    """Every name in lower case -> as it is written, and the KPI; ids come before other names."""
    names: dict[str, tuple[str, Kpi]] = {}
    for kpi in kpis.values():
        names[kpi.id.casefold()] = (kpi.id, kpi)
    for kpi in kpis.values():
        for name in (kpi.title, *kpi.aliases):
            names.setdefault(name.casefold(), (name, kpi))
    return names
