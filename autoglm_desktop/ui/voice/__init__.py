"""Talking with the assistant: dictation, hands-free conversation, answers read aloud."""
