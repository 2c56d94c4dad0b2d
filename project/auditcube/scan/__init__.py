"""What must not be published: rules for secrets and private data, and the engine that looks for them."""
