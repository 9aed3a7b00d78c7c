"""The access model: who may do what, as templates that render the same on every run, without a cloud."""
