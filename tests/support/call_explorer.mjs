// Calls functions of the explorer page's arithmetic: node call_explorer.mjs PAGE CALLS
// CALLS is a JSON file with a list of [function, arguments]; prints the list of what they return.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [page, calls] = process.argv.slice(2);
const script = /<script id="arithmetic">([\s\S]*?)<\/script>/.exec(readFileSync(page, "utf-8"))[1];
const poolscope = vm.runInThisContext(`${script};poolscope`);
const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
console.log(JSON.stringify(JSON.parse(readFileSync(calls, "utf-8")).map(([name, given]) => poolscope[name](...given)), plain));
