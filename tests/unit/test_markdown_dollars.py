"""Dollars of prices and of shells are text, dollars around a formula are a formula."""

from __future__ import annotations

import pytest

from autoglm_desktop.ui.transcript.blocks import Formula, Mark, Para, Span, Table
from autoglm_desktop.ui.transcript.parser import parse


def formulas(text: str) -> list[str]:
    return [
        span.text
        for block in parse(text)
        if isinstance(block, Para)
        for span in block.spans
        if span.mark & (Mark.MATH | Mark.DISPLAY_MATH)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It costs $10 (or 10$).",
        "售价$99，原价199$，优惠",
        "花费$5或6$元，5$到6$，共10$。",
        "Set $PATH:$HOME/bin",
        "export PATH=$PATH:$HOME/bin:$JAVA_HOME/bin",
        "US$5–$10, A$5, B$6",
        "$5/month and $7/year",
        "between $5 and $10",
        "$100K~$200K",
        "from $5 million to $6 million$",
        "I have 5$ or 6$ (5$-6$), 5$/6$",
        "10$，20$",
        "Item 7: $5, was $7\nItem 8: $6, was $8",
        "echo $HOME and $USER",
        '"$1" "$2"',
        '"$@" or "$*"',
        "${HOME}/bin:${PATH}",
        "{$a}{$b}",
        "$(pwd)/$(ls)",
        "$FOO$BAR, $a+$b, $x.$y, $obj->$x, $i<$n; $A_B$C",
        "$_GET['a'] and $_POST['b']",
        "print($a); print($b)",
        "$AAPL/$TSLA and ($AAPL)($TSLA)",
        "变量$name的值是$value。",
        "$user_name和$pass_word",
        "echo $$; kill $$",
        "HK$100/US$13, NT$500元到NT$800元",
        "价格是$100（约700元），比$200便宜；另一种是300$（约2100元）。",
        "$n个苹果卖$m元",
        "I paid $20 for lunch, then 30$ for dinner",
    ],
)
def test_no_formula(text: str) -> None:
    assert formulas(text) == []
    assert "".join(span.text for block in parse(text) if isinstance(block, Para) for span in block.spans) == (
        text.replace("\n", "\u2028")
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$E=mc^2$, $x$ a$y$b", ["E=mc^2", "x", "y"]),
        (r"$\frac{a}{b}$和$x_1$或$10^{3}$", [r"\frac{a}{b}", "x_1", "10^{3}"]),
        ("$5$, $-1$, $3x+1$, $[0,1)$, $n!$, $.5$", ["5", "-1", "3x+1", "[0,1)", "n!", ".5"]),
        (r"$f(x)=x^2$ 2$x$ 3$\pi$", ["f(x)=x^2", "x", r"\pi"]),
        (r"$\{a\}$ $x \text{ if } y$ $O(n \log n)$", [r"\{a\}", r"x \text{ if } y", r"O(n \log n)"]),
        (r"$v=\frac{路程}{时间}$，$速度=路程/时间$", [r"v=\frac{路程}{时间}", "速度=路程/时间"]),
        ("$AB$ $ABC$ $sin x$ $f'$ $0 < x < 1$ $+$", ["AB", "ABC", "sin x", "f'", "0 < x < 1", "+"]),
        ("costs $5 and $x$ is", ["x"]),
        (r"costs $10 (or 10$). Then \(y\)", ["y"]),
        (r"$\$5$", [r"\$5"]),
        (r"$\mathrm{Na}^+$ and $H^+$", [r"\mathrm{Na}^+", "H^+"]),
        ("so $$x + y$$ holds", ["x + y"]),
        ("$x = 1 or x = 2$, $k$th of $n$个", ["x = 1 or x = 2", "k", "n"]),
        (r"若$x>0$，则$y<0$；$50\%$，$1,000$", ["x>0", "y<0", r"50\%", "1,000"]),
    ],
)
def test_formulas(text: str, wanted: list[str]) -> None:
    assert formulas(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        r"so \[ x + \{ a_1 * b * c_2",
        r"so \( f(x) = \{1, [2",
        "\\[\n\\frac{a}{b} \\\\\nc",
        "$$\nx = \\{ a \\\\",
        r"- item \[ \alpha \_",
    ],
)
def test_a_formula_that_was_not_finished_stays_as_it_was_written(text: str) -> None:
    (only,) = parse(text)
    assert isinstance(only, Para)
    assert only.spans == (Span(text.removeprefix("- item ").replace("\n", "\u2028")),) or only.spans == (
        Span(text.removeprefix("- ")),
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"\[ ] todo", "[ ] todo"),
        (r"\[a](http://b)", "[a](http://b)"),
        (r"\(a) b", "(a) b"),
        (r"a \) b \] c", "a ) b ] c"),
    ],
)
def test_brackets_that_a_backslash_keeps_from_meaning_something(text: str, wanted: str) -> None:
    (only,) = parse(text)
    assert isinstance(only, Para)
    assert only.spans == (Span(wanted),)


def cells(*rows: str) -> list[list[tuple[Span, ...]]]:
    (table,) = parse("| a | b |\n|---|---|\n" + "\n".join(rows))
    assert isinstance(table, Table)
    return [list(row) for row in table.rows[1:]]


@pytest.mark.parametrize(
    ("row", "tex"),
    [
        ("| $x^2$ | b |", "x^2"),
        (r"| \(x\) | b |", "x"),
        ("| $P(A|B)$ | b |", "P(A|B)"),
        (r"| \(|x|\) | b |", "|x|"),
        (r"| $\|x\|$ | b |", "|x|"),
    ],
)
def test_formulas_in_cells(row: str, tex: str) -> None:
    assert cells(row) == [[(Span(tex, Mark.MATH),), (Span("b"),)]]


def test_prices_in_cells_and_other_bars() -> None:
    assert cells("| $5 | $6 |", "|$5|$6|", "| `a` | $x|$y |") == [
        [(Span("$5"),), (Span("$6"),)],
        [(Span("$5"),), (Span("$6"),)],
        [(Span("a", Mark.CODE),), (Span("$x"),)],
    ]


def test_formulas_in_cells_of_tables_in_lists_and_quotes() -> None:
    for lead in ("> ", "  "):
        text = "\n".join(lead + line for line in ("| a | b |", "|---|---|", "| $|x|$ | b |"))
        table = parse(text)[-1]
        assert isinstance(table, Table)
        assert table.rows[1] == ((Span("|x|", Mark.MATH),), (Span("b"),))


def test_a_displayed_formula_inside_of_a_line_that_never_closes_costs_no_block() -> None:
    assert parse("\\[ a\n\\[ b\n\\]\n")[-1] == Formula("a\n\\[ b")
