// Drives the built page in Chromium as a person would, checks it with axe, and takes screenshots.
// node drive.mjs PAGE CHROMIUM [FOLDER]: prints what it found as JSON; screenshots go to FOLDER.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, executablePath, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf-8");
const address = pathToFileURL(file).href;
const found = { checks: 0, rules: 0, problems: [], messages: [], violations: [], requests: [] };

const check = (holds, what) => {
  found.checks += 1;
  if (!holds) found.problems.push(what);
};

const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const VIEWS = ["#pool", "#pool?way=backward&a=soft&b=median&k=3&s=1&p=SAME", "#shift?dx=1&in=rings", "#stack", "#evidence?study=strength"];

const HOSTILE = [
  "#nosuch", "#pool?", "#pool?k=abc&s=0&d=99&p=x", "#pool?k=9&m=1", "#pool?a=nosuch&b=nosuch&at=-3,x&ch=99", "#pool?a=none&b=none",
  "#pool?m=&way=backward&ct=own&cm=x", "#pool?p=9,9,9,9&way=backward", "#pool?a=lift&k=3&s=3", "#pool?in=own", "#pool?in=picture&pic=99&a=lps&b=wavelet_bands",
  "#pool?a=lp&a.p=-1&b=tree&b.draw=x", "#pool?m=%3Cimg%20src=x%3E", "#shift?k=0&s=99&dx=1e9&in=nosuch", "#shift?a=space_to_depth&b=lift", "#shift?in=own&s=3",
  "#stack?n=1&l=", "#stack?n=4&l=c9 p0 x", "#evidence?study=nosuch&y=nosuch&base=nosuch&off=max|avg&run=x:y&claim=99", "#evidence?study=strength&set=nosuch",
];
const WIDTHS = (process.env.WIDTHS ?? "390,1280,1920").split(",").map(Number);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
for (const width of WIDTHS) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, hasTouch: width < 500, bypassCSP: true });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    const place = `${width} ${colorScheme}`;
    page.on("console", (message) => found.messages.push(`${place}: ${message.text()}`));
    page.on("pageerror", (error) => found.messages.push(`${place}: ${error.message}`));
    page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || found.requests.push(request.url()));
    for (const view of VIEWS) {
      await page.goto(`${address}${view}`);
      await page.waitForSelector("main svg");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(wide <= 0, `${place} ${view}: ${wide} pixels wider than the screen`);
      if (folder) await page.screenshot({ path: `${folder}/${view.replace(/\W+/g, "-").slice(1, 24)}-${width}-${colorScheme}.png`, fullPage: true });
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      found.rules += passes.length;
      for (const { id, nodes } of violations) {
        found.violations.push(`${place} ${view}: ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
      }
    }
    for (const view of width === WIDTHS[0] && colorScheme === "light" ? HOSTILE : []) {
      await page.goto(`${address}${view}`);
      await page.waitForTimeout(50);
      check((await page.locator("main").innerText()).length > 40, `${view}: nothing is shown`);
      check((await page.locator("main img[src=x]").count()) === 0, `${view}: text became markup`);
    }
    await use(page, place, width).catch((error) => found.problems.push(`${place}: ${error.message.slice(0, 300)}`));
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(found));

/** A visit: type, click, step, go back and forward, drag, choose a run. */
async function use(page, place, width) {
  const shown = (text) => document.querySelector("main").innerText.includes(text);
  const see = async (text, what) => {
    const seen = page.waitForFunction(shown, text, { timeout: 4000 });
    check(await seen.then(() => true, () => false), `${place}: ${what}`);
  };
  await page.goto(`${address}#pool`);
  await page.reload();
  await page.getByLabel("Rows of numbers").fill("9 1\n2 3");
  await see("max(9, 1, 2, 3)", "a typed matrix is pooled");
  check(page.url().includes("m=9+1/2+3"), `${place}: the matrix stands in the address`);
  await page.getByRole("button", { name: "Tutorial" }).click();
  await see("max(1, 3, 5, 6)", "an example is pooled");
  await page.getByRole("button", { name: "Next window" }).click();
  await see("max(2, 4, 7, 8)", "the next window is shown");
  await page.getByLabel("Operator", { exact: true }).selectOption("median");
  await see("the middle of", "another operator is shown");
  await page.goBack();
  await see("max(", "back shows the operator before");
  await page.goForward();
  await see("the middle of", "forward shows it again");
  await page.locator("label").filter({ hasText: "Backward" }).click();
  await see("gets through", "the gradient is shown");
  const output = page.getByRole("slider", { name: /Output of median/ });
  await output.focus();
  await page.keyboard.press("End");
  await see("window 4 of 4", "the arrow and end keys move the window");
  await page.getByLabel("Rows of numbers").fill("1 2\n3 x");
  await see("“x” is no number", "a mistake gets a sentence");

  await page.locator("label").filter({ hasText: "Your own" }).click();
  await page.getByLabel(/never leaves this page/).setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: Buffer.from(DOT, "base64") });
  await see("32 × 32, 3 channels", "one's own picture is read");
  await page.getByLabel(/never leaves this page/).setInputFiles({ name: "words.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await see("words.png can't be read", "a file that is no picture gets a sentence");

  await page.goto(`${address}#shift`);
  const image = page.getByRole("slider", { name: "Image, moved" });
  await image.scrollIntoViewIfNeeded();
  const box = await image.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + box.width / 8, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  check(Math.abs(Number(await page.getByLabel("Right, pixels").inputValue()) - 4) < 0.5, `${place}: a drag by an eighth of the image moves it by 4 pixels`);
  await image.focus();
  await page.keyboard.press("Shift+ArrowRight");
  check((await image.getAttribute("aria-valuetext")).startsWith("4.125"), `${place}: keys move it by an eighth of a pixel`);
  await page.getByLabel("Blur before the stride").check();
  await see("blurred with 3 taps", "the blur is on");

  await page.goto(`${address}#stack`);
  await page.getByRole("button", { name: "+ pool" }).click();
  await see("2 × 2", "a pool more halves the map");
  await page.goBack();
  check(!(await page.locator("main").innerText()).includes("2 × 2\n"), `${place}: back takes it away`);

  await page.goto(`${address}#evidence?study=pool_type`);
  await page.getByRole("slider", { name: /Every run/ }).focus();
  await page.keyboard.press("ArrowDown");
  await see("poolscope train", "a run's command is shown");
  await page.getByLabel("Measure").selectOption("test_loss");
  await see("test loss", "another measure is drawn");
  await page.getByLabel("Study", { exact: true }).selectOption("strength");
  await see("training images", "the effect against the number of images is drawn");
  await page.goBack();
  check(page.url().includes("test_loss"), `${place}: back leads to the study before`);
  await page.locator("summary").filter({ hasText: "Max pooling often" }).click();
  await see("contrasts decide it", "a claim opens");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${place}: an open claim is ${wide} pixels wider than the screen`);
  if (width > 1000) {
    await page.emulateMedia({ media: "print" });
    check(await page.locator(".controls").isHidden(), `${place}: controls aren't printed`);
  }
}
