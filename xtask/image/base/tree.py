"""The root file system of a base, as its layers make it: names and kinds, no content.

OCI Image Specification 1.1, "Image Layer Filesystem Changeset", whiteouts included. Links are
followed as in a container: an absolute one, and one that climbs, ends at the root of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xtask.errors import UntrustedError
from xtask.image.base.changeset import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xtask.image.base.changeset import Member

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# As many as Linux follows (path_resolution(7)).
_MAX_LINKS = 40
_MAX_NODES = 2_000_000


class Content(NamedTuple):
    """Where the bytes of a file are: the number of the layer, and the path of the member in it."""

    layer: int
    path: str


@dataclass(slots=True, eq=False)
class Node:
    """One name: what it is, and which layer said so last; a directory has children."""

    kind: Kind
    layer: int
    mode: int = 0o755
    size: int = 0
    link: str = ""
    content: Content | None = None
    children: dict[str, Node] = field(default_factory=dict)


class Tree:
    """What a container sees below `/`, after all layers that were applied so far."""

    def __init__(self) -> None:
        """Begin with an empty root."""
        self.root = Node(Kind.DIRECTORY, -1)
        self._made = 0

    def apply(self, layer: int, member: Member) -> None:
        """Do what one member of a layer says.

        Raises:
            UntrustedError: it contradicts what is there: a path through a file, a link to nothing.
        """
        folder, _, name = member.path.rpartition("/")
        if not name:
            return
        parent = self._folder(folder, layer)
        if name == _OPAQUE:
            _prune(parent, layer)
        elif name.startswith(_WHITEOUT):
            _hide(parent, name.removeprefix(_WHITEOUT), layer)
        else:
            self._place(parent, name, layer, member)

    def find(self, path: str) -> tuple[str, Node] | None:
        """Return the real path and the node that a path leads to, None when it leads nowhere."""
        todo, stack, hops = path.split("/")[::-1], [("", self.root)], 0
        while todo:
            name = todo.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                stack = stack[:-1] or stack
                continue
            child = stack[-1][1].children.get(name)
            if child is None:
                return None
            if child.kind is Kind.SYMLINK:
                hops += 1
                if hops > _MAX_LINKS:
                    return None
                stack = stack[:1] if child.link.startswith("/") else stack
                todo.extend(child.link.split("/")[::-1])
            else:
                stack.append((name, child))
        return "/".join(part for part, _ in stack[1:]), stack[-1][1]

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Yield every path and its node, folders before what is in them; links are not followed."""
        todo = [("", self.root)]
        while todo:
            path, node = todo.pop()
            for name, child in node.children.items():
                below = f"{path}/{name}" if path else name
                yield below, child
                if child.children:
                    todo.append((below, child))

    def _folder(self, path: str, layer: int) -> Node:
        """Return the directory at a path, making what is missing of it."""
        node = self.root
        walked = ""
        for name in path.split("/") if path else ():
            walked = f"{walked}/{name}" if walked else name
            child = node.children.get(name)
            if child is None:
                child = Node(Kind.DIRECTORY, layer)
                self._add(node, name, child)
            elif child.kind is Kind.SYMLINK:
                found = self.find(walked)
                child = found[1] if found else child
            if child.kind is not Kind.DIRECTORY:
                raise UntrustedError(
                    f"a layer of the base has {path!r} below {walked!r}, which is no folder",
                    help="name another base image",
                )
            node = child
        return node

    def _place(self, parent: Node, name: str, layer: int, member: Member) -> None:
        before = parent.children.get(name)
        if member.kind is Kind.DIRECTORY and before and before.kind is Kind.DIRECTORY:
            before.layer, before.mode = layer, member.mode
            return
        if member.kind is not Kind.HARDLINK:
            content = Content(layer, member.path) if member.kind is Kind.FILE else None
            node = Node(member.kind, layer, member.mode, member.size, member.link, content)
        else:
            node = self._linked(member, layer)
        self._add(parent, name, node)

    def _add(self, parent: Node, name: str, node: Node) -> None:
        parent.children[name] = node
        self._made += 1
        if self._made > _MAX_NODES:
            raise UntrustedError(
                f"the base has more than {_MAX_NODES} files", help="name another base image"
            )

    def _linked(self, member: Member, layer: int) -> Node:
        """Return another name of a file or link; the target's folder may be reached by links."""
        folder, _, name = member.link.rpartition("/")
        found = self.find(folder)
        target = found[1].children.get(name) if found else None
        if target is None or target.kind is Kind.DIRECTORY:
            raise UntrustedError(
                f"a layer of the base links {member.path!r} to {member.link!r}, which is not there",
                help="name another base image",
            )
        return Node(target.kind, layer, target.mode, target.size, target.link, target.content)


def _hide(parent: Node, name: str, layer: int) -> None:
    """Take away what lower layers have under a name; what this layer has stays."""
    node = parent.children.get(name)
    if node is None:
        return
    _prune(node, layer)
    if node.layer < layer and not node.children:
        del parent.children[name]


def _prune(folder: Node, layer: int) -> None:
    for name in list(folder.children):
        _hide(folder, name, layer)
