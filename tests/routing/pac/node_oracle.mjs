// Asks Node's pac-resolver what a PAC script answers: a job in JSON comes in on standard input, an
// answer in JSON goes out. Names, this machine's address and the time are those of the job.
//
//   npm install pac-resolver quickjs-wasi      (somewhere; NODE_PATH is not for modules like these)
//   python tests/routing/pac/compare.py --node THERE
import fs from "node:fs";
import dns from "node:dns";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { pathToFileURL } from "node:url";

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const from = createRequire(process.argv[2] + "/package.json");
dns.lookup = (host, options, done) => {
  if (typeof options === "function") [done, options] = [options, {}];
  const all = /^[0-9]+(\.[0-9]+){3}$/.test(host) ? [host] : job.names[host] ?? [];
  const found = all.find((address) => options.family !== 4 || !address.includes(":"));
  if (found) done(null, found, found.includes(":") ? 6 : 4);
  else done(Object.assign(new Error("ENOTFOUND"), { code: "ENOTFOUND" }));
};
syncBuiltinESMExports();
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...values) { values.length ? super(...values) : super(job.now * 1000); }
};
const { createPacResolver } = await import(pathToFileURL(from.resolve("pac-resolver")));
const { QuickJS } = await import(pathToFileURL(from.resolve("quickjs-wasi")));
const wasm = fs.readFileSync(process.argv[2] + "/node_modules/quickjs-wasi/quickjs.wasm");
const mine = job.mine.find((address) => !address.includes(":")) ?? "127.0.0.1";
function tell(value) {
  if (value.answer) value.answer = value.answer.slice(0, 4000); // what is longer would not be out yet
  console.log(JSON.stringify(value));
  process.exit(0);
}
try {
  const sandbox = { myIpAddress: async () => mine, alert: () => undefined };
  const ask = createPacResolver(await QuickJS.create({ wasm }), job.text, { sandbox });
  const answer = await ask(job.url, job.host);
  tell(typeof answer === "string" ? { answer } : { fails: `gives ${answer === null ? null : typeof answer}` });
} catch (error) {
  tell({ fails: String(error?.message ?? error) });
}
