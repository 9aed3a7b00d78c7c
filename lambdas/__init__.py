"""RendioAI's Lambda functions: one folder a function, what they share in `runtime`."""
