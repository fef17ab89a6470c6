"""The eleven defects of the first version of RusToK's module system, and what refuses them.

Each test named here fails on the behaviour that stands beside it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from xtask.cli import main

ROOT = Path(__file__).parent
BUILD, RELEASE = "acceptance/test_build.py", "acceptance/test_release.py"
QUEUE, WAITING = "records/test_queue.py", "records/test_approvals.py"
DEFECTS = {
    "the order of generated code is that of a hash map": [
        "resolve/test_product.py::test_order_of_the_input_changes_nothing",
        "repro/test_repro.py::test_one_input_has_one_digest_whatever_else_differs",
    ],
    "the hash is of a part of the inputs, cut short, and of nothing when something fails": [
        f"{BUILD}::test_r5_every_input_of_the_image_is_an_input_of_the_manifest_hash",
    ],
    "a failed build hides a success, and builds that wait or run are not found": [
        "records/test_builds.py::test_an_older_failed_attempt_does_not_hide_the_success",
        "records/test_builds.py::test_a_hash_means_the_live_build_even_when_the_clock_went_back",
        f"{QUEUE}::test_a_request_for_what_is_wanted_or_there_already_returns_that_build",
        f"{QUEUE}::test_of_many_that_ask_at_once_for_one_build_all_get_the_same",
    ],
    "what did not succeed is released, with the modules that the caller says": [
        "records/test_releases.py::test_refuses_a_build_that_did_not_succeed",
        "records/constraints/test_checks.py::test_the_link_is_held",
        f"{WAITING}::test_what_a_deployment_changes_is_said_of_the_moment_when_it_begins",
    ],
    "the predecessor is what was active anywhere when the release was asked for": [
        "records/test_releases.py::test_r6_the_predecessor_is_of_the_same_environment",
        f"{WAITING}::test_what_a_deployment_changes_is_said_of_the_moment_when_it_begins",
    ],
    "a rollback is two changes, to anything, of anything, from anywhere": [
        "records/test_schema.py::test_a_transaction_that_fails_in_the_middle_leaves_nothing",
        "records/test_releases.py::test_a_rollback_is_a_new_row_that_links_both_sides",
        "records/test_releases.py::test_refuses_a_rollback_plan_that_a_promotion_overtook",
        "records/test_releases.py::test_refuses_a_rollback_to_a_release_of_another_environment",
        f"{RELEASE}::test_an_altered_predecessor_stops_a_promotion_that_could_not_be_rolled_back",
    ],
    "two releases of one second have one id": [
        "records/test_releases.py::test_releases_of_one_second_have_distinct_ids_of_one_form",
    ],
    "a build that has ended runs again": [
        "records/test_builds.py::test_r4_a_final_build_never_runs_again",
        "records/constraints/test_triggers.py::test_the_trigger_refuses",
    ],
    "the name of a type is made from the name of a module": [
        "manifest/dialects/test_rustok.py::test_what_is_wrong_is_noted_where_it_is",
        "generate/test_names.py::test_identifier_is_one_or_refused",
    ],
    "three interfaces name three things that a rollback takes": [
        "test_rustok_defects.py::test_a_rollback_is_told_an_environment_and_no_release",
    ],
    "unknown keys are taken, and cycles are not seen": [
        "manifest/test_composition.py::test_refuses_a_schema_that_is_not_known",
        "resolve/test_graph.py::test_every_group_in_a_cycle_is_reported_once_with_a_real_cycle",
        "broken/test_broken.py::test_says_exactly_what_is_expected",
    ],
}


def test_there_are_eleven() -> None:
    assert len(DEFECTS) == 11


@pytest.mark.parametrize("name", sorted({name for names in DEFECTS.values() for name in names}))
def test_the_test_that_is_named_exists(name: str) -> None:
    path, _, test = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("words", [["rel_1"], ["--to", "rel_1"], ["--build", "b1"]])
def test_a_rollback_is_told_an_environment_and_no_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    common = ["rollback", "--workspace", str(tmp_path), "--env", "prod", "--reason", "x"]
    assert main([*common, *words]) == 2
    assert words[0] in capsys.readouterr().err
