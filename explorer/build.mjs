// Builds ../results/explorer/index.html: one file with its scripts, styles and pictures. Facts are put in by poolscope.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const home = dirname(fileURLToPath(import.meta.url));
const page = join(home, "../results/explorer/index.html");
const usual = { absWorkingDir: home, bundle: true, write: false, minify: true, target: "es2022", legalComments: "none", charset: "utf8" };

/** The arithmetic is a script of its own, so that what is tested is what the page runs. */
const arithmetic = {
  name: "arithmetic",
  setup(context) {
    context.onResolve({ filter: /^#core$/ }, () => ({ path: "#core", namespace: "arithmetic" }));
    context.onLoad({ filter: /.*/, namespace: "arithmetic" }, () => ({ contents: "module.exports = globalThis.poolscope" }));
  },
};

/** Every source by name, so that a test can tell whether the page is up to date. */
function digest() {
  const list = (folder) =>
    readdirSync(join(home, folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? list(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  const hash = createHash("sha256");
  for (const path of [...list("src"), "build.mjs", "images.json", "package.json", "page.html"].map((name) => name.replaceAll("\\", "/")).sort()) {
    hash.update(`${path}\n`).update(readFileSync(join(home, path)));
  }
  return hash.digest("hex").slice(0, 16);
}

const text = async (options) => (await build({ ...usual, ...options })).outputFiles[0].text.trim().replaceAll("</script", "<\\/script");
const parts = {
  sources: digest(),
  style: await text({ entryPoints: ["src/style.css"] }),
  arithmetic: await text({ entryPoints: ["src/core/index.ts"], format: "iife", globalName: "poolscope" }),
  app: await text({ entryPoints: ["src/main.tsx"], format: "iife", plugins: [arithmetic], jsx: "automatic", jsxImportSource: "preact" }),
};
// Python describes these operators and no others, so that one without a function here needs none.
parts.operators = Object.keys(new Function(`${parts.arithmetic}; return poolscope`)().OPERATORS).join(" ");
const html = readFileSync(join(home, "page.html"), "utf-8").replace(/\{\{ (\w+) \}\}/g, (_, name) => parts[name]);
mkdirSync(dirname(page), { recursive: true });
writeFileSync(page, html);
console.log(`${page}: ${Math.round(html.length / 1024)} kB before its facts`);
