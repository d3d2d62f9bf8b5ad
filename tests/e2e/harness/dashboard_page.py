"""Fixtures and words for tests that look at the dashboard's page in a browser."""
import pytest

from harness import browser as browser_harness
from harness.dashboard import TOKEN, Dashboard


@pytest.fixture(scope="module")
def driver(session_directory):
    try:
        return browser_harness.install(session_directory / "browser")
    except browser_harness.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def browser(driver):
    """Every test ends with a look at what the page complained of: no error, no breach of the policy."""
    started = browser_harness.Browser(driver)
    started.expected = ()
    yield started
    try:
        complaints = [one for one in started.complaints()
                      if not any(word in one for word in ("Failed to load resource", *started.expected))]
    except AssertionError:
        complaints = []
    started.close()
    assert complaints == []


@pytest.fixture
def dashboard(idle_emperor):
    return Dashboard(idle_emperor).start()


def cell(name, column):
    return f"document.querySelector('tr[data-app=\"{name}\"] .c-{column}')?.innerText.trim()"


def unlock(browser, token=TOKEN):
    browser.fill("#token-input", token)
    browser.click("dialog .primary")
