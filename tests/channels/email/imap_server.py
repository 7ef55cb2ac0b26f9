"""A real IMAP server of the test's own, and what other programs do to its mailboxes."""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.processes import Process

PASSWORD = 'right "horse" \\ battery'  # what a careless client fails to quote
USER = "support@example.com"


class ImapServer(Process):
    """Speaks plain IMAP at `port` of 127.0.0.1; each of `users` has a mailbox, by the one `password`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        port: int,
        users: Sequence[str],
        password: str = PASSWORD,
    ) -> None:
        super().__init__(
            name, command, folder=folder, environment=environment, ready=lambda _: self._greets()
        )
        self.port = port
        self.users = tuple(users)
        self.password = password

    @contextlib.contextmanager
    def client(self, user: str = USER, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Another program on the same mailbox; it blocks."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=20) as connection:
            connection.login(user, self.password)
            connection.select(folder)
            yield connection

    def deliver(self, *messages: bytes, user: str = USER) -> None:
        """Put mails into the mailbox, in order."""
        with self.client(user) as connection:
            for message in messages:
                status, said = connection.append("INBOX", "", "", message)
                assert status == "OK", said

    def flags(self, user: str = USER, folder: str = "INBOX") -> dict[int, set[str]]:
        """Each UID with its flags."""
        with self.client(user, folder) as connection:
            _, lines = connection.uid("FETCH", "1:*", "(UID FLAGS)")
        found = {}
        for line in lines:
            if isinstance(line, bytes):
                uid = int(line.partition(b"UID ")[2].split()[0].rstrip(b")"))
                flags = line.partition(b"FLAGS (")[2].partition(b")")[0]
                found[uid] = {flag.decode() for flag in flags.split()}
        return found

    def bodies(self, user: str = USER, folder: str = "INBOX") -> dict[int, bytes]:
        """Each UID with its mail, as another program sees it."""
        with self.client(user, folder) as connection:
            _, parts = connection.uid("FETCH", "1:*", "(UID BODY.PEEK[])")
        pairs = (part for part in parts if isinstance(part, tuple))
        return {int(head.partition(b"UID ")[2].split()[0]): body for head, body in pairs}

    def recreate(self, user: str = USER) -> None:
        """Empty the mailbox by deleting it: what is there afterwards has another UIDVALIDITY."""
        raise NotImplementedError

    def _greets(self) -> bool:
        refused = contextlib.suppress(OSError, imaplib.IMAP4.error)
        with refused, imaplib.IMAP4("127.0.0.1", self.port, timeout=2):
            return True
        return False
