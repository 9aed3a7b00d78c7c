"""The Lambda functions: what each does, and what it needs to run."""

from __future__ import annotations

from dataclasses import dataclass

from infra.config import ImageUploads
from infra.names import FunctionId
from infra.packaging import MAXIMUM_MB


@dataclass(frozen=True)
class FunctionSpec:
    """One function. Seconds and MB; `wheels` names lambdas/requirements/<wheels>.txt, `maximum_mb` bounds its zip.
    `calls` are functions before it that it invokes by name.

    A function that uses the database is in the VPC, and has a login and a certificate bundle; the others are not.
    """

    id: FunctionId
    does: str
    timeout: int
    memory: int
    wheels: str
    uses_database: bool = True
    publish: bool = False
    maximum_mb: int = MAXIMUM_MB
    calls: tuple[FunctionId, ...] = ()


# A request through the HTTP API has 30 s at most. Memory buys CPU: 1769 MB is one core, and images need it.
CATALOGUE = (
    FunctionSpec(FunctionId.DEVICE_CHECK, "Checks a device in and opens its session (M1)", 20, 512, "device_check"),
    FunctionSpec(
        FunctionId.SESSION_AUTHORIZER, "Verifies session tokens for the HTTP API", 5, 512, "tokens", uses_database=False
    ),
    FunctionSpec(
        FunctionId.SESSION_ISSUER, "Publishes the issuer's public keys", 10, 256, "tokens", uses_database=False
    ),
    FunctionSpec(FunctionId.ME, "Tells a user about itself", 10, 512, "database"),
    FunctionSpec(FunctionId.UPLOAD_IMAGE, "Signs an upload form for a user (M3)", 10, 512, "database"),
    FunctionSpec(FunctionId.VIEW_IMAGE, "Tells about an image and signs its address", 10, 512, "database"),
    FunctionSpec(
        FunctionId.UPLOAD_IMAGE_DIRECT, "Checks and stores an image in one request (M5)", 25, 1769, "database_images"
    ),
    FunctionSpec(
        FunctionId.UPLOAD_IMAGE_ANONYMOUS,
        "Stores an image of a caller with no session (M4)",
        25,
        1769,
        "images",
        uses_database=False,
    ),
    FunctionSpec(FunctionId.INSPECT_IMAGE, "Checks uploads and accepts them into images/", 60, 1769, "database_images"),
    FunctionSpec(
        FunctionId.LIST_MODELS,
        "Tells which models there are and what each costs",
        10,
        256,
        "plain",
        uses_database=False,
    ),
    FunctionSpec(
        FunctionId.SUBMIT_VIDEO, "Spends credits and hands a video order to the generator", 28, 1769, "database_images"
    ),
    FunctionSpec(FunctionId.MIGRATE_VIDEO, "Copies a finished video into own storage (M6, M7)", 50, 1024, "database"),
    FunctionSpec(
        FunctionId.VIEW_VIDEO,
        "Tells how videos are and where they play (M6, M10)",
        28,
        512,
        "database",
        calls=(FunctionId.MIGRATE_VIDEO,),
    ),
    FunctionSpec(FunctionId.DELETE_VIDEO, "Deletes a user's video", 20, 512, "database"),
    FunctionSpec(FunctionId.FAL_WEBHOOK, "Hears from the generator that a video has ended (N3)", 20, 512, "webhooks"),
    FunctionSpec(FunctionId.SWEEP_VIDEOS, "Settles what was left undone about videos", 120, 512, "database"),
    FunctionSpec(FunctionId.BACKFILL_VIDEOS, "Asks for the copies of old videos (M9)", 60, 512, "database"),
    FunctionSpec(FunctionId.MAKE_THUMBNAIL, "Makes a picture of a video (N1)", 60, 1769, "video_frames", maximum_mb=60),
    FunctionSpec(
        FunctionId.CLEAN_VIDEOS, "Removes videos that have outlived their retention (M11)", 600, 512, "database"
    ),
    FunctionSpec(
        FunctionId.CLEAN_IMAGES, "Removes images that have outlived their retention (M11)", 600, 512, "database"
    ),
    FunctionSpec(
        FunctionId.CLEAN_IDENTITIES,
        "Closes accounts nobody uses and removes closed ones (M13)",
        600,
        1024,
        "database",
    ),
    FunctionSpec(
        FunctionId.DELETE_ME,
        "Closes a user's account (M13)",
        10,
        512,
        "database",
        calls=(FunctionId.CLEAN_IDENTITIES,),
    ),
    FunctionSpec(
        FunctionId.MONITOR_STORAGE,
        "Counts what is stored and compares it with the buckets (M12)",
        900,
        1024,
        "database",
    ),
    FunctionSpec(
        FunctionId.DATABASE_ADMIN,
        "Applies schema versions and the access model",
        300,
        512,
        "database",
        publish=True,  # the invocation names the version it was made for, so that old code never applies a new model
    ),
    FunctionSpec(FunctionId.ACCESS_DRIFT, "Compares database and buckets with the access model", 60, 512, "database"),
    FunctionSpec(FunctionId.ASK_DATABASE, "Answers named questions of people on call", 15, 512, "database"),
    FunctionSpec(FunctionId.THROW_SWITCH, "Throws switches of people on call and takes them back", 15, 512, "database"),
    FunctionSpec(
        FunctionId.REDRIVE_DEAD_LETTERS,
        "Moves dead letters of video migration back to their queue",
        60,
        256,
        "plain",
        uses_database=False,
    ),
    FunctionSpec(FunctionId.RESTORE_VIDEOS, "Brings deleted videos back from their old versions", 120, 512, "database"),
    # The way of a page stays outside the VPC: neither the database nor the NAT may keep an alarm from somebody.
    FunctionSpec(
        FunctionId.PAGE_ON_CALL, "Calls the on-call service for an alarm", 30, 256, "plain", uses_database=False
    ),
    FunctionSpec(
        FunctionId.HEARTBEAT,
        "Tells an outside monitor that a page would arrive",
        60,
        256,
        "plain",
        uses_database=False,
    ),
)


def deployed(image_uploads: ImageUploads) -> tuple[FunctionSpec, ...]:
    """The functions of a phase of the roll-out: the anonymous upload goes when the fallback is removed (M4)."""
    gone = FunctionId.UPLOAD_IMAGE_ANONYMOUS if image_uploads == "removed" else None
    return tuple(spec for spec in CATALOGUE if spec.id is not gone)
