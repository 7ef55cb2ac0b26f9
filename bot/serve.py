"""Running the house's processes: the web server, the worker, the embedded Valkey, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn

from bot.app import House, make_data_dir, open_house, prepare
from bot.demo_shop import DemoShop
from bot.ending import end
from bot.orchestrator.intents import ByExamples
from bot.settings import Settings, WrongSetting
from bot.uploads import tidy
from bot.valkey import EmbeddedValkey

log = logging.getLogger("switchboard")

_AGAIN = 60.0  # seconds until an embedder that could not be asked is asked again
_DEAF = 60_000  # milliseconds for which what was sent to somebody may stand unread


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the whole house stops together, in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def whole_house(settings: Settings) -> AsyncIterator[House]:
    """A migrated, wired house with its own Valkey when there is no REDIS_URL; one per data folder."""
    make_data_dir(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(_alone(settings.data_dir / "run.lock"))
        redis_url = settings.redis_url
        if not redis_url:
            valkey = EmbeddedValkey(settings.data_dir / "valkey")
            await valkey.start()
            stack.push_async_callback(valkey.stop)
            redis_url = valkey.url
        await prepare(settings)
        shop = await stack.enter_async_context(demo_shop(settings))
        yield await stack.enter_async_context(open_house(settings, redis_url=redis_url, demo_shop=shop))


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on. Raises WrongSetting when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WrongSetting(
                f"PORT: {settings.port} is taken by another program; set PORT to another number"
            ) from None
        raise WrongSetting(f"HOST/PORT: cannot listen on {settings.host}:{settings.port}: {error}") from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # The kernel, and only the kernel, can let go of a reader that is gone or reads nothing any more.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAF)
    return listening


async def serve(
    house: House,
    *,
    web: socket.socket | None,
    work: bool,
    mail: bool = False,
    errands: Coroutine[object, object, None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then streams end, running turns finish or are handed back.

    `errands` run beside and are given up at the end.
    """
    # What was loaded to begin with stays: looking through all of it for garbage takes a tenth of a second
    # in which nobody is answered, and whoever is writing keeps every other process from writing.
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    house.live.start(house.store.conversations.newest_events)
    tasks: list[asyncio.Task[object]] = []
    beside = [
        asyncio.create_task(_see_to(house.alerts.run()), name="alerts"),
        asyncio.create_task(_see_to(house.watch.run()), name="watch"),
        asyncio.create_task(_see_to(house.waits.run()), name="waits"),
        asyncio.create_task(_see_to(house.articles.run()), name="articles"),
    ]
    server = None
    if web is not None:
        config = uvicorn.Config(
            house.web,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        server = _Server(config)
        tasks.append(asyncio.create_task(server.serve(sockets=[web]), name="web"))
    if work:
        tasks.append(asyncio.create_task(house.background.run(beside_web=web is not None), name="background"))
        tidying = tidy(house.store, house.settings.data_dir / "files")
        beside.append(asyncio.create_task(_see_to(tidying), name="tidy"))
        beside.append(asyncio.create_task(_see_to(_understand(house.router)), name="examples"))
    if mail and house.mail is not None:
        tasks.append(asyncio.create_task(house.mail.listen(house.desk), name="mail"))
    if errands is not None:
        beside.append(asyncio.create_task(_see_to(errands), name="errands"))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        log.info("stopping …")
    stopped.cancel()
    await end(*beside)
    await house.live.stop()
    if server is not None:
        server.should_exit = True
    for task in tasks:
        if task.get_name() != "web":
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _understand(router: ByExamples) -> None:
    """What the examples mean; until that can be told, words alone route."""
    while True:
        if await router.learn():
            return
        await asyncio.sleep(_AGAIN)


async def _see_to(errands: Coroutine[object, object, None]) -> None:
    try:
        await errands
    except Exception:
        log.exception("what was to be done beside failed; everything else goes on")


@asynccontextmanager
async def demo_shop(settings: Settings) -> AsyncIterator[str]:
    """The demo shop's order service, running, and its address; "" where bot.toml says who answers."""
    if settings.bot_config.exists():
        yield ""
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            DemoShop(settings.data_dir / "demo-shop.json").app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="demo shop")
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the data folder; a second `run` on it says so instead of harming the first."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongSetting(
                f"DATA_DIR: another `switchboard run` is using {path.parent}; stop it or set another DATA_DIR"
            ) from None
        yield
