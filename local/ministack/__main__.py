"""`python -m local.ministack`: the local AWS in the foreground, until SIGTERM.

Configured by MiniStack's own environment variables (GATEWAY_PORT, BIND_HOST, AUTH, PERSIST_STATE, STATE_DIR,
S3_PERSIST, S3_DATA_DIR, TMPDIR, MINISTACK_REGION) and ours: `MS_PY_python3_13` is the interpreter of that
runtime, RENDIO_LAMBDA_WORKERS the most processes a function gets.
"""

from __future__ import annotations

import os
import sys

from local.errors import LocalError
from local.ministack import release


def main() -> int:
    """Check the version, put the fixes in place, serve."""
    try:
        release.require()
    except LocalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    # Invocations that wait for a worker count as running; MiniStack would throttle them by the machine's memory.
    os.environ.setdefault("LAMBDA_ACCOUNT_CONCURRENCY", "1000")
    from local.ministack import fixes

    fixes.install()
    from ministack import app

    app.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
