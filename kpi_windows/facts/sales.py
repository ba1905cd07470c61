"""Facts of orders, products and customers."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

ORDER = Fact(
    "order",
    ("channel", "team", "employee"),
    sums=(
        "orders",
        "units",
        "gross_micros",
        "discount_micros",
        "tax_micros",
        "shipping_micros",
        "refunds",
        "cancellations",
        "refund_micros",
        "cost_production_micros",
        "cost_wages_micros",
        "cost_overhead_micros",
    ),
)
"""Orders, refunds and cancellations, each at its own time.  Costs are net of what went back to
stock."""

CUSTOMER_VALUE = Fact("customer_value", (), sums=("profit_micros",), level=True)
"""Net sales − cost of orders of identified customers, and of their refunds, to date."""

LINE = Fact(
    "line",
    ("product", "category"),
    sums=("orders", "units", "gross_micros", "discount_micros", "refund_micros", "cost_micros"),
)
"""The same by product; what no product bears (discount on the order, refund of an amount) is under
`(none)`, so that the products sum to the total."""

BUYER = Fact("buyer", ("customer",), sums=("orders", "value_micros"))
"""Orders by customers that are new, returning or guest; value is gross − discount."""

PAIR = Fact("pair", ("product",), histograms=("orders_with",), daily=True, limited=True)
"""Two products in one order, product < other: under the product, the histogram counts orders by
the other product's id."""

CUSTOMER = Fact(
    "customer",
    (),
    sums=("customers", "active", "lost", "subscribed", "unsubscribed"),
    level=True,
)
"""Customers ever, active now (ordered within `lost_ms`, not lost), lost, and subscriptions."""

CUSTOMER_PERIOD = Fact("customer_period", ("period",), sums=("active", "retained", "new", "lost"))
"""Of a customer and a calendar period (hour … year), at the first order in it; retained: there
was an order in the period before it.  New and lost: when somebody becomes a customer, by an order
or a subscription, and when one is lost."""

SEQUENCE = Fact("sequence", ("product",), histograms=("followed",), daily=True, limited=True)
"""What the customer's next order after one with `product` holds, at the first order: the histogram
counts by `"<whole days between>:<next product>"`."""

SEQUENCE_START = Fact("sequence_start", ("product",), sums=("orders",), daily=True)
"""Orders of known customers with a product."""
