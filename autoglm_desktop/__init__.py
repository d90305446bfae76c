"""AutoGLM Desktop: a desktop assistant that runs its model here and shows what an answer costs."""

__version__ = "0.1.0"
