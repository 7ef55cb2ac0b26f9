"""The index file: one SQLite database with documents, their chunks, an FTS5 table and vectors.

Blocking; `local.py` calls it on threads. Every method is one transaction, so a reader or a process that
dies in the middle sees either the old index or the new one, never a mixture.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from knowledge import words
from knowledge.chunk import Chunk
from knowledge.embed import Vectors

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources(
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS documents(
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources(id), file TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL,
    url TEXT NOT NULL, UNIQUE(source, file));
CREATE TABLE IF NOT EXISTS chunks(
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(id), position INTEGER NOT NULL,
    headings TEXT NOT NULL, text TEXT NOT NULL, body BLOB NOT NULL, place BLOB NOT NULL, page BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks(document, position);
CREATE TABLE IF NOT EXISTS vectors(
    digest BLOB NOT NULL, embedder TEXT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY(digest, embedder)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    title, headings, body, detail=column, tokenize="unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(words, row);
"""
# Where a source's pages are read. Beside the schema, so that it outlives a change of it.
_ADDRESSES = "CREATE TABLE IF NOT EXISTS addresses(source TEXT PRIMARY KEY, base_url TEXT NOT NULL)"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A document to put on the shelf. `digest` is of its file's bytes and of what else shaped it."""

    file: str
    name: str
    digest: bytes
    title: str
    description: str
    url: str
    chunks: Sequence[Chunk]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much is on the shelf; `embedded` counts chunks that can be found by meaning."""

    documents: int
    chunks: int
    embedded: int


@dataclass(frozen=True, kw_only=True)
class Meanings:
    """What an embedder reads of a chunk: what it says, where it stands, and what its page is about."""

    body: str
    place: str
    page: str

    def digests(self) -> tuple[bytes, bytes, bytes]:
        return _digest(self.body), _digest(self.place), _digest(self.page)


def meanings(title: str, description: str, headings: Sequence[str], text: str, *, first: bool) -> Meanings:
    place = " › ".join([title, *headings])
    lead = f"{place}\n{description}\n" if first and description else f"{place}\n"
    return Meanings(body=lead + text, place=place, page=f"{title}. {description}")


class Shelf:
    """One connection to an index file; not to be used by two threads at once."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if read_only:
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA busy_timeout = 10000")
            if not read_only:
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def for_learning(cls, path: Path) -> Shelf:
        """Opens the index to learn into; a damaged file is set aside, since all of it can be learned anew."""
        try:
            shelf = cls(path)
            shelf.counts("")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, no permission, disk full: not damage
                raise
            for suffix in ("", "-wal", "-shm"):
                damaged = path.with_name(path.name + suffix)
                if damaged.exists():
                    damaged.replace(path.with_name(f"{path.name}.damaged{suffix}"))
            return cls(path)
        return shelf

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(_ADDRESSES)
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == _VERSION:
            return
        with self._writing():
            if version:  # an older layout: everything in it can be learned again from its sources
                for kind, name in self._db.execute(
                    "SELECT type, name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'"
                    " AND name NOT LIKE 'sqlite_%'"
                ).fetchall():
                    self._db.execute(f'DROP {kind} "{name}"')
                for (name,) in self._db.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'addresses'"
                    " AND name NOT LIKE 'sqlite_%'"
                ).fetchall():
                    self._db.execute(f'DROP TABLE IF EXISTS "{name}"')
            for statement in _SCHEMA.split(";"):
                if statement.strip():
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    # What learning needs

    def known(self, source: str) -> dict[str, bytes]:
        """The files learned from `source` and their digests."""
        return dict(
            self._db.execute(
                "SELECT file, digest FROM documents WHERE source = (SELECT id FROM sources WHERE path = ?)",
                (source,),
            ).fetchall()
        )

    def base_url(self, source: str) -> str:
        """Where the pages of `source` are read, as it was last told; "" when it never was."""
        found = self._db.execute("SELECT base_url FROM addresses WHERE source = ?", (source,)).fetchone()
        return str(found[0]) if found else ""

    def remember_base_url(self, source: str, base_url: str) -> None:
        """The pages of `source` are read below this address until another one is told."""
        self._db.execute(
            "INSERT INTO addresses(source, base_url) VALUES (?, ?)"
            " ON CONFLICT(source) DO UPDATE SET base_url = excluded.base_url",
            (source, base_url),
        )

    def replace(self, source: str, stored: Iterable[Stored], *, gone: Iterable[str]) -> None:
        """Puts documents of `source` in place of what was known of them; removes `gone` files."""
        with self._writing():
            self._db.execute("INSERT INTO sources(path) VALUES (?) ON CONFLICT DO NOTHING", (source,))
            (source_id,) = self._db.execute("SELECT id FROM sources WHERE path = ?", (source,)).fetchone()
            for file in gone:
                self._remove(source_id, file)
            for document in stored:
                self._remove(source_id, document.file)
                self._add(source_id, source, document)
            self._db.execute(
                "DELETE FROM vectors WHERE digest NOT IN"
                " (SELECT body FROM chunks UNION SELECT place FROM chunks UNION SELECT page FROM chunks)"
            )

    def _remove(self, source_id: int, file: str) -> None:
        found = self._db.execute(
            "SELECT id FROM documents WHERE source = ? AND file = ?", (source_id, file)
        ).fetchone()
        if found:
            self._db.execute(
                "DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE document = ?)", found
            )
            self._db.execute("DELETE FROM chunks WHERE document = ?", found)
            self._db.execute("DELETE FROM documents WHERE id = ?", found)

    def _add(self, source_id: int, source: str, document: Stored) -> None:
        name = document.name
        if self._db.execute("SELECT 1 FROM documents WHERE name = ?", (name,)).fetchone():
            name = f"{Path(source).name}/{name}"  # two sources hold a file of the same name
        if self._db.execute("SELECT 1 FROM documents WHERE name = ?", (name,)).fetchone():
            name = f"{source}/{document.name}"
        cursor = self._db.execute(
            "INSERT INTO documents(source, file, name, digest, title, description, url)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                source_id,
                document.file,
                name,
                document.digest,
                document.title,
                document.description,
                document.url,
            ),
        )
        document_id = cursor.lastrowid
        title = " ".join(words.stems(f"{document.title} {' '.join(words.split(Path(document.file).stem))}"))
        for position, chunk in enumerate(document.chunks):
            first = position == 0
            read = meanings(document.title, document.description, chunk.headings, chunk.text, first=first)
            cursor = self._db.execute(
                "INSERT INTO chunks(document, position, headings, text, body, place, page)"
                " VALUES (?,?,?,?,?,?,?)",
                (
                    document_id,
                    position,
                    json.dumps(chunk.headings, ensure_ascii=False),
                    chunk.text,
                    *read.digests(),
                ),
            )
            body = f"{document.description} {chunk.text}" if first else chunk.text
            self._db.execute(
                "INSERT INTO words(rowid, title, headings, body) VALUES (?,?,?,?)",
                (
                    cursor.lastrowid,
                    title,
                    " ".join(words.stems(" ".join(chunk.headings))),
                    " ".join(words.stems(body)),
                ),
            )

    # What embedding needs

    def pending(self, embedder: str) -> dict[bytes, str]:
        """Texts that have no vector of `embedder` yet, by digest, in the order they matter."""
        rows = self._db.execute("SELECT digest FROM vectors WHERE embedder = ?", (embedder,))
        done = {digest for (digest,) in rows}
        found: dict[bytes, str] = {}
        for title, description, headings, text, position in self._db.execute(
            "SELECT d.title, d.description, c.headings, c.text, c.position FROM chunks c"
            " JOIN documents d ON d.id = c.document ORDER BY c.position, c.id"
        ):
            read = meanings(title, description, json.loads(headings), text, first=position == 0)
            found |= zip(read.digests(), (read.body, read.place, read.page), strict=True)
        return {digest: said for digest, said in found.items() if digest not in done}

    def keep(self, embedder: str, vectors: Mapping[bytes, Vectors]) -> None:
        """Keeps vectors of chunks by the digest of the text they stand for."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors(digest, embedder, vector) VALUES (?,?,?)",
                [(digest, embedder, row.astype(np.float16).tobytes()) for digest, row in vectors.items()],
            )

    # What searching needs

    def data_version(self) -> int:
        """Changes when another connection has committed."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def counts(self, embedder: str) -> Counts:
        documents, chunks, embedded = self._db.execute(
            "WITH v AS (SELECT digest FROM vectors WHERE embedder = ?) SELECT"
            " (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks),"
            " (SELECT count(*) FROM chunks WHERE body IN v AND place IN v AND page IN v)",
            (embedder,),
        ).fetchone()
        return Counts(documents=documents, chunks=chunks, embedded=embedded)

    def layout(self) -> list[tuple[int, int, bytes, bytes, bytes]]:
        """Every chunk's id, document and the digests of its body, place and page, by id."""
        return self._db.execute("SELECT id, document, body, place, page FROM chunks ORDER BY id").fetchall()

    def places(self) -> list[tuple[str, str]]:
        """Every chunk's document by its name and its address, in the order of `layout`."""
        return self._db.execute(
            "SELECT d.name, d.url FROM chunks c JOIN documents d ON d.id = c.document ORDER BY c.id"
        ).fetchall()

    def documents(self, wanted: str, after: str, limit: int) -> list[tuple[str, str, str, int, bool]]:
        """Name, title, address, number of chunks and whether all of them have their meaning, of documents
        in whose name or title `wanted` stands, by name, those after `after`."""
        like = f"%{wanted.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        return [
            (name, title, url, chunks, bool(understood))
            for name, title, url, chunks, understood in self._db.execute(
                "SELECT d.name, d.title, d.url, count(c.id),"
                " min(c.body IN (SELECT digest FROM vectors)) FROM documents d"
                " LEFT JOIN chunks c ON c.document = d.id"
                " WHERE d.name > ? AND (d.title LIKE ? ESCAPE '!' OR d.name LIKE ? ESCAPE '!')"
                " GROUP BY d.id ORDER BY d.name LIMIT ?",
                (after, like, like, limit),
            )
        ]

    def chunks(self, document: str) -> list[tuple[tuple[str, ...], str]]:
        """The headings and the text of each chunk of a document, in order."""
        return [
            (tuple(json.loads(headings)), text)
            for headings, text in self._db.execute(
                "SELECT c.headings, c.text FROM chunks c JOIN documents d ON d.id = c.document"
                " WHERE d.name = ? ORDER BY c.position",
                (document,),
            )
        ]

    def texts(self) -> list[str]:
        """Titles, headings and texts of all chunks, as they are read."""
        return [
            " ".join(row)
            for row in self._db.execute(
                "SELECT d.title, c.headings, c.text FROM chunks c JOIN documents d ON d.id = c.document"
            )
        ]

    def vectors(self, embedder: str) -> dict[bytes, bytes]:
        return dict(
            self._db.execute("SELECT digest, vector FROM vectors WHERE embedder = ?", (embedder,)).fetchall()
        )

    def by_words(
        self, stems: Sequence[str], limit: int, weights: tuple[float, float, float]
    ) -> list[tuple[int, float]]:
        """Chunks holding any of the stems, best first, with their BM25 (higher is better)."""
        if not stems:
            return []
        match = " OR ".join(f'"{stem}"' for stem in stems)
        return self._db.execute(
            "SELECT rowid, -bm25(words, ?, ?, ?) AS s FROM words WHERE words MATCH ? ORDER BY s DESC LIMIT ?",
            (*weights, match, limit),
        ).fetchall()

    def holding(self, stems: Sequence[str]) -> dict[str, int]:
        """How many chunks hold each stem; stems that none holds are left out."""
        marks = ",".join("?" * len(stems))
        return dict(
            self._db.execute(f"SELECT term, doc FROM vocabulary WHERE term IN ({marks})", tuple(stems))  # noqa: S608
        )

    def passages(self, chunk_ids: Sequence[int]) -> dict[int, tuple[str, str, str, tuple[str, ...], str]]:
        """Name, title, url, headings and text of chunks, by chunk id."""
        marks = ",".join("?" * len(chunk_ids))
        query = (
            "SELECT c.id, d.name, d.title, d.url, c.headings, c.text FROM chunks c"
            " JOIN documents d ON d.id = c.document WHERE c.id IN"
        )
        rows = self._db.execute(f"{query} ({marks})", tuple(chunk_ids))
        return {row[0]: (row[1], row[2], row[3], tuple(json.loads(row[4])), row[5]) for row in rows}

    def copy_to(self, target: Path) -> None:
        """Writes a whole copy beside `target`, then puts it in its place at once."""
        fresh = target.with_name(f"{target.name}.fresh")
        fresh.unlink(missing_ok=True)
        self._db.execute("VACUUM INTO ?", (str(fresh),))
        fresh.replace(target)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
