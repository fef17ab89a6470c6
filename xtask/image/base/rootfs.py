"""What a root file system has besides programs: accounts, name lookup, two folders to write in."""

from __future__ import annotations

from xtask.image.layer import Entry, directory

APP_ID = 10001
"""User and group that the application runs as; they own nothing but the data folder."""

_PASSWD = f"""\
root:x:0:0:root:/root:/sbin/nologin
app:x:{APP_ID}:{APP_ID}:app:/data:/sbin/nologin
"""
_GROUP = f"""\
root:x:0:
app:x:{APP_ID}:
"""
_NSSWITCH = """\
passwd: files
group: files
hosts: files dns
"""


def rootfs_entries() -> list[Entry]:
    """Return the entries that a container needs and no program brings."""
    return [
        Entry("etc/passwd", _PASSWD.encode()),
        Entry("etc/group", _GROUP.encode()),
        Entry("etc/nsswitch.conf", _NSSWITCH.encode()),
        directory("tmp", 0o1777),
        directory("data", uid=APP_ID, gid=APP_ID),
    ]
