"""The dashboard in Debian's Chromium, driven by playwright-core."""
import json
import os
import signal
import threading

import pytest

from harness.dashboard_page import browser, cell, dashboard, driver, unlock  # noqa: F401
from harness.waiting import wait_until

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def test_the_list_is_the_json(dashboard, browser):
    emperor = dashboard.emperor
    for name in ("shop", "blog"):
        emperor.write(name, workers=2)
    emperor.write_text("bad", "app: probe:application\nwokers: 2\n")
    emperor.wait_running("shop", "blog")
    for _ in range(7):
        emperor.get("shop")
    browser.open(dashboard.url)
    browser.wait("document.querySelectorAll('tr[data-app]').length === 3")
    rows = dashboard.rows()
    assert browser.evaluate("[...document.querySelectorAll('tr[data-app]')].map((row) => row.dataset.app)") == sorted(rows)
    browser.wait(f"{cell('shop', 'workers')} === '0/2'")
    for name, row in rows.items():
        shown = {column: browser.evaluate(cell(name, column)) for column in ("state", "generation", "queue", "restarts")}
        assert shown["state"].splitlines()[0] == row["state"], shown
        assert (shown["generation"], shown["queue"], shown["restarts"]) == (
            str(row["generation"] or "–"), str(row["queue"]), str(row["restarts"]))
    assert browser.evaluate(cell("shop", "p99")) not in ("", "–") and browser.evaluate(cell("bad", "p99")) == "–"
    assert "bad.yaml:2:1: error: unknown key 'wokers'" in browser.evaluate(cell("bad", "state"))
    browser.wait("document.querySelector('#link b').textContent === 'live'")
    emperor.remove("blog")
    browser.wait("document.querySelectorAll('tr[data-app]').length === 2")


def test_actions_ask_for_the_token_and_show_their_effect(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.expected = ("401",)
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait("document.querySelector('h1')?.textContent === 'shop'"
                 " && !document.querySelector('[data-action=reload]').disabled")
    browser.click("[data-action=reload]")
    unlock(browser, "not the token at all")
    browser.wait("document.querySelector('dialog .problem')?.textContent.includes('not the emperor')")
    assert emperor.status("shop")["generation"] == 1
    unlock(browser)
    browser.wait("document.querySelector('.title').innerText.includes('generation 2')")
    browser.wait("document.querySelector('#toasts').innerText.includes('reload done')")
    browser.click("[data-action=scale]")
    browser.fill("#workers-input", "3")
    browser.click("dialog .primary")
    browser.wait("document.querySelectorAll('table.workers tbody tr').length === 3")
    browser.click("[data-action=stop]")
    browser.click("dialog .primary")
    browser.wait("document.querySelector('.title .state').textContent === 'stopped'")
    browser.click("[data-action=start]")
    browser.wait("document.querySelector('.title .state').textContent === 'running'")
    browser.wait("!document.querySelector('[data-action=restart]').disabled")
    browser.click("[data-action=restart]")
    browser.press("Escape")
    browser.click("[data-action=restart]")
    browser.click("dialog .primary")
    browser.wait("document.querySelector('#toasts').innerText.includes('restart done')")
    assert emperor.status("shop")["generation"] == 4, "stopped and started, and restarted once"
    emperor.write("shop", app="nothing_here:application")
    browser.wait("document.querySelector('.why').textContent.includes('nothing_here')")
    browser.press("r")
    browser.wait("document.querySelector('#toasts .bad')?.innerText.includes('nothing_here')")
    browser.wait("document.querySelector('#events').innerText.includes('operator dashboard')")
    assert emperor.serves("shop")


def test_a_kill_shows_the_restart_and_a_request_in_flight_its_age(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=2)
    emperor.wait_running("shop")
    browser.open(dashboard.url)
    browser.wait(f"{cell('shop', 'restarts')} === '0'")
    os.kill(emperor.pid("shop"), signal.SIGKILL)
    browser.wait(f"{cell('shop', 'restarts')} === '1'")
    browser.wait("document.querySelector('#happened').innerText.includes('SIGKILL')")
    browser.click("a.name")
    browser.wait("document.querySelectorAll('table.workers tbody tr').length === 2")
    assert browser.evaluate("document.querySelectorAll('.config tbody tr').length") > 1
    request = threading.Thread(target=lambda: emperor.get("shop", "/sleep?s=3", timeout=20))
    request.start()
    try:
        browser.wait("/GET \\/sleep/.test(document.querySelector('table.workers')?.innerText) && "
                     "/[1-9].* s/.test(document.querySelector('.flight b')?.textContent)")
    finally:
        request.join()


def test_markup_stays_text(dashboard, browser):
    emperor = dashboard.emperor
    (emperor.directory / "loud.py").write_text(
        "import sys\ndef application(environ, start_response):\n"
        f"    print({MARKUP!r}, file=sys.stderr, flush=True)\n    start_response('200 OK', [])\n    return [b'']\n")
    emperor.write("loud", "loud.py", emperor.directory, workers=1, env={"X": MARKUP})
    emperor.write_text("broken", "app: probe:application\n" + json.dumps(MARKUP) + ": 1\n")
    emperor.wait_running("loud")
    browser.open(dashboard.url)
    browser.wait("document.querySelectorAll('tr[data-app]').length === 2")
    assert "<img src=x" in browser.evaluate(cell("broken", "state"))
    browser.open(f"{dashboard.url}/#/app/loud")
    browser.wait("document.querySelector('h1')?.textContent === 'loud'")
    emperor.get("loud", "/?q=<b>")
    browser.wait("document.querySelector('.log')?.innerText.includes('<img src=x')")
    assert browser.evaluate("[document.title, document.querySelectorAll('main img, main script').length]") == [
        "loud · Emperor", 0]


def test_two_hundred_apps_render_in_a_second(dashboard, browser, measured):
    emperor = dashboard.emperor
    for number in range(200):
        emperor.write(f"app-{number:03}", enabled=False)
    wait_until(lambda: len(dashboard.rows()) == 200, 20, "200 apps", 0.1)
    took = []
    while len(took) < 3 and min(took, default=1000) >= 1000:  # other tests run beside
        browser.open(dashboard.url)
        browser.wait("document.querySelectorAll('tr[data-app]').length === 200")
        # From the start of the navigation to the frame after the last row, by the page's own clock.
        took.append(browser.evaluate("performance.getEntriesByName('rows-shown')[0]?.startTime ?? -1"))
    measured(f"200 apps shown {', '.join(f'{ms:.0f}' for ms in took)} ms after the navigation began")
    assert 0 < min(took) < 1000
    browser.press("/")
    browser.fill("#filter", "app-19")
    browser.wait("document.querySelectorAll('tr[data-app]').length === 10")
    browser.press("Escape")
    browser.wait("document.querySelectorAll('tr[data-app]').length === 200")
    browser.press("j")
    browser.press("j")
    browser.press("Enter")
    browser.wait("document.querySelector('h1')?.textContent === 'app-001'")


def test_the_page_goes_on_with_the_next_emperor(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.expected = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE", "ERR_CONNECTION_RESET", "ERR_EMPTY")
    browser.open(dashboard.url)
    browser.wait("document.body.dataset.link === 'live'")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    browser.wait("document.body.dataset.link === 'gone'"
                 " && document.querySelector('#banner').innerText.includes('Apps go on serving')")
    assert browser.evaluate(cell("shop", "state")) == "running"
    dashboard.start()
    browser.wait("document.body.dataset.link === 'live' && document.querySelector('#banner').hidden")
    emperor.ctl("reload", "shop")
    browser.wait(f"{cell('shop', 'generation')} === '2'")


def test_an_emperor_that_says_nothing_makes_the_page_stale(dashboard, browser):
    browser.open(dashboard.url)
    browser.wait("document.body.dataset.link === 'live'")
    dashboard.emperor.send(signal.SIGSTOP)
    try:
        browser.wait("document.body.dataset.link === 'stale'"
                     " && document.querySelector('#banner').innerText.includes('out of date')", 20)
    finally:
        dashboard.emperor.send(signal.SIGCONT)
    browser.wait("document.body.dataset.link === 'live' && document.querySelector('#banner').hidden")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(dashboard, browser, width):
    emperor = dashboard.emperor
    emperor.write("a-name-that-is-as-long-as-names-of-apps-may-be-in-this-emperor", workers=1)
    emperor.write_text("bad", "app: probe:application\nwokers: 2\n")
    emperor.wait_state("a-name-that-is-as-long-as-names-of-apps-may-be-in-this-emperor", "running")
    for view, ready in (("/", "document.querySelectorAll('tr[data-app]').length === 2"),
                        ("/#/app/a-name-that-is-as-long-as-names-of-apps-may-be-in-this-emperor",
                         "document.querySelectorAll('.config tbody tr').length > 1"
                         " && document.querySelectorAll('table.workers tbody tr').length === 1")):
        browser.open(dashboard.url + view, width, 844)
        browser.wait(ready)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, view


def test_an_empty_fleet_and_an_unknown_app_say_so(dashboard, browser):
    browser.open(dashboard.url)
    browser.wait("document.querySelector('.empty')?.innerText.includes('No apps yet')")
    browser.expected = ("404",)
    browser.open(f"{dashboard.url}/#/app/nobody")
    browser.wait("document.querySelector('.title')?.innerText.includes('no such app')")
