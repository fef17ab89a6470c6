"""A small product, and building it where everything is different."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.acceptance.shop import ROOT
from tests.support.workspace import PAGE, composition, module, project, write
from xtask.image.difference import layer_difference, value_difference
from xtask.image.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INSIDE = Path(__file__).with_name("inside.py")
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
_MEMORY = Path("/dev/shm")
_TIMES = {"1970": 0, "2099": 4_070_908_800}
_NAMES = ("host", "cart", "front-door", "notes")
_SEED = 8


def files() -> dict[str, str | bytes]:
    """Return four modules: code, a dependency, data, pages, a program, a name beyond ASCII."""
    found: dict[str, str | bytes] = {}
    for name in _NAMES:
        needs = "" if name == "host" else '[requires]\nhost = "^1.0"\n'
        host = '[host]\nmain = "host:run"\n' if name == "host" else ""
        found |= module(name, needs + host)
    found["host/src/host/__init__.py"] = "import idna\n\n\ndef run():\n    print(idna)\n"
    found["host/pyproject.toml"] = project("host", dependencies=("idna>=3",))
    found["cart/src/cart/data/prices.bin"] = bytes(range(256)) * 16
    found["cart/src/cart/data/été.txt"] = "long days\n"
    found["cart/src/cart/tools/run.sh"] = "#!/bin/sh\nexec true\n"
    for number in range(12):
        names = ", ".join(f'"{word}"' for word in ("b", "a", "c", str(number)))
        text = f"NAMES = {{{names}}}\nORDER = {{n: {number} for n in NAMES}}\n"
        found[f"notes/src/notes/part{number:02}.py"] = text
        found[f"front-door/src/front_door/static/page{number}.js"] = PAGE + f"// {number}\n"
    return found | composition(*_NAMES)


@dataclass
class Product:
    """The product, built once; its `releases` is the warm cache of the others."""

    root: Path
    scratch: Path
    built: Mapping[str, Any] = field(default_factory=dict)

    def first(self) -> None:
        """Build it with a network, where nothing is varied."""
        write(self.root, files())
        (self.root / "cart/src/cart/tools/run.sh").chmod(0o755)
        argv = [sys.executable, "-m", "xtask", "build", "--json"]
        self.built = _answer(_start(argv, self.root, {**os.environ, "PYTHONPATH": str(ROOT)}))

    def build(self, number: int, variation: Mapping[str, str]) -> str:
        """Build a copy under a variation; return how it differs, nothing when it does not."""
        in_memory = variation.get("file system") == "memory"
        with tempfile.TemporaryDirectory(
            prefix=f"repro-{number}-", dir=_MEMORY if in_memory else self.scratch
        ) as folder:
            place = Path(folder)
            root = place / variation.get("path", "w")
            self._copy(root, variation)
            argv, environ = _command(variation), _environment(variation, place)
            started = [
                _start(argv, root, environ)
                for _ in range(int(variation.get("builds at once", "1")))
            ]
            return next(filter(None, (self._compare(root, _answer(one)) for one in started)), "")

    def _copy(self, root: Path, variation: Mapping[str, str]) -> None:
        order = _order(self._committed(), variation.get("directory order", "sorted"))
        for path in order:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / path, target)
            is_program = os.access(self.root / path, os.X_OK) and path.suffix == ".sh"
            mode = int(variation.get("file modes", "0644"), 8)
            target.chmod(mode | (mode & 0o444) >> 2 if is_program else mode)
            if time := variation.get("file times", "now") != "now":
                time = _TIMES[variation["file times"]]
                os.utime(target, (time, time))
        if variation.get("composition", "as written") != "as written":
            text = (root / "modules.toml").read_text()
            head, lines = text.split("[modules]\n")
            (root / "modules.toml").write_text(
                head + "# turned round\n[modules]\n" + _turned(lines)
            )
        if variation.get("repository") == "git":
            git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
            for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
                subprocess.run([*git, *words], check=True, capture_output=True)
        self._copy_cache(root / "releases", is_warm=variation.get("cache") == "warm")

    def _copy_cache(self, releases: Path, *, is_warm: bool) -> None:
        """Copy what was made before, or only what was downloaded."""
        ours = self.root / "releases"
        for part in ("cache", "oci", "inputs") if is_warm else ("cache/wheels/index",):
            shutil.copytree(ours / part, releases / part, symlinks=True)

    def _committed(self) -> list[Path]:
        return [
            path.relative_to(self.root)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.relative_to(self.root).parts[0] != "releases"
        ]

    def _compare(self, root: Path, built: Mapping[str, Any]) -> str:
        """Return the first difference to the first build, in the order in which things are made."""
        if built["manifest_hash"] != self.built["manifest_hash"]:
            plans = [
                json.loads((place / one["bundle"] / "plan.json").read_bytes())
                for place, one in ((self.root, self.built), (root, built))
            ]
            return f"plan: {value_difference(*plans)}"
        for name in ("modules.lock", *(f"generated/{path.name}" for path in self._generated())):
            if (root / name).read_bytes() != (self.root / name).read_bytes():
                return f"{name} differs"
        if built["image_digest"] == self.built["image_digest"]:
            return ""
        layouts = Layout(self.root / "releases/oci"), Layout(root / "releases/oci")
        images = [
            layout.read_image(one["image_digest"])
            for layout, one in zip(layouts, (self.built, built), strict=True)
        ]
        for one, two in zip(*(manifest["layers"] for manifest, _ in images), strict=False):
            if one["digest"] != two["digest"]:
                paths = layouts[0].path(one["digest"]), layouts[1].path(two["digest"])
                return f"layer: {layer_difference(*paths)}"
        return f"config: {value_difference(images[0][1], images[1][1])}"

    def _generated(self) -> Iterator[Path]:
        yield from sorted((self.root / "generated").iterdir())


def absences() -> dict[str, str]:
    """Return why factors cannot be varied here, by what they need."""
    found = {}
    for name, words in (
        ("unshare", ["unshare", *_namespaces(["--uts", "--net"]), "unshare", *_USER, "true"]),
        ("setarch", ["setarch", "--uname-2.6", "-R", "true"]),
    ):
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            found[name] = str(error)
    if not Path(_FAKETIME).exists():
        found["faketime"] = "libfaketime is not installed"
    if not os.access(_MEMORY, os.W_OK):
        found["tmpfs"] = f"no {_MEMORY}"
    return found


_USER = ("--map-user=12345", "--map-group=12345")


def _namespaces(wanted: Sequence[str]) -> list[str]:
    return [*wanted, *([] if os.getuid() == 0 else ["--map-root-user"])] if wanted else []


def _command(variation: Mapping[str, str]) -> list[str]:
    """Return the build inside of everything that is not its environment."""
    chosen = variation.get
    inside = {"umask": chosen("umask", "022"), "processors": chosen("processors", "all")}
    wanted = ["--net"] if chosen("network") == "none" else []
    if chosen("host name", "own") != "own":
        inside["host"] = variation["host name"]
    if chosen("domain name", "own") != "own":
        inside["domain"] = variation["domain name"]
    wanted += ["--uts"] if inside.keys() & {"host", "domain"} else []
    argv = ["unshare", *_namespaces(wanted)] if wanted else []
    argv += [sys.executable, "-S", str(_INSIDE), json.dumps(inside)]
    argv += ["unshare", *_USER] if chosen("uid", "own") != "own" else []
    person = [
        *(["--uname-2.6"] if chosen("kernel") == "2.6" else []),
        *(["--addr-no-randomize"] if chosen("address space") == "fixed" else []),
    ]
    argv += ["setarch", *person] if person else []
    return [*argv, sys.executable, "-m", "xtask", "build", "--locked", "--json"]


def _environment(variation: Mapping[str, str], place: Path) -> dict[str, str]:
    chosen = variation.get
    found = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": chosen("locale", "C.UTF-8")}
    found |= {"LANG": found["LC_ALL"], "TZ": chosen("zone", "GMT+12")}
    found |= {name: chosen("user", "root") for name in ("USER", "LOGNAME")}
    found["PYTHONHASHSEED"] = chosen("hash seed", "0")
    if chosen("home") == "new":
        found["HOME"] = str(place / "home")
        (place / "home").mkdir()
    if chosen("noise") == "variables":
        found |= {"SOURCE_DATE_EPOCH": "1234567890", "CAPTURE_ENVIRONMENT": "I capture it"}
        found |= {"CFLAGS": "-O0 -g", "COLUMNS": "40", "PYTHONDONTWRITEBYTECODE": "1"}
    if chosen("program path") == "foreign prefix":
        for name in ("python", "python3", "tar"):
            write(place, {f"bin/{name}": "#!/bin/sh\nexit 99\n"})
            (place / "bin" / name).chmod(0o755)
        found["PATH"] = f"{place / 'bin'}:{found['PATH']}"
    if chosen("clock", "now") != "now":
        found |= {"LD_PRELOAD": _FAKETIME, "FAKETIME": variation["clock"]}
        found["FAKETIME_DONT_RESET"] = "1"  # for children: the same moment, not the first again
    return found


def _order(paths: Sequence[Path], order: str) -> list[Path]:
    if order == "shuffled":
        return random.Random(_SEED).sample(paths, len(paths))  # noqa: S311 - a fixed order
    return [*paths][:: -1 if order == "reversed" else 1]


def _turned(lines: str) -> str:
    return "".join(f"{line}   # a comment\n" for line in reversed(lines.strip().splitlines()))


def _start(argv: Sequence[str], root: Path, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv,
        cwd=root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _answer(process: subprocess.Popen[str]) -> Any:
    out, said = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"exit {process.returncode}\n{said[-4000:]}")
    return json.loads(out)
