"""The text of answers: growing step by step gives the very document that showing it at once gives."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication, QTextBrowser
from pytestqt.qtbot import QtBot

from autoglm_desktop.ui.style import DARK, LIGHT
from autoglm_desktop.ui.transcript.background import Background
from autoglm_desktop.ui.transcript.blocks import Code, Formula, Para, Place, Span
from autoglm_desktop.ui.transcript.body import Body, Tools
from autoglm_desktop.ui.transcript.code_block import CodeBlock
from autoglm_desktop.ui.transcript.formulas import Formulas, Key, picture, typeset
from autoglm_desktop.ui.transcript.highlight import Lexers
from autoglm_desktop.ui.transcript.incremental import MarkdownStream
from autoglm_desktop.ui.transcript.look import Look
from autoglm_desktop.ui.transcript.parser import parse
from autoglm_desktop.ui.transcript.prose import Prose
from autoglm_desktop.ui.transcript.table import TableView
from autoglm_desktop.ui.transcript.text_pane import selected_text

_PIECES = [
    *(
        "word ",
        "中文。",
        "\n",
        "\n\n",
        "# head\n",
        "- item\n",
        "  - inner\n",
        "1. one\n",
        "> quote\n",
        "**bold** ",
        "*it* ",
    ),
    *("`code` ", "[link](http://a.b) ", "```py\nx = 1\n```\n", "| a | b |\n|---|---|\n", "| 1 | 2 |\n", "---\n", "😀 "),
    *("H<sub>2</sub>O ", "a<br>b ", "**「文」**后 ", "```markdown\n", "| <br>$5 | x<sup>2</sup> |\n"),
    *("- [ ] todo\n", "- [x] done\n", "~~no~~ ", "a\n===\n", "```\n"),
]


@pytest.fixture
def tools(qapp: QApplication) -> Tools:
    background = Background()
    return Tools(Look(LIGHT, Formulas(None, background), QApplication.font()), Lexers(background))


def documents(body: Body) -> list[str]:
    panes = [pane for piece in body.pieces for pane in piece.findChildren(QTextBrowser)]
    return [pane.document().toHtml() for pane in panes]


def placed(body: Body) -> list[tuple[str, int, int]]:
    return [(type(piece).__name__, piece.y(), piece.height()) for piece in body.pieces]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(st.sampled_from(_PIECES), max_size=30).map("".join), seed=st.integers(0, 999))
@example(text="> quote\n\n1. one\n\nword \n\n- item\n  - inner\nword ", seed=3)
@example(text="😀 **bold** 😀 ```py\nx = 1\n```\n", seed=4)
def test_growing_gives_the_same_document(tools: Tools, text: str, seed: int) -> None:
    chance = random.Random(seed)
    grown, whole, stream = Body(tools), Body(tools), MarkdownStream(cut_tail_characters=40)
    position = 0
    while position < len(text):
        step = chance.randrange(1, 12)
        stream.append(text[position : position + step])
        position += step
        grown.show_blocks(stream.update(), growing=True)
        grown.arrange(500)
    for body, blocks in ((grown, stream.finish()), (whole, parse(text))):
        body.show_blocks(blocks, growing=False)
        height = body.arrange(500)
        body.resize(500, height)
    assert placed(grown) == placed(whole)
    assert documents(grown) == documents(whole)
    for body in (grown, whole):
        body.deleteLater()


def test_a_selection_above_the_growing_end_stays(tools: Tools) -> None:
    prose = Prose(tools.look)
    first = Para((Span("The first paragraph."),))
    prose.set_blocks((first, Para((Span("The second"),))))
    prose.arrange(400)
    cursor = QTextCursor(prose.pane.document())
    cursor.setPosition(4)
    cursor.setPosition(9, QTextCursor.MoveMode.KeepAnchor)
    prose.pane.setTextCursor(cursor)
    prose.set_blocks((first, Para((Span("The second grows"), Span(" and grows"))), Para((Span("third"),))))
    assert prose.pane.textCursor().selectedText() == "first"


def test_a_formula_is_set_and_copied_as_latex(tools: Tools, qtbot: QtBot) -> None:
    prose = Prose(tools.look)
    prose.set_blocks(tuple(block for block in parse("So $E = mc^2$ holds.") if isinstance(block, Para)))
    prose.arrange(400)
    assert "E = mc^2" in prose.pane.toPlainText()  # its source, until it is set
    with qtbot.waitSignal(tools.look.formulas.arrived, timeout=20_000):
        pass
    assert prose.refresh_formulas()
    assert prose.pane.toPlainText() == "So \ufffc holds."
    prose.pane.selectAll()
    assert selected_text(prose.pane.textCursor()) == "So $E = mc^2$ holds."
    assert prose.pane.createMimeDataFromSelection().text() == "So $E = mc^2$ holds."


def test_a_formula_wider_than_the_column_is_drawn_in_the_size_that_it_has_there(tools: Tools, qtbot: QtBot) -> None:
    wide = " + ".join(rf"\frac{{x_{{{n}}}}}{{e^{{-x^2}}}}" for n in range(30))
    prose = Prose(tools.look)
    prose.set_blocks(tuple(block for block in parse(f"$${wide}$$") if isinstance(block, Para | Formula)))
    prose.arrange(400)
    qtbot.waitUntil(lambda: not tools.look.formulas.awaited, timeout=20_000)
    prose.refresh_formulas()
    prose.arrange(400)
    cursor = prose.pane.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.movePosition(QTextCursor.MoveOperation.Right)
    form = cursor.charFormat().toImageFormat()
    assert 380 < form.width() <= 400
    image = prose.pane.document().resource(QTextDocument.ResourceType.ImageResource, QUrl(form.name()))
    ratio = prose.devicePixelRatioF()
    assert abs(image.width() - form.width() * ratio) <= 1
    assert abs(image.height() - form.height() * ratio) <= 1


def test_what_cannot_be_set_stays_as_source(tools: Tools, qtbot: QtBot) -> None:
    prose = Prose(tools.look)
    prose.set_blocks(tuple(block for block in parse(r"Broken $\frac{$ here.") if isinstance(block, Para)))
    prose.arrange(400)
    qtbot.waitUntil(lambda: not tools.look.formulas.awaited, timeout=20_000)
    prose.refresh_formulas()
    assert prose.pane.toPlainText() == r"Broken \frac{ here."


def test_formulas_are_sharp_and_in_the_colour_asked_for(qapp: QApplication) -> None:
    drawing = typeset(Key(r"\frac{a}{b}", True, 16))
    assert drawing.svg is not None
    assert drawing.ascent > drawing.descent > 0
    image = picture(drawing, "#FF0000", 2.0)
    assert image.devicePixelRatio() == 2.0
    assert abs(image.width() - 2 * drawing.width) <= 2
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    inked = [pixel for pixel in pixels if pixel.alpha() > 200]
    assert inked
    assert all((pixel.red(), pixel.green(), pixel.blue()) == (255, 0, 0) for pixel in inked)


def test_code_is_coloured_and_copied(tools: Tools, qtbot: QtBot) -> None:
    block = CodeBlock(tools.look, tools.lexers)
    block.set_code(Code("def f():\n    return 'text'", "python"))
    block.arrange(400)
    first = block.pane.document().firstBlock()
    qtbot.waitUntil(lambda: bool(first.layout().formats()), timeout=20_000)
    colored = {run.format.foreground().color().name() for run in first.layout().formats()}
    assert len(colored) > 1
    qtbot.addWidget(block)
    block.show()
    block.copy_button.click()
    assert QGuiApplication.clipboard().text() == "def f():\n    return 'text'"


def test_code_of_an_unknown_language_stays_plain(tools: Tools, qtbot: QtBot) -> None:
    block = CodeBlock(tools.look, tools.lexers)
    with qtbot.waitSignal(tools.lexers.found, timeout=20_000):
        block.set_code(Code("x", "no-such-language"))
    assert block.pane.toPlainText() == "x"
    assert not block.pane.document().firstBlock().layout().formats()


def test_wide_code_scrolls_sideways_and_no_line_is_cut(tools: Tools, qtbot: QtBot) -> None:
    block = CodeBlock(tools.look, tools.lexers)
    qtbot.addWidget(block)
    block.set_code(Code("\n".join(["x" * 300, "中文 mixed", "last"])))
    block.resize(300, block.arrange(300))
    block.show()
    qtbot.waitExposed(block)
    assert block.pane.horizontalScrollBar().maximum() > 0
    assert block.pane.viewport().height() >= block.pane.document().size().height()


def test_themes_differ_and_links_can_be_read(qapp: QApplication) -> None:
    background = Background()
    looks = [Look(theme, Formulas(None, background), QApplication.font()) for theme in (LIGHT, DARK)]
    assert looks[0].link != looks[1].link


def test_a_place_indents(tools: Tools) -> None:
    body = Body(tools)
    body.show_blocks((Code("x", "", Place(2)),), growing=False)
    body.arrange(500)
    assert body.pieces[0].x() == 52


def test_forgotten_formulas_do_not_come_back(qtbot: QtBot) -> None:
    background = Background()
    formulas, key = Formulas(None, background), Key("x^2", True, 16)
    assert formulas.get(key) is None
    formulas.forget()
    qtbot.waitUntil(lambda: background.awaited == 0)
    assert formulas.get(key) is None, "it was being set when all was forgotten"
    qtbot.waitUntil(lambda: background.awaited == 0)
    assert formulas.get(key) is not None
    formulas.forget()
    assert formulas.get(key) is None


def test_formulas_of_a_table_are_drawn_while_it_grows(tools: Tools, qtbot: QtBot) -> None:
    body, stream = Body(tools), MarkdownStream()
    qtbot.addWidget(body)
    for piece in ("| a | b |\n|---|---|\n", "| $x^2$ | 1 |\n", "| \\(|y|\\) | 2 |\n", "| z | 3 |\n"):
        stream.append(piece)
        body.show_blocks(stream.update(), growing=True)
    body.arrange(400)
    qtbot.waitUntil(lambda: not tools.look.formulas.awaited, timeout=20_000)
    assert body.refresh_formulas()
    (table,) = body.pieces
    assert isinstance(table, TableView)
    assert table.pane.toPlainText().split() == ["a", "b", "\ufffc", "1", "\ufffc", "2", "z", "3"]
    assert not body.refresh_formulas()  # none is left
    table.pane.selectAll()
    assert "$x^2$" in selected_text(table.pane.textCursor())


def test_lowered_and_raised_text_stands_below_and_above_the_line(tools: Tools, qtbot: QtBot) -> None:
    body = Body(tools)
    qtbot.addWidget(body)
    body.show_blocks(parse("H<sub>2</sub>O x<sup>3</sup>\n\n| y<sup>4</sup> | b |\n|---|---|\n"), growing=False)
    body.arrange(400)
    align = QTextCharFormat.VerticalAlignment
    wanted = {"2": align.AlignSubScript, "3": align.AlignSuperScript, "4": align.AlignSuperScript}
    shown: dict[str, QTextCharFormat.VerticalAlignment] = {}
    for pane in body.findChildren(QTextBrowser):
        assert "<s" not in pane.toPlainText()
        places = {sign: pane.document().find(sign) for sign in wanted}
        shown |= {sign: place.charFormat().verticalAlignment() for sign, place in places.items() if not place.isNull()}
    assert shown == wanted
