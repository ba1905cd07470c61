"""Formulas as text to trees: what a shop writes for a KPI of its own.

    net_tips / order.orders                      measures and KPIs by name, amounts as fact.amount
    visit.visits{device=mobile or tablet}        of some label values only
    where(conversion_rate, device="mobile")      the same, of all that is in it
    level(open_ticket.open), level(…, start)     the height at the window's end, or start
    previous(sales), previous(sales, whole)      in the window before: as much as has elapsed, or all
    all(visit.visits, source, medium)            whatever these labels are: what a share is of
    quantile(0.9, response.response)             of a histogram of times, in seconds
    per_year(churned), per_day(line.units)       as if the window were a year, or a day, long
    mean_before(sales, 4)                        the mean over the four windows before
    latest(incident.at_ms), end()                the last time that was counted, and the window's end
    days(end() − latest(incident.at_ms))         seconds as days
    level_of_told(project.hours_ms, plan.estimates)       of projects only that told an estimate
    count_above(project.cost_micros, plan.budget_micros, plan.budgets)  projects over their budget

and + − × / with parentheses and numbers.  Amounts in `_micros` are read as money, those in `_ms` as
seconds.  It must not know settings or where cells come from.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from kpi_windows.amounts import (
    Amount,
    DistinctCount,
    Entries,
    ForPeriod,
    Level,
    Quantile,
    seconds,
)
from kpi_windows.facts import Fact
from kpi_windows.formula import Combined, Constant, Node, Scale, Where
from kpi_windows.narrowing import held, labels_of, nearest, scaled
from kpi_windows.relations import (
    Days,
    MeanBefore,
    PerDay,
    PerYear,
    Previous,
    Whole,
    WindowEnd,
)
from kpi_windows.standing import CountAbove, Latest, LevelOfTold, Told
from kpi_windows.tokens import FormulaError, Token, Tokens

LONGEST = 2_000
DEEPEST = 40
MOST_OPERATORS = 100
"""In a whole formula: its parts are nested to the left, and so are those who read them."""
MOST_WINDOWS = 52
_PERIOD = "period"
_SIGNS = ("+", "−")
_TIMES = ("×", "/")


@dataclass(frozen=True)
class Vocabulary:
    """What a formula may speak of."""

    facts: Mapping[str, Fact]
    terms: Mapping[str, Node]
    """Measures and KPIs by name, a KPI's other numbers as `kpi.definition`."""


def parse(text: str, vocabulary: Vocabulary) -> Node:
    """The tree of a formula; FormulaError when the text is none.

    >>> from kpi_windows.facts import FACTS
    >>> parse("visit.converted / visit.visits", Vocabulary(FACTS, {})).text()
    'visit.converted / visit.visits'
    """
    if len(text) > LONGEST:
        raise FormulaError(f"expected at most {LONGEST:,} characters, got {len(text):,}")
    return _Parser(text, vocabulary).whole()


class _Parser:
    """One text; a method for each rule of the grammar."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._known = vocabulary
        self._tokens = Tokens(text)
        self._depth = self._operators = 0

    def whole(self) -> Node:
        node = self._sum()
        if self._tokens.peek().kind != "end":
            raise self._tokens.wrong("expected an operator or the end")
        return node

    # ------------------------------------------------------------------ rules

    def _sum(self) -> Node:
        return self._deeper(lambda: self._chain(_SIGNS, lambda: self._chain(_TIMES, self._factor)))

    def _deeper(self, part: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._tokens.wrong(f"nested more than {DEEPEST} deep")
        node = part()
        self._depth -= 1
        return node

    def _chain(self, operators: tuple[str, ...], part: Callable[[], Node]) -> Node:
        node: Node = part()
        while token := self._tokens.take(*operators):
            self._operators += 1
            if self._operators > MOST_OPERATORS:
                raise self._tokens.wrong(f"more than {MOST_OPERATORS} operators", token)
            node = Combined(token.text, node, part())
        return node

    def _factor(self) -> Node:
        token = self._tokens.peek()
        if self._tokens.take("−"):
            return self._deeper(lambda: Combined("−", Constant(0), self._factor()))
        if self._tokens.take("("):
            node = self._sum()
            self._tokens.need(")")
            return node
        if token.kind == "number":
            self._tokens.skip()
            exact = Fraction(token.text)
            return Constant(exact.numerator if exact.denominator == 1 else exact)
        name = self._tokens.name("a number, a name or (")
        if self._tokens.take("("):
            node = self._call(name)
            self._tokens.need(")")
            return node
        return self._reference(name)

    def _reference(self, first: Token) -> Node:
        name = first.text
        if self._tokens.take("."):
            name = f"{name}.{self._tokens.name('the name of an amount').text}"
        where = self._filter() if self._tokens.take("{") else ()
        node = self._named(name, first, where)
        if node is None:
            raise self._tokens.wrong(f"nothing is called {name!r}; {self._meant(name)}", first)
        return node

    def _named(self, name: str, at: Token, where: Where) -> Node | None:
        fact_name, _, amount = name.partition(".")
        fact = self._known.facts.get(fact_name)
        if fact is not None and amount in fact.amounts:
            return self._amount(fact, amount, at, where)
        try:
            node = self._known.terms[name]
        except KeyError:
            return None
        return self._held(node, where, at)

    def _amount(self, fact: Fact, amount: str, at: Token, where: Where) -> Node:
        if _PERIOD in fact.labels and _PERIOD not in dict(where):
            raise self._tokens.wrong(f"expected {fact.name}.{amount}{{period=window}}", at)
        if dict(where).get(_PERIOD) == ("window",):
            rest = tuple(each for each in where if each[0] != _PERIOD)
            return self._held(ForPeriod(fact, amount), rest, at)
        said = amount.removesuffix("_micros").removesuffix("_ms").replace("_", " ")
        if amount in fact.distincts:
            return self._held(DistinctCount(fact, amount, said), where, at)
        if amount in fact.histograms:
            return self._held(Entries(fact, amount, said), where, at)
        return scaled(self._held(Amount(fact, amount, said), where, at), amount)

    def _held(self, node: Node, where: Where, at: Token) -> Node:
        try:
            return held(node, where) if where else node
        except ValueError as error:
            raise self._tokens.wrong(str(error), at) from None

    def _meant(self, name: str) -> str:
        fact_name, dot, amount = name.partition(".")
        fact = self._known.facts.get(fact_name)
        if fact is not None:
            if not dot:
                return f"expected {fact_name}.AMOUNT, of {', '.join(fact.amounts)}"
            return f"of {fact_name}, {nearest(amount, fact.amounts)}"
        facts = (
            f"{fact.name}.{each}" for fact in self._known.facts.values() for each in fact.amounts
        )
        names = [*self._known.terms, *facts]
        close = difflib.get_close_matches(name, names, 1, 0.6)
        if close:
            return f"did you mean {close[0]}?"
        return f"expected a measure, a KPI, or an amount of {', '.join(sorted(self._known.facts))}"

    # ------------------------------------------------------------------ label values

    def _filter(self) -> Where:
        """After `{`: `label=value or value, label=value}`."""
        told: list[tuple[str, tuple[str, ...]]] = []
        while True:
            label = self._tokens.name("a label").text
            self._tokens.need("=")
            told.append((label, self._tokens.values(",}")))
            if self._tokens.take("}"):
                return tuple(told)
            self._tokens.need(",")

    # ------------------------------------------------------------------ functions

    def _call(self, name: Token) -> Node:
        known: dict[str, Callable[[Token], Node]] = {
            "level": self._level,
            "previous": self._previous,
            "all": self._all,
            "quantile": self._quantile,
            "per_year": lambda _: PerYear(self._sum()),
            "per_day": lambda _: PerDay(self._sum()),
            "mean_before": self._mean_before,
            "end": lambda _: seconds(WindowEnd()),
            "days": lambda _: Days(self._sum()),
            "latest": self._latest,
            "level_of_told": self._level_of_told,
            "count_above": self._count_above,
            "where": self._where,
        }
        if name.text not in known:
            raise self._tokens.wrong(
                f"no function {name.text!r}; {nearest(name.text, known)}", name
            )
        return known[name.text](name)

    def _level(self, at: Token) -> Node:
        node = self._sum()
        when = self._tokens.word("start", "end") if self._tokens.take(",") else "end"
        return _put(node, replace(self._height(node, at), at=when))

    def _height(self, node: Node, at: Token) -> Level:
        inner = node.part if isinstance(node, Scale) else node
        if not isinstance(inner, Amount) or not inner.fact.level:
            levels = sorted(name for name, fact in self._known.facts.items() if fact.level)
            words = f"expected an amount of {', '.join(levels)} in {at.text}(…)"
            raise self._tokens.wrong(words, at)
        return Level(inner.fact, inner.amount, inner.said, inner.where)

    def _level_of_told(self, at: Token) -> Node:
        node = self._sum()
        height = self._height(node, at)
        told = self._told(height, at)
        return _put(node, LevelOfTold(height.fact, height.amount, height.said, height.where, told))

    def _count_above(self, at: Token) -> Node:
        height = self._height(self._sum(), at)
        self._tokens.need(",")
        limit = self._height(self._sum(), at)
        return CountAbove(height, limit, self._told(limit, at))

    def _told(self, height: Level, at: Token) -> Told:
        self._tokens.need(",")
        other = self._height(self._sum(), at)
        told = Told(other.fact, other.amount)
        if told.label not in height.fact.labels:
            raise self._tokens.wrong(f"{height.fact.name} has no label {told.label!r}", at)
        return told

    def _latest(self, at: Token) -> Node:
        node = self._sum()
        if not isinstance(node, Entries) or not node.fact.level:
            known = sorted(
                f"{fact.name}.{each}"
                for fact in self._known.facts.values()
                for each in fact.histograms
                if fact.level
            )
            raise self._tokens.wrong(f"expected one of {', '.join(known)} in latest(…)", at)
        return seconds(Latest(node.fact, node.amount, node.said, node.where))

    def _mean_before(self, _: Token) -> Node:
        node = self._sum()
        self._tokens.need(",")
        token = self._tokens.peek()
        if token.kind != "number" or token.text not in map(str, range(1, MOST_WINDOWS + 1)):
            raise self._tokens.wrong(f"expected a number of windows, 1 to {MOST_WINDOWS}")
        self._tokens.skip()
        return MeanBefore(node, int(token.text))

    def _previous(self, _: Token) -> Node:
        node = self._sum()
        return Previous(node, whole=bool(self._tokens.take(",") and self._tokens.word("whole")))

    def _all(self, at: Token) -> Node:
        node = self._sum()
        over: list[str] = []
        while self._tokens.take(","):
            label = self._tokens.name("a label")
            if not node.has_label(label.text):
                known = nearest(label.text, labels_of(node)) if labels_of(node) else "it has none"
                raise self._tokens.wrong(
                    f"{node.text()} has no label {label.text!r}; {known}", label
                )
            over.append(label.text)
        if not over and not labels_of(node):
            raise self._tokens.wrong(f"{node.text()} has no label to be over all of", at)
        return Whole(node, tuple(over) or labels_of(node))

    def _quantile(self, at: Token) -> Node:
        token = self._tokens.peek()
        if token.kind != "number" or not 0 < float(token.text) < 1:
            raise self._tokens.wrong("expected a number between 0 and 1, as 0.9")
        self._tokens.skip()
        self._tokens.need(",")
        node = self._sum()
        if not isinstance(node, Entries) or f"{node.amount}_ms" not in node.fact.sums:
            known = sorted(
                f"{fact.name}.{each}"
                for fact in self._known.facts.values()
                for each in fact.histograms
                if f"{each}_ms" in fact.sums
            )
            raise self._tokens.wrong(f"expected one of {', '.join(known)} in quantile(…)", at)
        q = float(token.text)
        return seconds(Quantile(node.fact, node.amount, node.said, node.where, q))

    def _where(self, at: Token) -> Node:
        node = self._sum()
        told: list[tuple[str, tuple[str, ...]]] = []
        while self._tokens.take(","):
            label = self._tokens.name("a label").text
            self._tokens.need("=")
            told.append((label, self._tokens.values(",)")))
        if not told:
            raise self._tokens.wrong('expected label="value" in where(…)', at)
        return self._held(node, tuple(told), at)


def _put(scaled_node: Node, node: Node) -> Node:
    """In the unit of another one."""
    return replace(scaled_node, part=node) if isinstance(scaled_node, Scale) else node
