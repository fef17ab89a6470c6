"""Edits of `modules.toml`: what was wanted, and not one character more."""

from __future__ import annotations

import re

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from tests.support.budgets import budget
from xtask.author.edit import with_entry, without_entry

ENTRY = {"source": "path", "path": "modules/gifts"}
LINE = 'gifts = { source = "path", path = "modules/gifts" }'
COMMENTED = """\
# A shop.
schema = 1
app = "shop"  # as small as it gets

[modules]
# the host
host = { path = "host", required = true }   # first
cart   = { path = "cart" } # second

# how it is set
[settings]
default_enabled = [
    "cart",  # on
]

# money
[settings.modules.cart]
currency = "EUR"

# where it runs
[environments.staging]
rank = 1
"""


def test_a_new_module_is_the_last_line_of_its_table() -> None:
    text = with_entry(COMMENTED, "gifts", ENTRY)
    second = 'cart   = { path = "cart" } # second\n'
    expected = COMMENTED.replace(second, f"{second}{LINE}\n")
    expected = expected.replace('"cart",  # on\n', '"cart",  # on\n    "gifts",\n')
    assert text == expected


def test_a_required_module_is_not_enabled_by_name() -> None:
    said = tomli.loads(with_entry(COMMENTED, "gifts", {**ENTRY, "required": True}))
    assert said["settings"]["default_enabled"] == ["cart"]


def test_a_module_that_is_enabled_already_is_named_once() -> None:
    listed = COMMENTED.replace('"cart",  # on', '"cart", "gifts"')
    said = tomli.loads(with_entry(listed, "gifts", ENTRY))
    assert said["settings"]["default_enabled"] == ["cart", "gifts"]


def test_a_module_goes_with_its_settings_and_leaves_the_comments_of_others() -> None:
    text = without_entry(COMMENTED, "cart")
    said = tomli.loads(text)
    assert said["modules"] == {"host": {"path": "host", "required": True}}
    assert said["settings"] == {"default_enabled": []}
    kept = set(re.findall("# .*", COMMENTED)) - {"# second", "# on"}
    assert set(re.findall("# .*", text)) == kept
    assert "\n\n\n" not in text


def test_windows_line_ends_stay() -> None:
    text = with_entry(COMMENTED.replace("\n", "\r\n"), "gifts", ENTRY)
    assert text == with_entry(COMMENTED, "gifts", ENTRY).replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "schema = 1\n",
        "schema = 1",
        "schema = 1\nmodules = {}\n",
        'schema = 1\nmodules = { a = { path = "a" } }\n',
        'schema = 1\n[modules.a]\npath = "a"\n[modules.b]\npath = "b"\n',
        'schema = 1\nmodules.a = { path = "a" }\nmodules.b.path = "b"\n[image]\n',
        "schema = 1\n[ modules ] # ours\n[search]\npaths = [\n]\n",
        'schema = 1\n[modules]\na = { path = "a", depends_on = [\n  "b",\n] }\n\n[image]\n',
        'schema = 1\n[modules]\na.path = """\n[modules]\n"""\n# end',
        'schema = 1\n[modules]\r\na.path = "a"\n',
    ],
)  # fmt: skip
def test_however_it_is_written_one_module_is_added_and_taken_out_again(text: str) -> None:
    before = tomli.loads(text)
    more = with_entry(text, "gifts", ENTRY)
    assert tomli.loads(more) == {**before, "modules": {**before.get("modules", {}), "gifts": ENTRY}}
    back = tomli.loads(without_entry(more, "gifts"))
    assert back.get("modules", {}) == before.get("modules", {})


names = st.from_regex(r"[a-z][a-z0-9]{0,6}([-_][a-z0-9]{1,4})?", fullmatch=True)
comments = st.sampled_from(["", "\n", "# a remark\n", "\n# [modules]\n", "# x = 1\n\n"])


@st.composite
def compositions(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a composition in one of many hands, and the names in it."""
    found = draw(st.lists(names, unique=True, max_size=4))
    lines = ['schema = 1\napp = "x"\n', draw(comments), "[modules]\n"]
    tables: list[str] = []
    for name in found:
        line, table = f'{name} = {{ path = "{name}" }}', f'[modules.{name}]\npath = "{name}"\n'
        if draw(st.booleans()):
            lines += [draw(comments), line, draw(st.sampled_from(["\n", " # its own\n"]))]
        else:
            tables += [draw(comments), table]
        if draw(st.booleans()):
            tables += [draw(comments), f"[settings.modules.{name}]\nx = 1\n"]
    lines += [draw(comments), *tables, draw(comments)]
    if draw(st.booleans()):
        listed = ", ".join(f'"{name}"' for name in found)
        lines += [f"[settings]\ndefault_enabled = [{listed}]\n", draw(comments)]
    return "".join(lines), found


@budget(60)
@given(compositions(), names)
def test_taking_out_what_was_put_in_gives_the_same_text(
    made: tuple[str, list[str]], name: str
) -> None:
    text, found = made
    if name not in found:
        assert without_entry(with_entry(text, name, ENTRY), name) == text


@budget(60)
@given(compositions(), st.data())
def test_taking_one_out_loses_no_comment_of_another(
    made: tuple[str, list[str]], data: st.DataObject
) -> None:
    text, found = made
    if not found:
        return
    name = data.draw(st.sampled_from(found))
    less = without_entry(text, name)
    assert set(tomli.loads(less).get("modules", {})) == set(found) - {name}
    assert len(re.findall("# [^i].*", less)) == len(re.findall("# [^i].*", text))
