// SPDX-License-Identifier: Apache-2.0
// Drives Debian's Chromium by playwright-core on behalf of browser.py: one JSON command per line in, one answer per line out.
// Run in the directory whose node_modules has playwright-core.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
});
let page = null;
let complaints = [];

const operations = {
  async open({ url, width, height, scheme }) {
    await page?.context().close();
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: "en-GB", reducedMotion: "reduce" });
    page = await context.newPage();
    page.setDefaultTimeout(10000);
    complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    await page.goto(url, { waitUntil: "load" });
  },
  complaints: async () => complaints,
  evaluate: ({ code }) => page.evaluate(code),
  // By evaluate(), which the page's policy does not forbid as it does waitForFunction() with text.
  async wait({ code, timeout }) {
    for (const end = Date.now() + timeout; !(await page.evaluate(code)); ) {
      if (Date.now() > end) throw new Error(`not within ${timeout} ms`);
      await new Promise((done) => setTimeout(done, 50));
    }
    return true;
  },
  click: ({ selector }) => page.click(selector),
  fill: ({ selector, text }) => page.fill(selector, text),
  press: ({ key }) => page.keyboard.press(key),
  shot: ({ path, whole }) => page.screenshot({ path, fullPage: whole }).then(() => true),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: true, result: (await operations[command.operation](command)) ?? null };
  } catch (error) {
    answer = { ok: false, error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
