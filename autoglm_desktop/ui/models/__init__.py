"""Models without widgets: what lists show."""
