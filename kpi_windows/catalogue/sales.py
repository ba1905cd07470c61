"""The guide's sales KPIs: what was sold, to whom, and what it left.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import WHOLE_DAYS, DistinctCount, Entries, ForPeriod, Level, count, money
from kpi_windows.catalogue import tables
from kpi_windows.facts import (
    BUYER,
    CART,
    CATEGORY,
    CUSTOMER,
    CUSTOMER_PERIOD,
    LINE,
    ORDER,
    PAGE,
    PAIR,
    SEQUENCE,
    VISIT,
    VISITOR,
)
from kpi_windows.formula import Constant, Scale
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Table, Unit
from kpi_windows.relations import PerYear, Previous
from kpi_windows.windows import CALENDAR

SELLER = ("channel", "team", "employee")
GOODS = ("product", "category")
VISIT_LABELS = ("source", "medium", "campaign", "device", "visitor")

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

customers = Level(CUSTOMER, "customers", "customers ever")
active_at_start = Level(CUSTOMER, "active", "active customers", at="start")
active_at_end = Level(CUSTOMER, "active", "active customers")
bought = ForPeriod(CUSTOMER_PERIOD, "active", "customers who bought")
retained = ForPeriod(
    CUSTOMER_PERIOD, "retained", "customers who bought here and in the period before"
)
new_customers = ForPeriod(CUSTOMER_PERIOD, "new", "new customers")
lost = ForPeriod(CUSTOMER_PERIOD, "lost", "customers lost")
churn = lost / active_at_start
profit_to_date = Scale(
    Level(ORDER, "customer_profit_micros", "gross profit of known customers to date"),
    Fraction(1, 1_000_000),
)
new_orders = count(BUYER, "orders", "orders of new customers", customer="new")
returning_orders = count(BUYER, "orders", "orders of returning customers", customer="returning")
known_orders = count(BUYER, "orders", "orders of known customers", customer=("new", "returning"))

SALES = Kpi(
    id="sales",
    title="Sales",
    aliases=("Verkopen", "Net sales"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=net,
    by=SELLER,
    instead=(Instead(GOODS, line_net),),
    beside={
        "gross": Reading(gross, Unit.MONEY, instead=(Instead(GOODS, line_gross),)),
        "discounts": Reading(discounts, Unit.MONEY, instead=(Instead(GOODS, line_discounts),)),
        "refunds": Reading(refunds, Unit.MONEY, instead=(Instead(GOODS, line_refunds),)),
    },
    note="Net, before tax and shipping. A refund counts at its own time and need not name an "
    "order; a cancellation is a full refund. By product, a discount on the whole order and a "
    "refund of an amount are under `(none)`, so that products sum to the total.",
)

AVERAGE_ORDER_SIZE = Kpi(
    id="average_order_size",
    title="Average order size",
    aliases=("Gemiddelde ordergrootte", "Gemiddelde winkelmand"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=(gross - discounts + tax + shipping) / orders,
    by=SELLER,
    beside={
        "units": Reading(units / orders, Unit.COUNT, note="Units per order."),
    },
    note="What a customer pays for one order, tax and shipping included, before any refund.",
)

GROSS_PROFIT = Kpi(
    id="gross_profit",
    title="Gross profit",
    aliases=("Brutowinst",),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=net - cost,
    by=SELLER,
    instead=(Instead(GOODS, line_net - line_cost),),
    note="Lines without a cost count as free: send costs with the order.",
)

AVERAGE_MARGIN = Kpi(
    id="average_margin",
    title="Average margin",
    aliases=("Gemiddelde marge", "Gemiddelde winstmarge"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=(net - cost) / net,
    by=SELLER,
    instead=(Instead(GOODS, (line_net - line_cost) / line_net),),
)

AVERAGE_ORDER_VALUE = Kpi(
    id="average_order_value",
    title="Average order value",
    aliases=("Gemiddelde orderwaarde", "AOV"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=(gross - discounts) / orders,
    by=SELLER,
)

CUSTOMER_RETENTION_RATE = Kpi(
    id="customer_retention_rate",
    title="Customer retention rate",
    aliases=("Klantretentie", "Klantretentie percentage"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=retained / Previous(bought),
    definitions={
        "end_less_new": Reading(
            (active_at_end - new_customers) / active_at_start,
            Unit.RATIO,
            note="(Customers at the end − new ones) / customers at the start; a customer is one "
            "while not lost.",
        ),
    },
    windows=CALENDAR,
    note="Of all customers of the whole previous period; the current one is to date.",
)

TRANSACTIONS = Kpi(
    id="transactions",
    title="Transactions",
    aliases=("Aantal transacties", "Orders placed"),
    group="sales",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=orders,
    by=SELLER,
    instead=(Instead(GOODS, line_orders, overlapping=True),),
    beside={
        "cancellations": Reading(count(ORDER, "cancellations"), Unit.COUNT),
        "refunds": Reading(count(ORDER, "refunds"), Unit.COUNT),
    },
    note="Orders placed; a cancellation doesn't reduce them.",
)

CONVERSION_RATE = Kpi(
    id="conversion_rate",
    title="Conversion rate",
    aliases=("Conversieratio",),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=converted / visits,
    by=VISIT_LABELS,
    instead=(
        Instead(
            ("page",),
            count(PAGE, "converted", "visits with the page and an order")
            / count(PAGE, "visits", "visits with the page"),
            overlapping=True,
        ),
        Instead(
            ("category",),
            count(CATEGORY, "converted", "visits with the category and an order")
            / count(CATEGORY, "visits", "visits with the category"),
            overlapping=True,
        ),
    ),
    definitions={
        "buyers": Reading(
            DistinctCount(VISITOR, "buyers", "different visitors who ordered")
            / DistinctCount(VISITOR, "seen", "different visitors"),
            Unit.RATIO,
            ("device", "medium"),
            note="Buyers / visitors, as in the guide's questions and answers.",
        ),
    },
    matures_after="visit_gap_ms",
    note="The order counts at the start of its visit. The guide's sentence divides visitors by "
    "conversions; the rate is the inverse.",
)

CART_ABANDONMENT_RATE = Kpi(
    id="cart_abandonment_rate",
    title="Cart abandonment rate",
    aliases=("Winkelwagentje-verlaten", "Winkelwagentje-verlatingspercentage"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.LOWER,
    formula=count(CART, "abandoned", "carts idle past the deadline without an order")
    / count(CART, "carts", "carts with a product"),
    by=("device",),
    definitions={
        "same_visit": Reading(
            count(VISIT, "cart_without_order", "visits with a cart and no order")
            / count(VISIT, "with_cart", "visits with a cart"),
            Unit.RATIO,
            VISIT_LABELS,
            note="Within one visit, and final when it ends.",
        ),
    },
    beside={
        "carts": Reading(count(CART, "carts", "carts with a product"), Unit.COUNT),
        "abandoned": Reading(count(CART, "abandoned", "abandoned carts"), Unit.COUNT),
        "recovered": Reading(
            count(CART, "recovered", "carts ordered after they were abandoned"), Unit.COUNT
        ),
        "abandoned_value": Reading(
            money(CART, "abandoned_micros", "value of abandoned carts"), Unit.MONEY
        ),
        "recovered_value": Reading(
            money(CART, "recovered_micros", "value of recovered carts"), Unit.MONEY
        ),
        "recovery_time": Reading(
            Scale(count(CART, "recovered_ms", "time until recovery"), Fraction(1, 1_000))
            / count(CART, "recovered", "recovered carts"),
            Unit.SECONDS,
            note="Mean time from the cart's abandonment to its order.",
        ),
    },
    matures_after="cart_idle_ms",
    note="Counted at the cart's first product. A later order takes the abandonment back and "
    "counts as recovered.",
)

NEW_VS_RETURNING_ORDERS = Kpi(
    id="new_vs_returning_orders",
    title="New versus returning customers' orders",
    aliases=(
        "Nieuwe vs terugkerende bestellingen",
        "Nieuwe klantbestellingen versus terugkerende klantbestellingen",
    ),
    group="sales",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=count(BUYER, "orders", "orders"),
    by=("customer",),
    beside={
        "new_share": Reading(new_orders / known_orders, Unit.RATIO, ()),
        "returning_share": Reading(returning_orders / known_orders, Unit.RATIO, ()),
        "value": Reading(money(BUYER, "value_micros", "order value"), Unit.MONEY),
    },
    note="By `customer`: new, returning or guest. Shares are of orders with a known customer.",
)

COST_OF_GOODS_SOLD = Kpi(
    id="cost_of_goods_sold",
    title="Cost of goods sold",
    aliases=("Kosten van verkochte goederen", "COGS"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.LOWER,
    formula=cost,
    by=SELLER,
    instead=(Instead(GOODS, line_cost),),
    beside={
        "production": Reading(production, Unit.MONEY),
        "wages": Reading(wages, Unit.MONEY),
        "overhead": Reading(overhead, Unit.MONEY),
    },
    note="Given back, at the refund's time, only when the goods go back to stock.",
)

PRODUCT_AFFINITY = Kpi(
    id="product_affinity",
    title="Product affinity",
    aliases=("Productaffiniteit", "Bought together"),
    group="sales",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=Entries(PAIR, "orders_with", "pairs of products in one order"),
    by=("product",),
    windows=WHOLE_DAYS,
    table=Table(tables.AFFINITY, tables.affinity),
    note="The table has each pair with its support (share of all orders), its confidence both "
    "ways and its lift. By `product`, a pair is under the one that comes first by name.",
    source="Agrawal, Imielinski and Swami 1993 (support, confidence); Brin et al. 1997 (lift)",
)

PRODUCT_SEQUENCE = Kpi(
    id="product_sequence",
    title="Product sequence",
    aliases=("Productrelatie", "Bought next"),
    group="sales",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=Entries(SEQUENCE, "followed", "products bought in the order after one with a product"),
    by=("product",),
    windows=WHOLE_DAYS,
    table=Table(tables.SEQUENCE_COLUMNS, tables.sequence),
    note="Counted at the first of the two orders. The table has each product and the next, the "
    "probability that it follows, and the median of the whole days between.",
)

CUSTOMER_LIFETIME_VALUE = Kpi(
    id="customer_lifetime_value",
    title="Customer lifetime value",
    aliases=("CLV", "Klantlevensduurwaarde"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=profit_to_date / customers,
    definitions={
        "predicted": Reading(
            (gross - discounts)
            / orders
            * ((net - cost) / net)
            * PerYear(known_orders / active_at_end)
            * (Constant(1) / PerYear(churn)),
            Unit.MONEY,
            note="Order value × margin × orders a year × years (1 / churn); no value while nobody "
            "is lost. Calendar windows only.",
        ),
    },
    note="Gross profit of known customers to date, mean over all customers there ever were. "
    "A long window (a quarter, a year) makes the prediction steady.",
)

REVENUE_PER_VISITOR = Kpi(
    id="revenue_per_visitor",
    title="Revenue per visitor",
    aliases=("Omzet per bezoeker",),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=net / visits,
    definitions={
        "unique_visitors": Reading(
            net / DistinctCount(VISITOR, "seen", "different visitors"), Unit.MONEY
        ),
    },
    note="All net sales, by visits; a refund counts at its own time.",
)

CHURN_RATE = Kpi(
    id="churn_rate",
    title="Churn rate",
    aliases=("Churnpercentage",),
    group="sales",
    unit=Unit.RATIO,
    better=Better.LOWER,
    formula=churn,
    beside={"lost": Reading(lost, Unit.COUNT)},
    windows=CALENDAR,
    note="Lost: no order for `lost_ms` (365 days), or a subscription cancelled or not renewed.",
)

KPIS: tuple[Kpi, ...] = (
    SALES,
    AVERAGE_ORDER_SIZE,
    GROSS_PROFIT,
    AVERAGE_MARGIN,
    AVERAGE_ORDER_VALUE,
    CUSTOMER_RETENTION_RATE,
    TRANSACTIONS,
    CONVERSION_RATE,
    CART_ABANDONMENT_RATE,
    NEW_VS_RETURNING_ORDERS,
    COST_OF_GOODS_SOLD,
    PRODUCT_AFFINITY,
    PRODUCT_SEQUENCE,
    CUSTOMER_LIFETIME_VALUE,
    REVENUE_PER_VISITOR,
    CHURN_RATE,
)
