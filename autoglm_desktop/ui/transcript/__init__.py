"""The column of messages: Markdown, code, formulas, streaming and a history that is built where it is looked at."""
