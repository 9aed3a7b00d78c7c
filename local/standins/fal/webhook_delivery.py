"""How a call-back is sent, and how it can be wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# Each is signed as fal signs, but for what its name says.
Spoiled = Literal[
    "",
    "signature",
    "body",
    "timestamp_header",
    "key",
    "user",
    "header_id",
    "body_id",
    "unsigned",
    "not_json",
    "url",
    "payload_error",
]
# fal tries ten times more, over two hours; here the first pause is shorter.
RETRIES = 10


class Delivery(BaseModel):
    """One call-back.

    Attributes:
        spoiled: `signature` a digit changed; `body` a byte changed after signing; `timestamp_header` changed after
            signing; `key` signed with a key that was never published; `user` another customer's, rightly signed;
            `header_id` and `body_id` name another request, rightly signed; `unsigned` no headers; `not_json`
            rightly signed; `url` a foreign address in a rightly signed payload; `payload_error` OK without a payload.
        clock_offset_seconds: added to the time that is signed.
        delay_ms: before the first try.
        jitter_ms: added to the delay, up to so much, drawn anew for each copy: copies of many come in any order.
        copies: how often it is sent, side by side.
        lost: never sent.
        retries: tries after the first, while the answer is not 2xx.
        retry_ms: pause before the second try; each further one is twice as long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spoiled: Spoiled = ""
    clock_offset_seconds: int = 0
    delay_ms: int = Field(default=0, ge=0)
    jitter_ms: int = Field(default=0, ge=0)
    copies: int = Field(default=1, ge=1, le=1000)
    lost: bool = False
    retries: int = Field(default=RETRIES, ge=0, le=RETRIES)
    retry_ms: int = Field(default=1000, ge=1)
