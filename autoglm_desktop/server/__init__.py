"""The HTTP service: OpenAI-compatible, over the same assistant as the window. FastAPI and uvicorn, imported late."""
