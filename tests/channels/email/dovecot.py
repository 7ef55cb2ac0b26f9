"""A real Dovecot of the test's own: on 127.0.0.1, in a folder of its own, ended by its process id.

Any user of the one password has a mailbox. Runs as root (mail then belongs to `mail`) or as anybody.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import jwt
import pytest

from tests.channels.email.imap_server import PASSWORD, USER, ImapServer
from tests.processes import free_port, running

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
_TOKEN_SECRET = b"a secret that only the token's issuer and Dovecot know"

_CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_location = {format}:{folder}/mail/%u
mail_uid = {owner}
mail_gid = {owner_group}
first_valid_uid = 1
mail_max_userip_connections = {connections}
mailbox_idle_check_interval = 1 secs
lock_method = fcntl
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
ssl_dh =
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  # Or one test's wrong password makes the next test's login wait.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={folder}/mail/%u
}}
"""


class Dovecot(ImapServer):
    """`port` speaks plain IMAP with STARTTLS, `tls_port` TLS from the start, with `certificate`."""

    def __init__(
        self,
        folder: Path,
        *,
        mail_format: str = "sdbox",
        connections: int = 100,
        users: Sequence[str] = (USER,),
    ) -> None:
        self.folder = folder
        self.tls_port = free_port()
        port = free_port()
        self.certificate = folder / "certificate.pem"
        self._certify()
        root = os.geteuid() == 0
        me = getpass.getuser()
        owner = "mail" if root else me
        names = {
            "internal": "dovecot" if root else me,
            "login": "dovenull" if root else me,
            "group": "dovecot" if root else str(os.getegid()),
        }
        (folder / "users").write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}::::::\n" for user in users))
        keys = folder / "keys/default/HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_text(base64.b64encode(_TOKEN_SECRET).decode())
        (folder / "oauth2.conf").write_text(
            "introspection_mode = local\nusername_attribute = sub\nactive_attribute =\nactive_value =\n"
            f"local_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        )
        (folder / "mail").mkdir()
        if root:
            account = pwd.getpwnam(owner)
            os.chown(folder / "mail", account.pw_uid, account.pw_gid)
        config = folder / "dovecot.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder,
                format=mail_format,
                owner=pwd.getpwnam(owner).pw_uid,
                owner_group=pwd.getpwnam(owner).pw_gid,
                connections=connections,
                port=port,
                tls_port=self.tls_port,
                **names,
            )
        )
        super().__init__(
            f"dovecot-{port}",
            [PROGRAM, "-F", "-c", str(config)],
            folder=folder,
            environment={"PATH": os.environ.get("PATH", "")},
            port=port,
            users=users,
        )

    def end(self, number: signal.Signals = signal.SIGTERM, *, within: float = 10.0) -> int:
        """End it with its children, which would otherwise stay as long as their clients do."""
        status = super().end(number, within=within)
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return status

    def token(self, user: str = USER) -> str:
        """An OAuth token that Dovecot believes."""
        return jwt.encode({"sub": user, "exp": 4_000_000_000, "iat": 1}, _TOKEN_SECRET, algorithm="HS256")

    def recreate(self, user: str = USER, name: str = "INBOX") -> None:
        """Empty the mailbox by deleting it: what is there afterwards has another UIDVALIDITY."""
        shutil.rmtree(self.folder / "mail" / user)

    def _certify(self) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
        )


@contextlib.contextmanager
def dovecot(
    *, mail_format: str = "sdbox", connections: int = 100, users: Sequence[str] = (USER,)
) -> Iterator[Dovecot]:
    """A running Dovecot, or a named skip.

    Its folder is short (sockets) and open to the user that mail belongs to.
    """
    if not Path(PROGRAM).exists():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("Dovecot is not installed")
        pytest.skip("Dovecot is not installed")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o711)
    server = Dovecot(folder, mail_format=mail_format, connections=connections, users=users)
    try:
        with running([server]):
            yield server
    finally:
        server.end(signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)
