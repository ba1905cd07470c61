"""The guide's sales KPIs: what was sold, to whom, and what it left.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import WHOLE_DAYS, DistinctCount, Entries, count, money
from kpi_windows.catalogue import tables
from kpi_windows.catalogue.customers import (
    CHURN_RATE,
    CUSTOMER_LIFETIME_VALUE,
    CUSTOMER_RETENTION_RATE,
    NEW_VS_RETURNING_ORDERS,
)
from kpi_windows.catalogue.inventory import COMPETITOR_PRICE_INDEX, INVENTORY
from kpi_windows.catalogue.market import CUSTOMER_ACQUISITION_COST, MARKET_SHARE
from kpi_windows.catalogue.terms import (
    GOODS,
    SELLER,
    VISIT_LABELS,
    converted,
    cost,
    discounts,
    gross,
    line_cost,
    line_discounts,
    line_gross,
    line_net,
    line_orders,
    line_refunds,
    net,
    orders,
    overhead,
    production,
    refunds,
    shipping,
    tax,
    units,
    visitors,
    visits,
    wages,
)
from kpi_windows.facts.sales import ORDER, PAIR, SEQUENCE
from kpi_windows.facts.visits import CART, CATEGORY, CHECKOUT, PAGE, VISIT, VISITOR
from kpi_windows.formula import Scale
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Table, Unit

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
    "order; a cancellation is a full refund, after which no other refund of the order counts. "
    "By product, a discount on the whole order and a refund of an amount are under `(none)`, so "
    "that products sum to the total.",
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
            DistinctCount(VISITOR, "buyers", "different visitors who ordered") / visitors,
            Unit.RATIO,
            ("device", "medium"),
            note="Buyers / visitors, as in the guide's questions and answers.",
        ),
        "checkout": Reading(
            count(CHECKOUT, "ordered", "visits with a checkout and an order")
            / count(CHECKOUT, "visits", "visits with a checkout"),
            Unit.RATIO,
            ("device",),
            note="Of the visits that started a checkout; it tells a broken checkout from a day "
            "on which few want to buy.",
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

REVENUE_PER_VISITOR = Kpi(
    id="revenue_per_visitor",
    title="Revenue per visitor",
    aliases=("Omzet per bezoeker",),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=net / visits,
    definitions={
        "unique_visitors": Reading(net / visitors, Unit.MONEY),
    },
    note="All net sales, by visits; a refund counts at its own time.",
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
    MARKET_SHARE,
    PRODUCT_AFFINITY,
    PRODUCT_SEQUENCE,
    INVENTORY,
    COMPETITOR_PRICE_INDEX,
    CUSTOMER_LIFETIME_VALUE,
    REVENUE_PER_VISITOR,
    CHURN_RATE,
    CUSTOMER_ACQUISITION_COST,
)
