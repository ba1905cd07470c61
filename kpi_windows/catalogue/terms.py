"""Amounts of orders and visits by the names that formulas use.

It must not know KPIs.
"""

from __future__ import annotations

from kpi_windows.amounts import DistinctCount, count, money
from kpi_windows.facts.sales import LINE, ORDER
from kpi_windows.facts.visits import VISIT, VISITOR

SELLER = ("channel", "team", "employee")
GOODS = ("product", "category")
ORIGIN = ("source", "medium", "campaign")
VISIT_LABELS = (*ORIGIN, "device", "visitor")

orders = count(ORDER, "orders", "orders placed")
units = count(ORDER, "units", "units ordered")
gross = money(ORDER, "gross_micros", "gross sales")
discounts = money(ORDER, "discount_micros", "discounts")
refunds = money(ORDER, "refund_micros", "refunds")
tax = money(ORDER, "tax_micros", "tax")
shipping = money(ORDER, "shipping_micros", "shipping")
production = money(ORDER, "cost_production_micros", "production cost")
wages = money(ORDER, "cost_wages_micros", "wages")
overhead = money(ORDER, "cost_overhead_micros", "overhead")
net = gross - discounts - refunds
cost = production + wages + overhead

line_orders = count(LINE, "orders", "orders with the product")
line_units = count(LINE, "units", "units ordered")
line_gross = money(LINE, "gross_micros", "gross sales")
line_discounts = money(LINE, "discount_micros", "discounts")
line_refunds = money(LINE, "refund_micros", "refunds")
line_cost = money(LINE, "cost_micros", "cost of goods")
line_net = line_gross - line_discounts - line_refunds

visits = count(VISIT, "visits", "visits")
converted = count(VISIT, "converted", "visits with an order")
visitors = DistinctCount(VISITOR, "seen", "different visitors")
