"""What the dashboard looks like, as far as figures can tell: contrast in both schemes, and what a narrow screen keeps."""
import pytest

from harness.dashboard_page import browser, dashboard, driver  # noqa: F401

# Contrast of text against the nearest opaque background, and what is asked of it (WCAG 2.1, 1.4.3): 4.5, of large text 3.
FAINT = """(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (...layers) => {
    for (const layer of layers) { context.fillStyle = layer; context.fillRect(0, 0, 1, 1); }
    return context.getImageData(0, 0, 1, 1).data;
  };
  const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => {
    const value = rgb[i] / 255;
    return sum + part * (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  }, 0);
  const backgrounds = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return layers;
  };
  const found = [], seen = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!text || element.closest("svg, option, script, noscript, :disabled, .skip") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), under = backgrounds(element);
    const [one, other] = [light(pixel(...under, style.color)), light(pixel(...under))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen.add(element.tagName);
    if (contrast < (isLarge ? 3 : 4.5))
      found.push(`${contrast.toFixed(2)} ${element.tagName}.${element.className} ${text.slice(0, 30)}`);
  }
  return { found, kinds: seen.size, ground: light(pixel(...backgrounds(document.body))) };
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_both_schemes(dashboard, browser, scheme):
    emperor = dashboard.emperor
    emperor.write("shop", workers=1)
    emperor.write("boom", app="no_such_module:application", restart_initial="60s")
    emperor.write_text("typo", "app: probe:application\nwokers: 2\n")
    emperor.wait_running("shop")
    emperor.wait_state("boom", "backoff")
    for view, ready in (("/", "document.querySelectorAll('tr[data-app]').length === 3"
                              " && document.querySelector('#events .bad, .events .bad')"),
                        ("/#/app/shop", "document.querySelectorAll('table.workers tbody tr').length === 1"),
                        ("/#/app/boom", "document.querySelector('.why')?.textContent")):
        browser.open(dashboard.url + view, scheme=scheme)
        browser.wait(f"document.body.dataset.link === 'live' && {ready}")
        looks = browser.evaluate(FAINT)
        assert looks["found"] == [], view
        assert looks["kinds"] >= 5, "texts were looked at"
        assert (looks["ground"] < 0.1) == (scheme == "dark"), looks["ground"]


def test_a_narrow_screen_sorts_both_ways(dashboard, browser):
    emperor = dashboard.emperor
    for name in ("a1", "a2", "a10"):
        emperor.write(name, workers=1)
        emperor.wait_running(name)
    browser.open(dashboard.url, 390, 844)
    names = "[...document.querySelectorAll('tr[data-app]')].map((row) => row.dataset.app).join()"
    browser.wait(f"{names} === 'a1,a2,a10'")
    browser.click("#direction")
    browser.wait(f"{names} === 'a10,a2,a1'")
    assert "descending" in browser.evaluate("document.querySelector('#direction').getAttribute('aria-label')")
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    browser.open(dashboard.url, 1280, 800)
    browser.wait(f"{names} && !document.querySelector('#direction').checkVisibility()")
