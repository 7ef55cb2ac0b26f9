"""A real pymap: another IMAP server, in Python and in memory, with its own way of saying things."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.channels.email.imap_server import PASSWORD, USER, ImapServer
from tests.processes import free_port, running


class Pymap(ImapServer):
    """Knows one user, and forgets everything with its end."""

    def __init__(self, folder: Path, *, port: int, user: str, password: str, samples: bool) -> None:
        super().__init__(
            f"pymap-{port}",
            [
                *(sys.executable, "-c", "from pymap.main import main; main()"),
                *("--host", "127.0.0.1", "--port", str(port), "--no-tls"),
                *("dict", "--demo-user", user, "--demo-password", password),
                *(["--demo-data"] if samples else []),
            ],
            folder=folder,
            environment={},
            port=port,
            users=(user,),
            password=password,
        )

    def recreate(self, user: str = USER) -> None:
        self.end()
        self.start()


@contextlib.contextmanager
def pymap(
    user: str = USER, *, port: int | None = None, password: str = PASSWORD, samples: bool = False
) -> Iterator[Pymap]:
    """A running pymap; with `samples` its own mails lie in the mailbox."""
    with tempfile.TemporaryDirectory(prefix="pymap-") as folder:
        server = Pymap(Path(folder), port=port or free_port(), user=user, password=password, samples=samples)
        with running([server]):
            yield server
