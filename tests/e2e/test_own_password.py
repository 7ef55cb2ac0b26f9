"""A viewer changes their own password in the browser, and is signed in nowhere else."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.desk import act, at_the_desk
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # passwords are checked as slowly as they are meant to be

NEW = "tr0mbone under the café table"


def test_a_password_is_changed_by_whoever_knows_it(browser: Browser, house: Switchboard) -> None:
    email = "vera@example.com"
    old = house.command("operator", "add", email, "--name", "Vera", "--role", "viewer").split()[-1]
    with (
        at_the_desk(browser, house, old, email=email) as page,
        at_the_desk(browser, house, old, email=email) as elsewhere,
    ):
        page.goto(f"{house.url}/dashboard/settings/you")
        for current, new, again, said in (
            (old, NEW, "another one", "The new password is not the same both times."),
            ("what I thought it was", NEW, NEW, "This is not your current password."),
            (old, old, old, "The new password must be another than the current one."),
        ):
            page.get_by_label("Current password").fill(current)
            page.get_by_label("New password", exact=True).fill(new)
            page.get_by_label("New password, once more").fill(again)
            act(page, "Change password")
            expect(page.locator("#problem")).to_have_text(said)
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password, once more").fill(NEW)
        page.get_by_label("Current password").press("Enter")
        expect(page.locator("#told")).to_have_text("Your password is changed. You are signed in here alone.")
        expect(page.locator("#problem")).to_be_hidden()
        page.reload()
        expect(page.get_by_label("Current password")).to_have_value("")
        elsewhere.reload()
        expect(elsewhere.get_by_role("button", name="Sign in")).to_be_visible()
    with at_the_desk(browser, house, NEW, email=email):
        pass
