"""Messages, events, precision, settings, errors, ports: what every layer speaks. Stdlib and pydantic only."""
