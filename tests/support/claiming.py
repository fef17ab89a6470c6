"""One of many processes on the same records: `python -m tests.support.claiming URL NAME`.

Builds whatever waits, then promotes each of its builds, and prints what was acknowledged.
"""

from __future__ import annotations

import json
import sys
import time

from xtask.digest import sha256
from xtask.errors import RefusedError
from xtask.records.store import open_records
from xtask.records.values import Claim, ReleaseRequest


def main(url: str, name: str) -> None:
    claim = Claim(name, 60.0)
    built, generations = [], []
    with open_records(url) as records:
        while build := records.claim_build(claim):
            digest = sha256(build.id.encode())
            facts = {"config_digest": digest, "image_ref": "x", "bundle": "x"}
            records.finish_build(build, image_digest=digest, modules=build.modules, **facts)
            built.append(build.id)
        for build_id in built:
            request = ReleaseRequest(
                "prod", build_id, "record", 8080, name, "race", key=build_id, request_digest="x"
            )
            while True:
                try:
                    release = records.begin_release(request, claim)
                    break
                except RefusedError:
                    time.sleep(0.01)
            release = records.activate_release(records.verify_release(release))
            generations.append(release.generation)
    sys.stdout.write(json.dumps({"built": built, "generations": generations}))


if __name__ == "__main__":
    main(*sys.argv[1:])
