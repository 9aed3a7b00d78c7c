"""The one tree of errors of this package."""

from __future__ import annotations


class PolicyError(Exception):
    """A policy that cannot be rendered, or must not be; the message names the file, the line and the rule."""


class TemplateError(PolicyError):
    """A template that is wrong in itself: its header, an undefined name, or what it renders is no JSON."""


class UnknownAccessError(PolicyError):
    """A template that names an action, a condition key or a resource type that AWS does not have."""


class CheckoutError(PolicyError):
    """A checkout whose stacks cannot be rendered; the message is that of the program, which names file and rule."""
