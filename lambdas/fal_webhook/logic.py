"""What a call-back of the generator does: it says when to look, and nothing else is taken from it.

The result is fetched from the generator by request id. A job that has ended is left alone, so that a repetition or a
replay changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from lambdas.fal_webhook.signatures import Signatures, WebhookRefused
from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import InvalidRequest
from lambdas.runtime.generations import Jobs as OpenJobs
from lambdas.runtime.generations import MigrationQueue, settle
from lambdas.runtime.generator import Generation
from lambdas.runtime.observability import about_job, count, log
from lambdas.runtime.video_models import MODELS

# The generator waits 15 s and then comes again; who is slower than this is asked at its next call-back or by the sweep.
ASK_SECONDS = 0.8


@dataclass(frozen=True)
class ReportedJob:
    """The job that a call-back is about, and the request that ordered it."""

    job_id: UUID
    model: str
    open: bool
    order_request_id: str


class Jobs(Protocol):
    def find(self, request_id: str) -> ReportedJob | None: ...
    def adopt(self, job_id: UUID, request_id: str) -> ReportedJob | None: ...


class Generator(Protocol):
    def collect(self, application: str, request_id: str, *, seconds: float) -> Generation: ...


@dataclass(frozen=True)
class Webhooks:
    signatures: Signatures
    jobs: Jobs
    open_jobs: OpenJobs
    generator: Generator
    queue: MigrationQueue

    def receive(self, headers: Mapping[str, str], body: bytes, query: Mapping[str, str], *, request_id: str) -> None:
        """Settle the job that a genuine call-back is about.

        Raises:
            WebhookRefused, InvalidRequest: it is not genuine, or says nothing.
            WebhookKeysUnreachable, GeneratorUnavailable, DatabaseUnavailable: it shall come again.
        """
        reported = self.signatures.request_id_of(headers, body)
        if _request_id(body) != reported:
            raise WebhookRefused from ValueError("headers and body are about different requests")
        job = self.jobs.find(reported) or self._adopted(reported, query.get("job_id", ""))
        model = MODELS.get(job.model) if job else None
        if job is None or model is None:
            log().warning("webhook about no job of ours")
            count("WebhooksUnknown")
            return
        about_job(job.job_id, job.order_request_id)
        if not job.open:
            log().info("webhook about a job that has ended")
            count("WebhooksRepeated")
            return
        generation = self.generator.collect(model.application, reported, seconds=ASK_SECONDS)
        settle(job.job_id, generation, jobs=self.open_jobs, queue=self.queue, request_id=request_id)

    def _adopted(self, reported: str, job_id: str) -> ReportedJob | None:
        """The job whose submission's answer never reached us: it names itself in the address it gave for call-backs."""
        try:
            wanted = canonical_uuid(job_id)
        except ValueError:
            return None
        job = self.jobs.adopt(wanted, reported)
        if job is not None:
            about_job(job.job_id, job.order_request_id)
            log().info("submission found by its webhook")
            count("SubmissionsFound")
        return job


def _request_id(body: bytes) -> str | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidRequest("The body is not a JSON object.", code="invalid_json")
    request_id = content.get("request_id")
    return request_id if isinstance(request_id, str) else None
