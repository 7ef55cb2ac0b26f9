"""Learning: from folders and files of help pages to the local index; only what changed is done again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote as quote_url
from urllib.parse import urlsplit

from knowledge.chunk import cut
from knowledge.local import SNAPSHOT, LocalIndex
from knowledge.parse import KINDS, Unreadable, read_page
from knowledge.remembered import forget_all
from knowledge.shelf import Counts, Shelf, Stored

LARGEST_BYTES = 5_000_000
BATCH = 64
_SHAPED_BY = b"2"  # raise it when parsing or cutting changes: every document is then learned again
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv"})


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What one run of learning did: documents by name, and why a file failed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far learning or embedding has come. `name` is what was just done."""

    done: int
    total: int
    name: str


OnProgress = Callable[[Progress], None]


async def learn(
    index: LocalIndex,
    sources: Sequence[Path | str],
    *,
    on_progress: OnProgress | None = None,
    base_url: str | None = None,
) -> Learned:
    """Makes the index hold what stands in `sources` now.

    A folder remembers its files: those that vanished since it was last learned leave the index. Other
    sources stay. A file that cannot be read keeps what was known of it. `on_progress` is called on a
    thread. Words are searchable at return; meaning after `embed_pending`.

    Customers read the pages below `base_url`: a page's file without its ending, unless the page itself
    says where it is. Without it, the one last given for a source holds.
    """
    return await asyncio.to_thread(_learn, index, sources, on_progress, base_url)


async def forget(index: LocalIndex, source: Path | str) -> int:
    """Takes what was learned from `source` out of the index again; returns how many documents that were."""
    return await asyncio.to_thread(_forget, index, Path(source))


def _forget(index: LocalIndex, source: Path) -> int:
    root = str(source.expanduser().resolve())
    shelf = Shelf.for_learning(index.path)
    try:
        known = shelf.known(root)
        if known:
            shelf.replace(root, [], gone=known)
            forget_all(index.folder)
        shelf.remember_base_url(root, "")
    finally:
        shelf.close()
    return len(known)


def _learn(
    index: LocalIndex,
    sources: Sequence[Path | str],
    on_progress: OnProgress | None,
    given_base_url: str | None,
) -> Learned:
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    removed: list[str] = []
    failed: dict[str, str] = {}
    shelf = Shelf.for_learning(index.path)
    try:
        for source in sources:
            if str(source).startswith(("https://", "http://")):
                failed[str(source)] = "addresses cannot be learned yet; give a folder or a file of its pages"
                continue
            root = Path(source).expanduser().resolve()
            if not root.exists():
                failed[str(source)] = "there is no such file or folder"
                continue
            if given_base_url is not None:
                shelf.remember_base_url(str(root), given_base_url)
            base_url = shelf.base_url(str(root))
            base = root if root.is_dir() else root.parent
            files = list(_files(root, failed))
            known = shelf.known(str(root))
            fresh: list[Stored] = []
            for done, path in enumerate(files, 1):
                file = path.relative_to(base).as_posix()
                try:
                    data = _read(path)
                    digest = blake2b(_SHAPED_BY + base_url.encode() + b"\0" + data, digest_size=16).digest()
                    if known.get(file) == digest:
                        unchanged.append(file)
                    else:
                        fresh.append(_stored(file, data, digest, base_url))
                        (changed if file in known else added).append(file)
                except (OSError, ValueError) as error:
                    failed[file] = str(error) or type(error).__name__
                if on_progress:
                    on_progress(Progress(done=done, total=len(files), name=file))
            standing = {path.relative_to(base).as_posix() for path in files}
            gone = [file for file in known if file not in standing]
            removed += gone
            if fresh or gone:
                shelf.replace(str(root), fresh, gone=gone)
                forget_all(index.folder)
    finally:
        shelf.close()
    return Learned(
        added=tuple(added),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        removed=tuple(removed),
        failed=failed,
    )


def _files(root: Path, failed: dict[str, str]) -> Iterator[Path]:
    """Every page below `root`, in order; links to folders are not followed, so no loop can trap it."""
    if root.is_file():
        if root.suffix.lower() in KINDS:
            yield root
        else:
            failed[root.name] = "it is neither Markdown, HTML nor text"
        return
    for folder, names, files in os.walk(
        root, onerror=lambda error: failed.update({str(error.filename): str(error)})
    ):
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in KINDS:
                yield Path(folder, name)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise Unreadable("it is no regular file")
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise Unreadable(f"it has {size:,} bytes; the most a page may have is {LARGEST_BYTES:,}")
    return path.read_bytes()


def _stored(file: str, data: bytes, digest: bytes, base_url: str) -> Stored:
    page = read_page(file, data)
    return Stored(
        file=file,
        name=file,
        digest=digest,
        title=page.title,
        description=page.description,
        url=_address(page.url, file, base_url),
        chunks=cut(page),
    )


def _address(told: str, file: str, base_url: str) -> str:
    """Where a customer reads the page: what it says itself, else its place below `base_url`, else nowhere."""
    if told.startswith(("https://", "http://")):
        return told
    if not base_url:
        return ""
    base_url = base_url.rstrip("/")
    below = urlsplit(base_url).path
    if below and told.startswith(f"{below}/"):  # the page counts from its site's root
        return base_url.removesuffix(below) + told
    path = told.strip("/") or quote_url(file.rsplit(".", 1)[0].removesuffix("index").rstrip("/"))
    return f"{base_url}/{path}"


async def embed_pending(index: LocalIndex, on_progress: OnProgress | None = None) -> int:
    """Makes every chunk of the index searchable by meaning; returns how many texts were embedded.

    May be stopped at any time and called again: what was embedded is kept.
    """
    return await asyncio.to_thread(_embed_pending, index, on_progress)


def _embed_pending(index: LocalIndex, on_progress: OnProgress | None) -> int:
    embedder = index.embedder()
    shelf = Shelf(index.path)
    try:
        counts: Counts = shelf.counts(embedder.name)
        pending = list(shelf.pending(embedder.name).items())
        for start in range(0, len(pending), BATCH):
            batch = pending[start : start + BATCH]
            vectors = embedder.passages([text for _, text in batch])
            shelf.keep(embedder.name, {digest: row for (digest, _), row in zip(batch, vectors, strict=True)})
            if on_progress:
                done = start + len(batch)
                on_progress(Progress(done=done, total=len(pending), name=embedder.name))
        if counts.documents:
            shelf.copy_to(index.folder / SNAPSHOT)
        return len(pending)
    finally:
        shelf.close()
