"""Everything that lies under one user's id, in both buckets."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.image_keys import IMAGES, INCOMING
from lambdas.runtime.object_removal import ObjectRemoval
from lambdas.runtime.video_keys import THUMBNAILS, VIDEOS


@dataclass(frozen=True)
class S3UserObjects:
    images: ObjectRemoval
    videos: ObjectRemoval

    def purge(self, auth_user_id: UUID) -> int:
        """Remove every version of every object of the user, for good; the number of versions that went."""
        if not isinstance(auth_user_id, UUID):  # it becomes a prefix, of which a shorter one would be everybody's
            raise TypeError("a user's objects are removed by a UUID")
        return sum(
            bucket.purge(f"{prefix}{auth_user_id}/")
            for bucket, prefixes in ((self.images, (INCOMING, IMAGES)), (self.videos, (VIDEOS, THUMBNAILS)))
            for prefix in prefixes
        )
