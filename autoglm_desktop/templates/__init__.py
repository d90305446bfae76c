"""Chat templates, which make one text of a conversation: the engine runs them, adding a model checks them."""
