"""An OpenAI-compatible endpoint elsewhere, behind the same port as the engine of this machine. Off by default."""
