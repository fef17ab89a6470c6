"""Writing so that a crash leaves the old file or the new one, and never both halves.

The rule: write a temporary file in the same folder, fsync it, rename it, fsync the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from xtask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Signature = tuple[int, int, int, int]
"""Size, modification and change time (ns) and inode of a file: what differs when the file does."""

# `.NAME.PID.tmp` or `.NAME.PID.RANDOM.tmp`, where NAME may be missing.
_TEMPORARY = re.compile(r"\.(?:.*\.)?(\d+)\.(?:[^.]+\.)?tmp")
_SECOND_NS = 1_000_000_000
# The kernel's clock for file times ticks 100 to 1,000 times a second (CONFIG_HZ).
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2 * _SECOND_NS + _TICK_NS
_AT_ONCE = 8


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data`; readers see the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path`, or is removed on an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        fsync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Replace the folder `path` with one that holds exactly these files, by relative path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(path, replaces=True) as new:
        for name, data in sorted(files.items()):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)


@contextlib.contextmanager
def new_folder(path: Path, *, replaces: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `path`; it becomes `path`, or is removed on an error.

    Args:
        path: where it comes to be, in a folder that exists.
        replaces: a folder that is there is removed; otherwise none may be there.
    """
    with temporary_folder(path.parent, path.name) as temporary:
        new = temporary / "new"
        new.mkdir()
        yield new
        _fsync_all(Path(folder, name) for folder, _, names in os.walk(new) for name in (*names, ""))
        if replaces and path.exists():
            path.rename(temporary / "old")
        new.rename(path)
        fsync(path.parent)


@contextlib.contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder in `parent`; what is left in it goes with the block.

    Args:
        parent: where, beside what is to come of it.
        name: what for; with the process it is part of the folder's name, see `remove_abandoned`.
    """
    prefix = f".{name}.{os.getpid()}."
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix, suffix=".tmp") as temporary:
        yield Path(temporary)


def remove_abandoned(folder: Path, *, deep: bool = True) -> None:
    """Remove temporary files and folders whose process is no more.

    Args:
        folder: where they are.
        deep: look in the folders below it too.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            found = _TEMPORARY.fullmatch(name)
            if found is None or _is_alive(int(found[1])):
                continue
            if name in folders:
                folders.remove(name)
                shutil.rmtree(Path(place, name), ignore_errors=True)
            else:
                Path(place, name).unlink(missing_ok=True)
        if not deep:
            return


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def write_cache(path: Path, data: bytes) -> None:
    """Replace a file that can be thrown away, without waiting for the disk to have it.

    A loss of power may leave less of it: who reads it has to see that, and make it anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write only when the bytes differ; return whether they did."""
    if path.is_file() and path.read_bytes() == data:
        return False
    write_atomic(path, data)
    return True


def signature(path: Path | str) -> Signature | None:
    """Return what differs when the file does; None when there is no file."""
    try:
        return signature_of(os.stat(path))  # noqa: PTH116 - hundreds of them in a few milliseconds
    except (FileNotFoundError, NotADirectoryError):
        return None


def signature_of(status: os.stat_result) -> Signature:
    """Return the signature in what the system says of a file."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_settled(found: Signature, moment: int) -> bool:
    """Return whether a later change of a file would show in its signature.

    One that was written less than a tick of the clock before could be written once more within the
    same tick (git's "racy" entries). Clocks of file systems that know whole seconds only tick every
    two seconds at worst (FAT).

    Args:
        found: its signature.
        moment: when somebody began to look at it, in nanoseconds since the epoch.
    """
    _, modified, changed, _ = found
    is_coarse = modified % _SECOND_NS == 0 and changed % _SECOND_NS == 0
    return max(modified, changed) < moment - (_COARSE_TICK_NS if is_coarse else _TICK_NS)


@contextlib.contextmanager
def locked(
    path: Path,
    waiting: Callable[[], None] = lambda: None,
    *,
    abandoned: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Hold the lock file `path`; the system frees it on a crash.

    Args:
        path: the file, made when it is not there.
        waiting: called once when somebody else holds it, before waiting for them.
        abandoned: called first when the one who held it last was killed or failed. The file holds
            a byte until its holder has succeeded.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if abandoned is None:
            yield
            return
        if os.pread(descriptor, 1, 0):
            abandoned()
        else:
            os.pwrite(descriptor, b"!", 0)
        yield
        with contextlib.suppress(OSError):  # then somebody looks for nothing
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def require_writable(folder: Path) -> None:
    """Create the folder, or say who has to be asked.

    Raises:
        UsageError: the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise UsageError(f"cannot create {folder}: {error.strerror}") from error
    if not writable:
        raise UsageError(f"cannot write in {folder}", help="check the owner and mode of the folder")


def _fsync_all(paths: Iterable[Path]) -> None:
    """Wait for several paths at once: the file system's journal then commits many together."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(fsync, paths):
            pass


def fsync(path: Path) -> None:
    """Wait until the disk has what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
