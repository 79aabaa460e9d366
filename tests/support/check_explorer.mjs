// Runs the explorer page's arithmetic on cases from JAX: node check_explorer.mjs PAGE CASES
// Prints as JSON how many cases there were, the largest error, and the groups that disagree.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const TOLERANCE = 1e-5;
const [page, cases] = process.argv.slice(2);
const script = /<script id="arithmetic">([\s\S]*?)<\/script>/.exec(readFileSync(page, "utf-8"))[1];
const poolscope = vm.runInThisContext(`${script};poolscope`);

const read = (text) => {
  const bytes = Buffer.from(text, "base64");
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};
const product = (shape) => shape.reduce((size, n) => size * n, 1);

const report = { cases: 0, worst: 0, operators: {}, failed: [] };
for (const group of JSON.parse(readFileSync(cases, "utf-8"))) {
  const [count, height, width, channels] = group.shape;
  const [inputs, cotangents, outputs, gradients] = ["inputs", "cotangents", "outputs", "gradients"].map((name) => read(group[name]));
  const [size, outputSize] = [height * width * channels, product(group.output_shape.slice(1))];
  for (let i = 0; i < count; i++) {
    const input = { height, width, channels, values: inputs.slice(i * size, (i + 1) * size) };
    const found = poolscope.pool(group.name, input, group.window, group.options);
    const gradient = found.gradient(cotangents.slice(i * outputSize, (i + 1) * outputSize));
    const shape = [found.height, found.width, found.channels].join() === group.output_shape.slice(1).join();
    const error = Math.max(
      shape ? 0 : Infinity,
      ...Array.from(found.values, (value, j) => difference(value, outputs[i * outputSize + j])),
      ...Array.from(gradient, (value, j) => difference(value, gradients[i * size + j])),
    );
    report.cases += 1;
    report.operators[group.name] = (report.operators[group.name] ?? 0) + 1;
    report.worst = Math.max(report.worst, error);
    if (!(error <= TOLERANCE)) {
      const { name, window, options, shape } = group;
      report.failed.push({ case: i, error: String(error), name, window, options, shape });
    }
  }
}
console.log(JSON.stringify(report));

/** Absolute where numbers are small, else relative. */
function difference(a, b) {
  const error = Math.abs(a - b) / Math.max(1, Math.abs(b));
  return Number.isNaN(error) ? Infinity : error;
}
