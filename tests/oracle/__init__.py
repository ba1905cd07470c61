"""Every KPI a second time: slowly, out of the whole log, with SQL.

    accepted events --log--> tables of events --visits, carts, orders, customers, tickets-->
    tables of what happened, a row a thing --cubes--> sums by window and labels --kpis--> values

It must not know journeys, facts or panes: it is written from the definitions of the KPIs and of
the events, so that what the product misreads shows.  Where one thing decides what the next one
means (which cart an order ends, what is left to refund, who is a customer) the story is told
event by event in plain Python; everything else is SQL over all events at once.
"""

from __future__ import annotations
