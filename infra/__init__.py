"""The AWS resources of RendioAI's back end; `__main__.py` is the architecture on one page."""
