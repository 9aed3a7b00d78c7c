"""The Lambda functions by name; what each is, is in function_catalogue.py."""

from __future__ import annotations

from enum import StrEnum


class FunctionId(StrEnum):
    """A Lambda function: its folder under lambdas/, and the root of its names."""

    DEVICE_CHECK = "device_check"
    SESSION_AUTHORIZER = "session_authorizer"
    SESSION_ISSUER = "session_issuer"
    ME = "me"
    UPLOAD_IMAGE = "upload_image"
    VIEW_IMAGE = "view_image"
    UPLOAD_IMAGE_DIRECT = "upload_image_direct"
    UPLOAD_IMAGE_ANONYMOUS = "upload_image_anonymous"
    INSPECT_IMAGE = "inspect_image"
    LIST_MODELS = "list_models"
    SUBMIT_VIDEO = "submit_video"
    VIEW_VIDEO = "view_video"
    DELETE_VIDEO = "delete_video"
    FAL_WEBHOOK = "fal_webhook"
    MIGRATE_VIDEO = "migrate_video"
    SWEEP_VIDEOS = "sweep_videos"
    BACKFILL_VIDEOS = "backfill_videos"
    MAKE_THUMBNAIL = "make_thumbnail"
    DELETE_ME = "delete_me"
    CLEAN_VIDEOS = "clean_videos"
    CLEAN_IMAGES = "clean_images"
    CLEAN_IDENTITIES = "clean_identities"
    MONITOR_STORAGE = "monitor_storage"
    DATABASE_ADMIN = "database_admin"
    ACCESS_DRIFT = "access_drift"
    PAGE_ON_CALL = "page_on_call"
    HEARTBEAT = "heartbeat"
    ASK_DATABASE = "ask_database"
    THROW_SWITCH = "throw_switch"
    REDRIVE_DEAD_LETTERS = "redrive_dead_letters"
    RESTORE_VIDEOS = "restore_videos"
