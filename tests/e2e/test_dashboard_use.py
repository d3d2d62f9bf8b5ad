"""The dashboard as people use it: many tabs, the keyboard, long names, other scripts, loud apps."""
import json
import signal

import pytest

from harness.dashboard import TOKEN, Dashboard
from harness.dashboard_page import browser, dashboard, driver, unlock  # noqa: F401
from harness.waiting import wait_until

LONG_NAME = "a-name-that-is-as-long-as-names-of-apps-may-be-in-this-emperor.x"
SHOWN = "document.querySelector('h1')?.textContent === 'shop' && !document.querySelector('[data-action=reload]').disabled"
LOUD = """
import sys
def application(environ, start_response):
    first, last = map(int, environ["QUERY_STRING"].split("-"))
    for number in range(first, last):
        print("even" if number % 2 == 0 else "odd", number, file=sys.stderr)
    sys.stderr.flush()
    start_response("200 OK", [])
    return [b""]
"""


def connections(port):
    """Of clients to a port of this machine, that stand now."""
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii").read().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def hide(browser, is_hidden):
    """Headless tabs are all in front: the page is told otherwise."""
    browser.evaluate(f"Object.defineProperty(document, 'hidden', {{value: {json.dumps(is_hidden)}, configurable: true}}) && "
                     "document.dispatchEvent(new Event('visibilitychange'))")


def test_a_hidden_tab_holds_no_connection_for_a_stream(dashboard, browser):
    """A browser has six connections to one server for all its tabs: the fourth app in a tab of its own found none."""
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(f"{SHOWN} && document.body.dataset.link === 'live'")
    before = connections(dashboard.port)
    hide(browser, True)
    wait_until(lambda: connections(dashboard.port) <= before - 2, 10, "the fleet's stream and the app's are let go of")
    browser.wait("document.body.dataset.link === 'paused'")
    assert browser.evaluate("document.querySelector('#banner').hidden")
    emperor.ctl("reload", "shop")
    hide(browser, False)
    browser.wait("document.body.dataset.link === 'live' && document.querySelector('.title').innerText.includes('generation 2')")
    browser.wait("document.querySelector('#events').innerText.includes('reloaded')")
    # Points of the sparklines that came meanwhile are asked for.
    browser.wait("performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/rates')).length === 2")


def test_skip_to_content_stays_in_the_view(dashboard, browser):
    dashboard.emperor.write("shop", workers=1)
    dashboard.emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(SHOWN)
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.press("Enter")
    browser.wait("document.activeElement.id === 'main'")
    assert browser.evaluate("document.querySelector('h1')?.textContent") == "shop"


def test_the_focus_stays_in_a_row_that_moves(dashboard, browser):
    emperor = dashboard.emperor
    for name in ("a", "b", "c"):
        emperor.write(name, workers=1)
    emperor.wait_running("a", "b", "c")
    browser.open(dashboard.url)
    browser.wait("document.querySelectorAll('tr[data-app]').length === 3")
    browser.click("th.c-generation button")
    for key in ("j", "j", "j"):
        browser.press(key)
    assert browser.evaluate("document.activeElement.textContent") == "c"
    emperor.ctl("reload", "c")
    browser.wait("document.querySelector('tr[data-app]').dataset.app === 'c'")
    assert browser.evaluate("document.activeElement.textContent") == "c"


def test_a_key_that_is_held_reloads_once(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(SHOWN)
    browser.press("r")
    unlock(browser)
    browser.wait("document.querySelector('.title').innerText.includes('generation 2')")
    browser.wait(SHOWN)
    assert browser.evaluate("document.activeElement.dataset.action ?? ''") in ("", "reload")
    browser.evaluate("[false, true, true, true].forEach((repeat) => document.body.dispatchEvent("
                     "new KeyboardEvent('keydown', {key: 'r', repeat, bubbles: true})))")
    browser.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'r', bubbles: true}))")
    browser.wait("document.querySelectorAll('#toasts .toast').length === 2 && document.querySelector('#toasts .bad') === null")
    assert emperor.status("shop")["generation"] == 3


def test_escape_in_a_field_leaves_the_field_only(dashboard, browser):
    dashboard.emperor.write("shop", workers=1)
    dashboard.emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(SHOWN)
    browser.click("#log input")
    browser.press("Escape")
    assert browser.evaluate(
        "[document.activeElement === document.body, document.querySelector('h1')?.textContent]") == [True, "shop"]
    browser.press("Escape")
    browser.wait("document.querySelector('table.fleet') !== null")


def test_a_filtered_log_keeps_its_lines_while_others_come(dashboard, browser):
    emperor = dashboard.emperor
    (emperor.directory / "loud.py").write_text(LOUD)
    emperor.write("loud", "loud.py", emperor.directory, workers=1)
    emperor.wait_state("loud", "running")
    browser.open(f"{dashboard.url}/#/app/loud")
    browser.wait("document.querySelector('h1')?.textContent === 'loud'")
    for first in range(0, 500, 50):  # too many at once would be dropped
        emperor.get("loud", f"/?{first}-{first + 50}")
        browser.wait(f"document.querySelector('.log')?.innerText.includes('odd {first + 49}')")
    browser.fill("#log input", "even")
    browser.wait("[...document.querySelectorAll('.log .text')].every((line) => line.textContent.startsWith('even'))")
    for first in range(500, 700, 50):
        emperor.get("loud", f"/?{first}-{first + 50}")
        browser.wait(f"document.querySelector('.log').innerText.includes('even {first + 48}')")
    assert 245 <= browser.evaluate("document.querySelectorAll('.log > div').length") <= 251
    browser.fill("#log input", "")
    browser.wait("document.querySelectorAll('.log > div').length === 500")


def test_times_have_a_logarithmic_scale(dashboard, browser):
    """A p99 of seconds would press a p50 of milliseconds on the axis."""
    emperor = dashboard.emperor
    emperor.write("shop", workers=2)
    emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(SHOWN)
    for _ in range(20):
        emperor.get("shop")
    emperor.get("shop", "/sleep?s=1")
    plot = "[...document.querySelectorAll('.chart')].find((chart) => chart.ariaLabel === 'Time in the app').plot"
    browser.wait(f"{plot}?.scales.y.max >= 1e6", 30)
    heights = browser.evaluate(f"[1e6, 1e5, 1e4].map((us) => {plot}.valToPos(us, 'y'))")
    assert heights[1] - heights[0] > 5 and heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=0.01)


def test_charts_go_by_the_emperors_clock(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.evaluate("((now) => { Date.now = () => now() + 3600e3; })(Date.now.bind(Date))")  # of a browser an hour ahead
    plot = "document.querySelector('.chart')?.plot"
    browser.wait(f"{plot}?.data[0].length > 1 && Math.abs({plot}.scales.x.max - {plot}.data[0].at(-1)) < 60", 40)


def test_long_names_and_reasons_leave_every_column_in_sight(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write(LONG_NAME, workers=1)
    emperor.write("boom", app=f"no_such_module_{'x' * 200}:application", restart_initial="60s")
    emperor.wait_state("boom", "backoff")
    browser.open(dashboard.url)
    browser.wait("document.querySelectorAll('tr[data-app]').length === 2"
                 " && document.querySelector('tr[data-app=boom] .reason').textContent")
    assert browser.evaluate("((box) => box.scrollWidth - box.clientWidth)(document.querySelector('.scroll'))") <= 0
    assert browser.evaluate("document.querySelector('a.name').title") == LONG_NAME


def test_text_that_turns_the_direction_turns_only_itself(dashboard, browser):
    emperor = dashboard.emperor
    (emperor.directory / "boom.py").write_text("raise RuntimeError('\\u202egnp.exe')\n")
    emperor.write("boom", "boom.py", emperor.directory, restart_initial="60s")
    emperor.wait_state("boom", "backoff")
    browser.open(f"{dashboard.url}/#/app/boom")
    browser.wait("document.querySelector('.why')?.textContent.includes('Next attempt')")
    browser.wait("document.querySelector('#events').innerText.includes('start failed')")
    after = browser.evaluate("[...document.querySelectorAll('.why, .what')].map((box) => [...box.childNodes]"
                             ".filter((node) => node.nodeName !== 'BDI').map((node) => node.textContent).join(''))")
    assert after and not any("\u202e" in text for text in after)


def test_nobody_can_be_asked_to_act_while_no_emperor_answers(dashboard, browser):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    browser.expected = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE", "ERR_CONNECTION_RESET", "ERR_EMPTY")
    browser.open(f"{dashboard.url}/#/app/shop")
    browser.wait(SHOWN)
    assert emperor.stop(signal.SIGQUIT) == 0
    browser.wait("document.body.dataset.link === 'gone'")
    browser.wait("[...document.querySelectorAll('.actions button')].every((button) => button.disabled)")
    dashboard.start()
    browser.wait(f"document.body.dataset.link === 'live' && {SHOWN}")


def test_a_wrong_token_is_dropped_and_reading_goes_on(dashboard, browser):
    dashboard.emperor.write("shop", workers=1)
    dashboard.emperor.wait_running("shop")
    browser.open(dashboard.url)
    browser.wait("document.body.dataset.link === 'live'")
    browser.click("#token")
    unlock(browser, "not the token at all")
    browser.wait("document.querySelector('#toasts .bad')?.innerText.includes('not the emperor')")
    browser.wait("document.body.dataset.link === 'live' && document.querySelector('#token').textContent === 'Unlock actions'")
    assert browser.evaluate("sessionStorage.length") == 0


def test_where_reading_takes_the_token_the_page_asks_for_it(idle_emperor, browser):
    closed = Dashboard(idle_emperor)
    idle_emperor.start("--http", f"0.0.0.0:{closed.port}", "--http-token-file", closed.token_file)
    idle_emperor.write("shop", workers=1)
    idle_emperor.wait_running("shop")
    browser.open(f"{closed.url}/#/app/shop")
    browser.wait("document.querySelector('#banner').innerText.includes('nothing without its token')")
    assert browser.evaluate("document.querySelector('.title .state').textContent") == "not known"
    browser.click("#banner button")
    unlock(browser)
    browser.wait(f"document.body.dataset.link === 'live' && document.querySelector('#banner').hidden && {SHOWN}")
    closed.token_file.write_text(TOKEN[::-1] + "\n")
    idle_emperor.send(signal.SIGHUP)
    browser.wait("document.body.dataset.link === 'refused'"
                 " && document.querySelector('#banner').innerText.includes('nothing without its token')")
    browser.click("#banner button")
    unlock(browser, TOKEN[::-1])
    browser.wait("document.body.dataset.link === 'live' && document.querySelector('#banner').hidden")
