"""The functions, and the third-party packages that each may import (its locked requirements, and boto3)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "lambdas" / "requirements"

# function: its requirements file, and the SDKs that its handler imports
FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "device_check": ("device_check", ("boto3", "psycopg", "joserfc.jwt", "urllib3")),
    "session_authorizer": ("tokens", ("boto3", "joserfc.jwt")),
    "session_issuer": ("tokens", ("boto3", "joserfc.jwt")),
    "me": ("database", ("boto3", "psycopg")),
    "upload_image": ("database", ("boto3", "psycopg")),
    "view_image": ("database", ("boto3", "psycopg")),
    "upload_image_direct": ("database_images", ("boto3", "psycopg", "PIL.Image")),
    "upload_image_anonymous": ("images", ("boto3", "PIL.Image")),
    "list_models": ("plain", ("uuid",)),  # no SDK, but its caller is a UUID
    "submit_video": ("database_images", ("boto3", "psycopg", "urllib3")),
    "view_video": ("database", ("boto3", "psycopg", "urllib3")),
    "delete_video": ("database", ("boto3", "psycopg")),
    "fal_webhook": ("webhooks", ("boto3", "psycopg", "urllib3", "cryptography.hazmat.primitives.asymmetric.ed25519")),
    "inspect_image": ("database_images", ("boto3", "psycopg", "PIL.Image")),
    "migrate_video": ("database", ("boto3", "psycopg")),
    "sweep_videos": ("database", ("boto3", "psycopg", "urllib3")),
    "backfill_videos": ("database", ("boto3", "psycopg")),
    "delete_me": ("database", ("boto3", "psycopg")),
    "clean_videos": ("database", ("boto3", "psycopg")),
    "clean_images": ("database", ("boto3", "psycopg")),
    "clean_identities": ("database", ("boto3", "psycopg")),
    "monitor_storage": ("database", ("boto3", "psycopg")),
    "ask_database": ("database", ("boto3", "psycopg", "urllib3")),
    "throw_switch": ("database", ("boto3", "psycopg", "urllib3")),
    "redrive_dead_letters": ("plain", ("boto3", "urllib3")),
    "restore_videos": ("database", ("boto3", "psycopg", "urllib3")),
    "page_on_call": ("plain", ("boto3", "urllib3")),
    "heartbeat": ("plain", ("boto3", "urllib3")),
    "make_thumbnail": ("video_frames", ("boto3", "psycopg")),
}
POWERTOOLS = ("aws_lambda_powertools.logging", "aws_lambda_powertools.metrics")

_MODULES = {
    "aws-lambda-powertools": {"aws_lambda_powertools"},
    "pillow": {"PIL"},
    "pillow-heif": {"pillow_heif", "_pillow_heif"},
    "psycopg": {"psycopg"},
    "psycopg-binary": {"psycopg_binary"},
    "typing-extensions": {"typing_extensions"},
    "cffi": {"cffi", "_cffi_backend"},
}


def allowed_modules(function: str) -> set[str]:
    """Top-level modules of a function's locked packages."""
    locked = (REQUIREMENTS / f"{FUNCTIONS[function][0]}.txt").read_text()
    packages = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==", locked, re.MULTILINE)
    modules: set[str] = set()
    for package in packages:
        modules |= _MODULES.get(package.lower(), {package.lower().replace("-", "_")})
    return modules
