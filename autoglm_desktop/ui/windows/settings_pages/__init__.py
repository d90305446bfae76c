"""Pages of the settings that need more than a field beside its name."""
