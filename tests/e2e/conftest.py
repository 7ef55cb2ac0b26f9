"""A browser for all tests of this folder, a Switchboard for each file, a fresh visitor for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.browser import Chat, chromium, find_chromium, visit
from tests.e2e.desk import EMAIL, OTHER_EMAIL, at_the_desk
from tests.e2e.learned import wait_until_learned
from tests.processes import ROOT, ModelProcess, Switchboard, model_server, switchboard

IDENTITY_SECRET = "what only the shop's own server and ours know"


def lacking(what: str) -> None:
    """Skip, saying what this machine lacks; fail where everything must be there."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is needed (REQUIRE_ALL=1)")
    pytest.skip(f"{what} is not on this machine")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where the system's Chromium is."""
    path = find_chromium()
    if path is None:
        lacking("Chromium")
    assert path is not None
    return path


# No longer than its folder: Playwright keeps an event loop running, beside which no other tests can run one.
@pytest.fixture(scope="package")
def browser(chromium_path: str) -> Iterator[Browser]:
    expect.set_options(timeout=15_000)
    with chromium(chromium_path) as running:
        yield running


@pytest.fixture(scope="session")
def model(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelProcess]:
    """A model that answers from the passages, slowly enough to be watched."""
    with model_server(tmp_path_factory.mktemp("model"), tokens=None, delay=0.05) as running:
        yield running


@pytest.fixture(scope="session")
def learned(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a Switchboard that knows the sample shop's help centre: a copy of it starts much sooner."""
    folder = tmp_path_factory.mktemp("learned")
    with switchboard(folder) as running:
        wait_until_learned(running.url)
    return running.data_dir


@pytest.fixture(scope="module")
def house(
    model: ModelProcess, learned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switchboard]:
    """`switchboard run` with the demo page and the sample shop's help centre."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(learned, folder / "data")
    settings = {"OPENAI_API_KEY": "scripted", "WEB_IDENTITY_SECRET": IDENTITY_SECRET}
    with switchboard(folder, model_url=model.url, settings=settings) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody nobody knows yet."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 800})
    yield fresh
    fresh.close()


@pytest.fixture
def chat(context: BrowserContext, house: Switchboard) -> Chat:
    """The demo page, the chat opened."""
    return visit(context, house.url).open()


@pytest.fixture(scope="module")
def password(house: Switchboard) -> str:
    """Of an operator called Grace."""
    return house.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]


@pytest.fixture(scope="module")
def other_password(house: Switchboard) -> str:
    """Of another operator, called Linus."""
    return house.command("operator", "add", OTHER_EMAIL, "--name", "Linus").split()[-1]


@pytest.fixture
def desk(browser: Browser, house: Switchboard, password: str) -> Iterator[Page]:
    """Grace's browser, at the list of conversations. Hostile words that run there fail the test."""
    with at_the_desk(browser, house, password, email=EMAIL) as page:
        yield page


@pytest.fixture
def other_desk(browser: Browser, house: Switchboard, other_password: str) -> Iterator[Page]:
    """Linus's browser."""
    with at_the_desk(browser, house, other_password, email=OTHER_EMAIL) as page:
        yield page


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real material to test with."""
    folder = Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        lacking("CORPORA, the folder of test material,")
    return folder
