from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from xtask.errors import UntrustedError, XtaskError
from xtask.image.bytecode import CompileError, compile_module
from xtask.image.contents import OverlapError, may_overlap, refuse_overlap, wheel_entries
from xtask.image.layer import Entry, directory, symlink, write_layer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xtask.image.layout import Layout

    MakeWheel = Callable[..., Path]

INFO = "demo-1.0.dist-info"
DATA = "demo-1.0.data"


def contents(entries: list[Entry]) -> dict[str, bytes]:
    return {entry.path: entry.content for entry in entries if isinstance(entry.content, bytes)}


def test_files_and_their_compiled_modules_go_to_the_site_folder(make_wheel: MakeWheel) -> None:
    entries = wheel_entries(make_wheel({"demo/__init__.py": "x = 1\n", "demo/page.html": "<p>"}))
    compiled = compile_module(b"x = 1\n", "app/site/demo/__init__.py")
    found = contents(entries)
    assert found["app/site/demo/__init__.py"] == b"x = 1\n"
    assert found["app/site/demo/page.html"] == b"<p>"
    assert compiled in [found[path] for path in found if "/__pycache__/__init__." in path]
    assert sorted(found) == [entry.path for entry in entries]


def test_a_layer_takes_the_entries_as_they_are(make_wheel: MakeWheel, layout: Layout) -> None:
    write_layer(layout, wheel_entries(make_wheel({"demo/__init__.py": ""})))


def test_libraries_of_both_schemes_share_the_site_folder(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({f"{DATA}/purelib/a.txt": "a", f"{DATA}/platlib/b.txt": "b"})
    assert {"app/site/a.txt", "app/site/b.txt"} <= set(contents(wheel_entries(wheel)))


def test_shared_data_lies_beside_the_site_folder(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({f"{DATA}/data/share/demo/words": "w"})
    assert "srv/share/demo/words" in contents(wheel_entries(wheel, "srv/lib"))


def test_what_only_installers_and_developers_need_is_left_out(make_wheel: MakeWheel) -> None:
    names = [f"{INFO}/{name}" for name in ("INSTALLER", "REQUESTED", "direct_url.json")]
    names += [f"{DATA}/scripts/demo", f"{DATA}/headers/demo.h", "demo/__pycache__/x.pyc"]
    entries = wheel_entries(make_wheel(dict.fromkeys(names, "x")))
    expected = [f"app/site/{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL")]
    assert expected == [entry.path for entry in entries]


def test_record_lists_every_file_with_its_hash_sorted(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({"z.py": "", f"{DATA}/data/share/a,b": "comma", "a.py": "a = 1\n"})
    found = contents(wheel_entries(wheel))
    record = found.pop(f"app/site/{INFO}/RECORD").decode()
    expected = {f"{INFO}/RECORD": ("", "")}
    for path, content in found.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        name = path.removeprefix("app/site/").replace("app/share/", "../share/")
        expected[name] = (f"sha256={digest}", str(len(content)))
    rows = [(name, (digest, size)) for name, digest, size in csv.reader(record.splitlines())]
    assert sorted(expected.items()) == rows


def test_only_programs_and_shared_libraries_are_executable(make_wheel: MakeWheel) -> None:
    files = dict.fromkeys(["run", "m.so", "lib/libx.so.1.2", "m.py", "so.txt", "x.so.txt"], "")
    entries = wheel_entries(make_wheel(files, executable=frozenset({"run"})))
    executable = {entry.path for entry in entries if entry.mode == 0o755}
    assert executable == {"app/site/run", "app/site/m.so", "app/site/lib/libx.so.1.2"}
    assert {entry.mode for entry in entries} == {0o644, 0o755}


@pytest.mark.parametrize(
    "path",
    [
        "evil.pth",
        "EVIL.PTH",
        "sitecustomize.py",
        "usercustomize/__init__.py",
        "sitecustomize.cpython-311-x86_64-linux-gnu.so",
        f"{DATA}/purelib/sitecustomize.py",
        f"{DATA}/platlib/evil.pth",
    ],
)
def test_refuses_code_that_runs_at_each_start(make_wheel: MakeWheel, path: str) -> None:
    with pytest.raises(UntrustedError, match="each start of Python"):
        wheel_entries(make_wheel({path: "import os"}))


@pytest.mark.parametrize("path", ["demo/sitecustomize.py", "demo/paths.pth", "sitecustomized.py"])
def test_accepts_what_only_looks_like_it(make_wheel: MakeWheel, path: str) -> None:
    assert f"app/site/{path}" in contents(wheel_entries(make_wheel({path: ""})))


@pytest.mark.parametrize(
    "path",
    [
        "../evil.py",
        "demo/../../evil.py",
        "/etc/evil",
        "demo//x.py",
        f"{DATA}/data/etc/cron.d/evil",
        f"{DATA}/data/share/../evil",
        f"{DATA}/data/bin/evil",
        f"{DATA}/unknown/x",
    ],
)
def test_refuses_a_path_outside_the_folders_of_the_application(
    make_wheel: MakeWheel, path: str
) -> None:
    with pytest.raises(UntrustedError, match=r"^demo-1\.0-py3-none-any\.whl"):
        wheel_entries(make_wheel({path: "x"}))


@pytest.mark.parametrize("fault", ["lie", "hidden"])
def test_refuses_a_wheel_that_contradicts_its_record(make_wheel: MakeWheel, fault: str) -> None:
    wheel = make_wheel({"demo.py": "x = 1\n"}, **{fault: frozenset({"demo.py"})})
    with pytest.raises(UntrustedError, match="not a valid wheel"):
        wheel_entries(wheel)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"WHEEL": "Wheel-Version: 2.0\n"}, "Wheel-Version 2.0, only 1"),
        ({"WHEEL": "Root-Is-Purelib: true\n"}, "Wheel-Version None, only 1"),
        ({"WHEEL": "Wheel-Version: 10\n"}, "Wheel-Version 10, only 1"),
        ({"METADATA": "Name: demo\nVersion: 1.0.1\n"}, "says that it is demo 1.0.1"),
        ({"METADATA": "Name: other\nVersion: 1.0\n"}, "says that it is other 1.0"),
        ({"METADATA": ""}, "says that it is None None"),
    ],
)
def test_refuses_a_wheel_of_another_format_or_name_than_its_file(
    make_wheel: MakeWheel, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(UntrustedError, match=said) as caught:
        wheel_entries(make_wheel({}, changed=changed))
    assert caught.value.message.startswith("demo-1.0-py3-none-any.whl: ")


@pytest.mark.parametrize("version", ["1.0", "1", "1.0.0", "v1.0"])
def test_a_version_may_be_spelled_in_another_way(make_wheel: MakeWheel, version: str) -> None:
    metadata = f"Metadata-Version: 2.1\nName: Demo\nVersion: {version}\n"
    assert wheel_entries(make_wheel({}, changed={"METADATA": metadata}))


def test_refuses_a_wheel_of_two_distributions(make_wheel: MakeWheel) -> None:
    with pytest.raises(UntrustedError, match=r"exactly one \.dist-info"):
        wheel_entries(make_wheel({"other-1.0.dist-info/METADATA": "Name: other\n"}))


def test_refuses_two_members_of_one_name(make_wheel: MakeWheel, layout: Layout) -> None:
    wheel = make_wheel({"demo/__init__.py": ""})
    with zipfile.ZipFile(wheel, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("demo/__init__.py", "")
    with pytest.raises(XtaskError):
        write_layer(layout, wheel_entries(wheel))


def test_refuses_what_is_no_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no zip")
    with pytest.raises(UntrustedError, match="not a valid wheel"):
        wheel_entries(wheel)


def test_a_damaged_archive_is_refused(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({"demo.txt": "text" * 50})
    data = bytearray(wheel.read_bytes())
    data[data.index(b"texttext")] ^= 1
    wheel.write_bytes(data)
    with pytest.raises(UntrustedError, match="not a valid wheel"):
        wheel_entries(wheel)


def test_old_python_is_an_error_of_ours_and_a_file_of_others(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({"demo/old.py": "print 'two'\n"})
    with pytest.raises(CompileError, match=r"app/site/demo/old\.py:1"):
        wheel_entries(wheel)
    found = contents(wheel_entries(wheel, third_party=True))
    assert "app/site/demo/old.py" in found
    assert not [path for path in found if path.endswith(".pyc")]


@pytest.mark.parametrize("source", ["-" * 50_000 + "1", "x = " + "lambda: " * 1900 + "1"])
def test_python_that_is_nested_too_deeply_is_an_error_of_ours_and_a_file_of_others(
    make_wheel: MakeWheel, source: str
) -> None:
    wheel = make_wheel({"demo/deep.py": source, "demo/__init__.py": ""})
    with pytest.raises(CompileError, match=r"app/site/demo/deep\.py: .*too deeply"):
        wheel_entries(wheel)
    found = contents(wheel_entries(wheel, third_party=True))
    assert found["app/site/demo/deep.py"] == source.encode()
    compiled = [path for path in found if path.endswith(".pyc")]
    assert [path.rpartition("/")[2].partition(".")[0] for path in compiled] == ["__init__"]


def test_refuses_two_owners_of_one_path_and_names_all_of_them() -> None:
    one, two = [Entry("app/x.py", b"1"), Entry("app/y", b"")], [Entry("app/x.py", b"1")]
    with pytest.raises(OverlapError) as caught:
        refuse_overlap({"content": one, "commerce": two, "other": [Entry("app/y", b"")]})
    assert str(caught.value).splitlines() == [
        "app/x.py comes from commerce and content",
        "app/y comes from content and other",
    ]


def test_refuses_paths_that_differ_in_case_only() -> None:
    with pytest.raises(OverlapError, match=r"app/Readme comes from a and b"):
        refuse_overlap({"a": [Entry("app/Readme", b"")], "b": [Entry("app/README", b"")]})


@pytest.mark.parametrize("file", [Entry("app/x", b""), symlink("app/x", "y")])
def test_refuses_a_file_where_another_owner_has_a_directory(file: Entry) -> None:
    for other in (directory("app/x"), Entry("app/X/y.py", b"")):
        with pytest.raises(OverlapError, match="app/x comes from a and b"):
            refuse_overlap({"a": [file], "b": [other]})


def test_directories_may_be_shared() -> None:
    shared = [directory("app/ns")]
    refuse_overlap(
        {"a": [*shared, Entry("app/ns/a.py", b"")], "b": [*shared, Entry("app/ns/b", b"")]}
    )


def rewritten(wheel: Path, old: str, new: str) -> Path:
    """Return the wheel with another text in its RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        files = {item.filename: archive.read(item) for item in archive.infolist()}
    record = files[f"{INFO}/RECORD"].decode()
    assert old in record
    files[f"{INFO}/RECORD"] = record.replace(old, new).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"demo.py",sha256=', '"demo.py",md5='),
        ('"demo.py",sha256=', '"demo.py",sha1='),
        ('"demo.py",sha256=', '"demo.py",sha256=A'),
        ('"demo.py",sha256=', '"demo.py",'),
        (",6\n", ",7\n"),
        (",6\n", ",\n"),
    ],
)
def test_refuses_a_record_that_proves_nothing(make_wheel: MakeWheel, old: str, new: str) -> None:
    wheel = rewritten(make_wheel({"demo.py": "x = 1\n"}), old, new)
    with pytest.raises(UntrustedError, match="not a valid wheel"):
        wheel_entries(wheel)


def test_longer_digests_are_digests(make_wheel: MakeWheel) -> None:
    wheel = make_wheel({"demo.py": "x = 1\n"})
    before = contents(wheel_entries(wheel))
    short, long = (
        base64.urlsafe_b64encode(hashlib.new(name, b"x = 1\n").digest()).rstrip(b"=").decode()
        for name in ("sha256", "sha512")
    )
    rewritten(wheel, f"sha256={short}", f"sha512={long}")
    assert contents(wheel_entries(wheel)) == before


def paths(*names: str) -> list[tuple[str, ...]]:
    return [tuple(name.split()) for name in names]


@pytest.mark.parametrize(
    "owners",
    [paths("a/b", "a/b"), paths("a/b", "A/B"), paths("a", "a/b"), paths("A/b", "a"), paths("x x")],
)
def test_a_quick_look_says_that_paths_may_overlap(owners: list[tuple[str, ...]]) -> None:
    assert may_overlap(owners)


@pytest.mark.parametrize("owners", [[], paths("a/b", "a/c"), paths("a/b/c", "a/d", "ab")])
def test_a_quick_look_says_that_paths_do_not_overlap(owners: list[tuple[str, ...]]) -> None:
    assert not may_overlap(owners)
