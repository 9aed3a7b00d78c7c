"""Whose tokens this authorizer knows."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.runtime.environment import read_settings
from lambdas.runtime.tokens import PublicKeys, Verifier


@dataclass(frozen=True)
class Settings:
    session_issuer: str
    session_audience: str
    session_keys: dict[str, str]


def build_verifier() -> Verifier:
    settings = read_settings(Settings)
    return Verifier(settings.session_issuer, settings.session_audience, PublicKeys(settings.session_keys))
