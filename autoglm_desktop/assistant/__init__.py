"""What the window, the command line and the HTTP service drive: conversations and turns. No Qt, no torch."""
