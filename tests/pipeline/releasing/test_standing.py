"""Each fact that is not what the records say is named, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.rows import release
from xtask.pipeline.releasing.candidate import Bundle
from xtask.pipeline.releasing.standing import drift
from xtask.release.deployment import Observed

ACTIVE = release("a")
IMAGE, CONFIG, OTHER = ("sha256:" + digit * 64 for digit in "123")
BUNDLE = Bundle("shop", "localhost/shop:1", IMAGE, CONFIG, (), ())
WELL = Observed("rel_a", IMAGE, healthy=True, detail="ready", label="rel_a", task_digest=CONFIG)


def test_nothing_drifts_while_the_four_facts_agree() -> None:
    assert list(drift(ACTIVE, BUNDLE, WELL)) == []
    assert list(drift(ACTIVE, BUNDLE, replace(WELL, task_digest=IMAGE))) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (None, ["nothing answers, and the engine has nothing of it"]),
        (replace(WELL, label="rel_b"), ["the engine serves rel_b"]),
        (replace(WELL, label=""), ["the engine serves nothing of ours"]),
        (replace(WELL, task_digest=OTHER), [f"the task has image {OTHER[:19]}"]),
        (replace(WELL, task_digest=""), ["no task runs"]),
        (replace(WELL, label=None, task_digest=None), ["the engine cannot be asked"]),
        (replace(WELL, release_id="rel_b"), [f"the endpoint is rel_b, image {IMAGE[:19]}"]),
        (replace(WELL, image_digest=OTHER), [f"the endpoint is rel_a, image {OTHER[:19]}"]),
        (
            replace(WELL, healthy=False, detail="/readyz: HTTP 503"),
            ["the endpoint is not well: /readyz: HTTP 503"],
        ),
        (
            Observed("", "", healthy=False, detail="nothing answers", label="", task_digest=""),
            [
                "the engine serves nothing of ours",
                "no task runs",
                "the endpoint: nothing answers",
            ],
        ),
    ],
)
def test_what_drifts_is_named(seen: Observed | None, says: list[str]) -> None:
    assert says == list(drift(ACTIVE, BUNDLE, seen))
