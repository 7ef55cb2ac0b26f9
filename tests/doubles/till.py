"""A small service that changes things, over HTTP, and keeps a ledger of every one."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson


@dataclass
class Till:
    """`POST /VERB` with `{"order_id"}` does it and says so. Where `keeps_keys` has the verb, the same
    Idempotency-Key is answered as before and nothing is done; any other verb is done every time it is asked.
    Where `falls_silent` has it, one in three who ask with a new key hear nothing: it is done, and the line is
    cut.
    """

    keeps_keys: frozenset[str]
    falls_silent: frozenset[str] = frozenset()
    ledger: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""
    _answers: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, verb: str, order: str, key: str) -> bytes | None:
        """The answer, if there is one."""
        with self._lock:
            self.asked.append((verb, order, key))
            if verb in self.keeps_keys and (known := self._answers.get((verb, key))):
                return known
            self.ledger.append((verb, order))
            answer = orjson.dumps({"done": verb, "order": order, "number": len(self.ledger)})
            self._answers[verb, key] = answer
            return None if verb in self.falls_silent and len(self.ledger) % 3 == 0 else answer

    @property
    def times(self) -> Counter[tuple[str, str]]:
        """How often each thing was done."""
        return Counter(self.ledger)


@contextlib.contextmanager
def till(*, keeps_keys: frozenset[str], falls_silent: frozenset[str] = frozenset()) -> Iterator[Till]:
    """One that runs beside the test."""
    made = Till(keeps_keys=keeps_keys, falls_silent=falls_silent)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers.get("Idempotency-Key", "")
            answer = made.take(self.path.strip("/"), body["order_id"], key)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="till")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
