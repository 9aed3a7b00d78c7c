"""Jobs, credits and images of the user who asks, in Postgres. Each method is one transaction."""

from __future__ import annotations

from uuid import UUID

from psycopg.types.json import Jsonb

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Cursor, Database
from lambdas.runtime.errors import PaymentRequired
from lambdas.runtime.generations import refund
from lambdas.runtime.switches import Switch, thrown_in
from lambdas.runtime.users import User, current_user
from lambdas.submit_video.logic import Order, StoredImage, SubmitsStopped
from lambdas.submit_video.requests import VideoRequest


class PostgresJobs:
    """`stopped`: the configuration stops submits; people on call may stop them, too."""

    def __init__(self, database: Database, *, stopped: bool = False) -> None:
        self._database, self._stopped = database, stopped

    def find(self, claims: Claims, idempotency_key: str) -> Order | None:
        with self._database.transaction(claims) as cursor:
            return _earlier(cursor, current_user(cursor), idempotency_key)

    def image(self, claims: Claims, image_id: UUID) -> StoredImage | None:
        """The user's own image. The filter on the user stands beside the row policy: either would do."""
        with self._database.transaction(claims) as cursor:
            user = current_user(cursor)
            row = cursor.execute(
                "select status, object_key, content_type from public.images where id = %s and user_id = %s",
                (image_id, user.id),
            ).fetchone()
        return StoredImage(row["status"], row["object_key"], row["content_type"]) if row else None

    def spend(self, claims: Claims, job_id: UUID, request: VideoRequest, *, request_id: str) -> Order:
        """Spend the credits, note the job and the ledger's entry; or find the job that a request with the same key
        made meanwhile.

        The user's row is locked first: of requests at once the second sees what the first did.

        Raises:
            PaymentRequired: there are too few; nothing is left behind.
            SubmitsStopped: by people on call; nothing is left behind. Who was answered before is answered the same.
        """
        with self._database.transaction(claims) as cursor:
            user = current_user(cursor)
            cursor.execute("select id from public.users where id = %s for update", (user.id,))
            if request.idempotency_key is not None:
                earlier = _earlier(cursor, user, request.idempotency_key)
                if earlier is not None:
                    return earlier
            if self._stopped or thrown_in(cursor, Switch.STOP_SUBMITS):
                raise SubmitsStopped
            left = cursor.execute(
                "update public.users set credits_remaining = credits_remaining - %(price)s, updated_at = now()"
                " where id = %(user)s and credits_remaining >= %(price)s returning credits_remaining",
                {"price": request.credits, "user": user.id},
            ).fetchone()
            if left is None:
                raise PaymentRequired
            order = Order(job_id, left["credits_remaining"], request.digest, request_id, new=True)
            _note(cursor, user, order, request)
            return order

    def taken(self, claims: Claims, job_id: UUID, generator_request_id: str) -> None:
        """Note that the generator has the job, unless its webhook was faster."""
        with self._database.transaction(claims) as cursor:
            cursor.execute(
                "update public.video_jobs set status = 'queued', generator_request_id = %s, updated_at = now()"
                " where id = %s and status = 'submitting'",
                (generator_request_id, job_id),
            )

    def refund(self, claims: Claims, job_id: UUID, error_code: str) -> int:
        """End a job that the generator did not take, and give its credits back. Its key is free for another try."""
        with self._database.transaction(claims) as cursor:
            row = cursor.execute(
                "update public.video_jobs set status = 'failed', error_code = %s, finished_at = now(),"
                " idempotency_key = null, updated_at = now()"
                " where id = %s and status = 'submitting' returning user_id, credits",
                (error_code, job_id),
            ).fetchone()
            if row is None:
                return 0
            refund(cursor, row["user_id"], job_id, row["credits"])
            return int(row["credits"])


def _earlier(cursor: Cursor, user: User, idempotency_key: str) -> Order | None:
    row = cursor.execute(
        "select id, credits_left, request_digest, coalesce(order_request_id, '') as order_request_id"
        " from public.video_jobs where user_id = %s and idempotency_key = %s",
        (user.id, idempotency_key),
    ).fetchone()
    if row is None:
        return None
    return Order(row["id"], row["credits_left"], bytes(row["request_digest"]), row["order_request_id"])


def _note(cursor: Cursor, user: User, order: Order, request: VideoRequest) -> None:
    cursor.execute(
        "insert into public.video_jobs (id, user_id, model, settings, image_id, credits, credits_left,"
        " idempotency_key, request_digest, order_request_id)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, nullif(%s, ''))",
        (
            order.job_id,
            user.id,
            request.model.id,
            Jsonb(dict(request.settings)),
            request.image_id,
            request.credits,
            order.credits_left,
            request.idempotency_key,
            order.digest,
            order.request_id,
        ),
    )
    cursor.execute(
        "insert into public.credit_ledger (user_id, amount, reason, job_id) values (%s, %s, 'video', %s)",
        (user.id, -request.credits, order.job_id),
    )
