"""The commands, as somebody types them: what they print, how they end, what they leave behind."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash

from bot.cli import _name_in
from bot.store import Store
from tests.bot.store.given import said
from tests.processes import _SWITCHBOARD, Switchboard, environment, switchboard, until

Ran = subprocess.CompletedProcess[str]
Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose bot has learned one page."""
    made = tmp_path_factory.mktemp("commands")
    (made / "help").mkdir()
    (made / "help" / "returns.md").write_text(
        "# Returns\n\nYou can send anything back within 30 days of delivery. Returns are free.\n"
    )
    return made


@pytest.fixture
def command(folder: Path) -> Command:
    """Runs a command in that folder to its end."""

    def run(*arguments: str, typed: str = "", **settings: str) -> Ran:
        return subprocess.run(
            [*_SWITCHBOARD, *arguments],
            cwd=folder,
            env=environment(folder, settings),
            input=typed,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def refused(ran: Ran) -> str:
    """The one line a command that could not do it says."""
    assert ran.returncode == 1, ran
    assert "Traceback" not in ran.stderr
    (line,) = ran.stderr.strip().splitlines()
    assert line.startswith("switchboard: ")
    return line.removeprefix("switchboard: ")


def test_every_command_explains_itself(command: Command) -> None:
    listed = command("--help")
    for name in ("run", "web", "worker", "mail", "learn", "ask", "doctor", "migrate", "operator", "token"):
        assert f" {name} " in listed.stdout
    assert "--base-url" in command("learn", "--help").stdout
    for name in ("run", "learn", "ask", "doctor"):
        told = command(name, "--help")
        assert (told.returncode, told.stderr) == (0, "")
        assert f"switchboard {name}" in told.stdout.replace("-c ", "switchboard ")


def test_what_a_person_can_mend_is_one_line(command: Command, folder: Path) -> None:
    (folder / "in the way").write_text("a file")
    (folder / "bad.toml").write_text("[bot]\nnmae = 'x'")
    assert refused(command("web")).startswith("REDIS_URL is missing")
    assert refused(command("mail")).startswith("mail is not configured")
    assert refused(command("ask", "hi", PORT="http")).startswith("PORT: ")
    assert "bot.nmae" in refused(command("ask", "hi", BOT_CONFIG="bad.toml"))
    assert refused(command("migrate", DATA_DIR="in the way/data")).startswith("DATA_DIR: ")
    assert refused(command("run", DATA_DIR="in the way/data")).startswith("DATA_DIR: ")
    assert refused(command("ask", "hi", DATABASE_URL="postgresql://127.0.0.1:1/x")).startswith(
        "DATABASE_URL: "
    )
    assert refused(command("operator", "add", "nobody")).startswith("EMAIL: ")
    assert refused(command("operator", "add", "a@b.example", "--role", "king")).startswith("--role: ")
    assert refused(command("ask", " ")).startswith("QUESTION: it is empty")
    assert refused(command("learn", "help", "--base-url", "shop.example")).startswith("--base-url: ")


@pytest.mark.slow
def test_learning_says_what_changed_and_asking_answers_from_it(command: Command) -> None:
    first = command("learn", "help")
    assert first.returncode == 0, first
    assert "1 added, 0 changed, 0 unchanged, 0 removed, 0 failed" in first.stdout
    assert "0 added, 0 changed, 1 unchanged" in command("learn", "help").stdout
    for nothing in ("no such folder", "https://shop.example/help"):
        missing = command("learn", nothing)
        assert missing.returncode == 1
        assert f"failed: {nothing}: " in missing.stdout
        assert "next:" not in missing.stdout
        assert "Traceback" not in missing.stderr
    asked = command("ask", "How many days do I have to send something back?", "--trace")
    assert asked.returncode == 0, asked
    assert "30 days" in asked.stdout
    assert "route" in asked.stdout
    assert asked.stderr == ""
    chat = command("ask", typed="How many days do I have to send something back?\n\n")
    assert chat.returncode == 0, chat
    assert "30 days" in chat.stdout


@pytest.mark.slow
def test_pages_are_cited_where_customers_read_them(command: Command, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    question = ("ask", "How many days do I have to send something back?")
    command("learn", "help", "--base-url", "https://www.shop.example/help", DATA_DIR=data)
    assert "https://www.shop.example/help/returns\n" in command(*question, DATA_DIR=data).stdout
    assert "1 unchanged" in command("learn", "help", DATA_DIR=data).stdout
    assert "https://www.shop.example/help/returns\n" in command(*question, DATA_DIR=data).stdout


@pytest.mark.slow
def test_learning_says_how_the_bot_becomes_the_companys_own(command: Command, tmp_path: Path) -> None:
    learned = command("learn", "help", DATA_DIR=str(tmp_path / "data")).stdout
    assert "next: copy bot.example.toml to bot.toml" in learned
    assert "restart `switchboard run`" in learned
    (tmp_path / "bot.toml").write_text("[bot]\nname = 'Grace'\n")
    config = str(tmp_path / "bot.toml")
    assert "next:" not in command("learn", "help", DATA_DIR=str(tmp_path / "data"), BOT_CONFIG=config).stdout


async def test_what_is_not_there_is_not_remembered(command: Command, tmp_path: Path) -> None:
    command("learn", str(tmp_path / "nowhere"), DATA_DIR=str(tmp_path / "data"))
    store = await Store.open(f"sqlite:///{tmp_path / 'data' / 'switchboard.db'}")
    try:
        assert not await store.knowledge.sources()
    finally:
        await store.close()


async def test_of_each_source_its_own_documents_are_remembered(command: Command, tmp_path: Path) -> None:
    for folder, count in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number}.md").write_text(f"# Page {number}\n\nOf folder {folder}.\n")
    (tmp_path / "two" / "empty.md").write_text("")
    sources = [str(tmp_path / name) for name in ("one", "two")]
    ran = command("learn", *sources, DATA_DIR=str(tmp_path / "data"))
    assert ran.returncode == 1, ran
    assert "3 added, 0 changed, 0 unchanged, 0 removed, 1 failed" in ran.stdout
    store = await Store.open(f"sqlite:///{tmp_path / 'data' / 'switchboard.db'}")
    try:
        known = await store.knowledge.sources()
    finally:
        await store.close()
    assert [(source.address, source.documents, source.failed) for source in known] == [
        (sources[0], 1, 0),
        (sources[1], 2, 1),
    ]


def test_an_operator_is_added_once_and_a_token_shown_once(command: Command) -> None:
    added = command("operator", "add", "ada@shop.example")
    assert "password, shown this once: " in added.stdout
    again = refused(command("operator", "add", "ada@shop.example"))
    assert again.startswith("there is an operator ada@shop.example already; ")
    assert "`switchboard operator password ada@shop.example`" in again
    one, other = command("token", "create", "crm").stdout, command("token", "create", "crm").stdout
    assert one.startswith("swb_")
    assert one != other


async def test_an_operator_gets_another_name_and_another_password(command: Command, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    first = command("operator", "add", "grace.hopper@shop.example", DATA_DIR=data).stdout.split()[-1]
    store = await Store.open(f"sqlite:///{tmp_path / 'data' / 'switchboard.db'}")
    try:
        grace = await store.operators.by_email("grace.hopper@shop.example")
        assert grace is not None
        assert grace.name == "Grace Hopper"
        await store.sessions.begin("a session", grace.id)
        renamed = command("operator", "rename", "Grace.Hopper@shop.example", "Grace [he]", DATA_DIR=data)
        assert "is called Grace [he] from now on" in renamed.stdout
        assert (found := await store.sessions.find("a session"))
        assert found.name == "Grace [he]"
        told = command("operator", "password", "grace.hopper@shop.example", DATA_DIR=data).stdout
        second = told.split()[-1]
        assert await store.sessions.find("a session") is None
        changed = await store.operators.by_email("grace.hopper@shop.example")
    finally:
        await store.close()
    assert changed is not None
    hasher = PasswordHash.recommended()
    assert hasher.verify(second, changed.password_hash)
    assert not hasher.verify(first, changed.password_hash)
    nobody = "x@y.example"
    for act in (("rename", nobody, "X"), ("password", nobody), ("remove", nobody), ("restore", nobody)):
        assert "there is no operator x@y.example" in refused(command("operator", *act, DATA_DIR=data))


async def test_an_operator_is_removed_and_restored(command: Command, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    command("operator", "add", "ada@shop.example", "--role", "admin", DATA_DIR=data)
    command("operator", "add", "grace@shop.example", DATA_DIR=data)
    store = await Store.open(f"sqlite:///{tmp_path / 'data' / 'switchboard.db'}")
    try:
        grace = await store.operators.by_email("grace@shop.example")
        assert grace is not None
        conversation_id = (await said(store)).message.conversation_id
        await store.people.take(conversation_id, grace)
        await store.sessions.begin("a session", grace.id)
        told = command("operator", "remove", "Grace@shop.example", DATA_DIR=data).stdout
        assert "can sign in no more; conversations that wait for others now: 1" in " ".join(told.split())
        entry = await store.inbox.entry(conversation_id)
        assert entry is not None
        assert (entry.status, entry.assignee) == ("waiting", None)
        assert await store.sessions.find("a session") is None
        last = refused(command("operator", "remove", "ada@shop.example", DATA_DIR=data))
        assert "ada@shop.example is the last administrator" in last
        again = refused(command("operator", "add", "grace@shop.example", DATA_DIR=data))
        assert "`switchboard operator restore grace@shop.example`" in again
        command("operator", "restore", "grace@shop.example", DATA_DIR=data)
        assert [each.name for each in await store.operators.active()] == ["Ada", "Grace"]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("grace@shop.example", "Grace"),
        ("ada.de-vries2@shop.example", "Ada De Vries"),
        ("admin@switchboard.localhost", "Support"),
        ("info@shop.example", "Support"),
        ("1@shop.example", "Support"),
    ],
)
def test_customers_see_a_name_and_no_account(email: str, name: str) -> None:
    assert _name_in(email) == name


def test_what_it_leaves_on_the_disk_is_its_users_alone(command: Command, tmp_path: Path) -> None:
    command("migrate", DATA_DIR=str(tmp_path / "data"))
    made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(made) > 1
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_the_doctor_says_what_is_wrong_and_ends_accordingly(command: Command) -> None:
    well = command("doctor")
    assert (well.returncode, "all is well" in well.stdout) == (0, True), well
    ill = command("doctor", REDIS_URL="redis://127.0.0.1:1", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert ill.returncode == 1
    assert "Redis does not answer" in ill.stdout
    assert "2 things to mend" in ill.stdout
    down = command("doctor", DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert (down.returncode, "database" in down.stdout, "Traceback" in down.stderr) == (1, True, False)


def test_ctrl_c_ends_a_chat_that_waits_for_a_line(folder: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests in the background ignore it
        os.execve(_SWITCHBOARD[0], [*_SWITCHBOARD, "ask"], environment(folder))
    said = b""
    while b"you:" not in said:
        said += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    ended: list[int] = []

    def gone() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(found)

    try:
        until(gone, 20, "it ends")
    finally:
        os.close(terminal)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert ended == [130]


# run ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """`switchboard run` at its very first start."""
    with switchboard(tmp_path_factory.mktemp("run")) as running:
        yield running


def get(house: Switchboard, path: str) -> tuple[int, dict[str, str], bytes]:
    with contextlib.closing(http.client.HTTPConnection(house.url.removeprefix("http://"), timeout=20)) as to:
        to.request("GET", path)
        answer = to.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def test_run_says_where_everything_is_and_who_may_sign_in(house: Switchboard) -> None:
    (process,) = house.processes
    until(lambda: "Ctrl-C stops it" in process.log, 20, "the welcome")
    assert f"{house.url}/dashboard" in process.log
    assert "admin@switchboard.localhost" in process.log
    assert "Traceback" not in process.log
    (first,) = house.rows("SELECT act, actor_kind, changes FROM audit")
    assert (first["act"], first["actor_kind"]) == ("operator.add", "console")
    assert json.loads(first["changes"]) == {"email": "admin@switchboard.localhost", "role": "admin"}


def test_health_is_told_with_each_components_state(house: Switchboard) -> None:
    assert get(house, "/healthz")[2] == b"ok\n"
    status, _, body = get(house, "/readyz")
    told = json.loads(body)
    assert (status, told["ready"]) == (200, True)
    assert {"database", "redis", "turns", "index", "snapshot", "web"} <= set(told["components"])
    assert told["components"]["redis"]["state"] == "up"
    metrics = get(house, "/metrics")[2].decode()
    assert 'switchboard_component_up{component="redis",kind="store"} 1.0' in metrics
    assert "switchboard_oldest_due_seconds 0.0" in metrics
    assert "switchboard_approvals_waiting 0.0" in metrics


def test_every_answer_is_safe_and_every_error_has_one_shape(house: Switchboard) -> None:
    for path, expected in (("/", 200), ("/widget.js", 200), ("/nowhere", 404), ("/api/web/session", 405)):
        status, headers, body = get(house, path)
        assert status == expected
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-request-id"]
        if status >= 400:
            assert set(json.loads(body)["error"]) >= {"code", "message"}


def test_one_folder_is_one_runs(house: Switchboard) -> None:
    with pytest.raises(AssertionError, match=r"DATA_DIR: another `switchboard run` is using"):
        house.command("run")


def test_a_taken_port_is_named(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refused(command("run", PORT=port)).startswith(f"PORT: {port} is taken by another program")


def test_the_embedded_valkey_is_started_again_when_it_dies(house: Switchboard) -> None:
    (process,) = house.processes
    (valkey,) = process.figures().children()
    valkey.kill()
    until(
        lambda: [each.pid for each in process.figures().children()] not in ([], [valkey.pid]), 20, "a new one"
    )
    until(
        lambda: json.loads(get(house, "/readyz")[2])["components"]["redis"]["state"] == "up", 20, "redis up"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_of_it_outlives_a_run(house: Switchboard, number: signal.Signals) -> None:
    (process,) = house.processes
    if not process.running:
        process.start()
    children = process.figures().children(recursive=True)
    assert children
    status = process.end(number)
    assert status == (0 if number is signal.SIGINT else -9)
    assert ("stopping …" in process.log) == (number is signal.SIGINT)
    until(
        lambda: not any(child.is_running() and child.status() != "zombie" for child in children),
        10,
        "all gone",
    )
    assert "Traceback" not in process.log
    process.start()
    until(lambda: "Ctrl-C stops it" in process.log, 20, "it comes up again")
    assert "First sign-in" not in process.log
