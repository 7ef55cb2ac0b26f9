"""The mail double, as somebody tries mail by hand: write, be answered, answer, send it back."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import ROOT, Process, Switchboard, environment, free_port, running, switchboard, until

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Where its page is, and the settings that it prints."""
    folder, port = tmp_path_factory.mktemp("mail"), free_port()
    ports = ("--port", str(port), "--imap-port", str(free_port()), "--smtp-port", str(free_port()))
    process = Process(
        "mail-double",
        [sys.executable, "-m", "tests.doubles.mail", *ports],
        folder=folder,
        environment=environment(folder) | {"PYTHONPATH": str(ROOT)},
        ready=lambda double: "make run" in double.log,
    )
    with running([process]):
        printed = process.log.partition("Start Switchboard with:")[2].replace("\\\n", " ")
        settings = dict(each.split("=", 1) for each in shlex.split(printed) if "=" in each)
        yield f"http://127.0.0.1:{port}/", settings


@pytest.fixture(scope="module")
def house(
    double: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switchboard]:
    folder = tmp_path_factory.mktemp("house")
    with switchboard(folder, settings=double[1], learn=ROOT / "knowledge/sample") as running_house:
        yield running_house


@pytest.fixture
def page(browser: Browser, double: tuple[str, dict[str, str]], house: Switchboard) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(double[0])
    yield page
    assert not complaints
    assert "owned" not in page.title()
    context.close()


def test_a_customer_writes_and_is_answered_until_it_comes_back(
    page: Page, house: Switchboard, tmp_path: Path
) -> None:
    (tmp_path / "boots.txt").write_text("size 42")
    page.get_by_label("Subject").fill(f"Norway {HOSTILE}")
    page.get_by_label("Text").fill("How long does delivery to Norway take?")
    page.get_by_label("File").set_input_files(tmp_path / "boots.txt")
    page.get_by_role("button", name="Send", exact=True).click()
    mails = page.get_by_role("article")
    expect(mails.first).to_contain_text(HOSTILE)
    expect(mails.first).to_contain_text("boots.txt")
    expect(mails).to_have_count(2, timeout=20_000)
    answer = mails.last
    expect(answer).to_contain_text("Norway")
    answer.get_by_text("Its head").click()
    expect(answer.get_by_role("row", name="Auto-Submitted")).to_contain_text("auto-replied")
    answer.get_by_text("As HTML").click()
    expect(answer.frame_locator("iframe").locator("body")).to_contain_text("Norway")
    answer.get_by_text("Answer", exact=True).click()
    answer.get_by_label("Your answer").fill("How long can I return things?")
    answer.get_by_role("button", name="Send the answer").click()
    expect(mails).to_have_count(4, timeout=20_000)
    mails.last.get_by_role("button", name="It comes back").click()
    expect(mails.last).to_contain_text("could not be delivered")
    [conversation] = house.rows("SELECT id FROM conversations WHERE subject LIKE 'Norway%'")
    failed = "SELECT COUNT(*) AS n FROM deliveries WHERE status = 'failed' AND conversation_id = '{}'"

    def came_back() -> bool:
        return bool(house.rows(failed.format(conversation["id"]))[0]["n"])

    until(came_back, 20, "it came back")
