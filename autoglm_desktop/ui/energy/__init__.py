"""The energy panel in small cards, fed by the assistant's energy service.

- `panel.EnergyPanel` puts the cards together and asks for views only while it can be seen; `feed.Feed` brings them from
  the service's thread.
- `figure.Figure` is a value that can be focused, read aloud and copied; `badge` draws where it comes from.
- Cards draw what changes often by hand, so that a view ten times a second costs no layout and no style sheet.
- `plot` is the only module that imports pyqtgraph, and `plot_loader` does that after the window is visible.
"""
