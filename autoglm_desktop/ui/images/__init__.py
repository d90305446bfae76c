"""Images in the window: taken in, shown, looked at."""
