"""fal.ai: takes generations, makes real videos, serves them from a CDN, calls back with a signature.

The queue (queue.fal.run) and the REST API (rest.fal.ai: uploads, keys) share a port; the CDN (v3.fal.media) has its
own, since callers trust it by its origin. A generation moves one step on with each look at its status, so that a
test needs no clock, unless its outcome gives it a time. Its pictures are fetched before it completes.

Control, on the queue's port (`{}` is a JSON body; a list of them where it says "one or more"):

    POST, GET, DELETE /_control/faults        one or more; of the queue, the REST API and the keys: `faults.Fault`;
                                              of uploads (/upload) their delay alone
    POST, GET, DELETE /_control/outcomes      one or more; how the next submits go: `generations.Outcome`
    GET, DELETE       /_control/requests      what was received, without keys, prompts or addresses
    GET  /_control/requests/{id}              one of them
    POST /_control/requests/{id}/complete     complete now {"error", "error_type", "video_bytes"}, call back once
    POST /_control/requests/{id}/webhook      call back now, spoiled or not: `webhook_delivery.Delivery` -> statuses
    POST /_control/requests/{id}/downloads    one or more; of this result: `downloads.DownloadFault`
    POST /_control/requests/{id}/expire       the result is gone
    POST, GET, DELETE /_control/downloads     one or more; of whichever files are asked for next; DELETE: all of them
    PUT  /_control/downloads/random           {"rate", "kinds", "seed"}: `downloads.RandomFaults`
    GET, DELETE       /_control/uploads       type, size, lifetime, downloads; DELETE: they are gone from the CDN
    POST /_control/webhooks/hold              keep call-backs back
    POST /_control/webhooks/release           send them {"order": sent|reversed|shuffled, "seed", "copies"}: statuses
    PUT  /_control/keys                       {"padded", "before", "after", "rotate"}: `webhooks.PublishedKeys`
    GET  /_control/silent                     -> {"port"} that accepts and never speaks
    POST /_control/reset                      forget everything
"""

from local.standins.fal.service import Fal

__all__ = ["Fal"]
