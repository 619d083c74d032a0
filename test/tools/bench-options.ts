/** What the benchmark says to what it does not understand. */
import test from "ava";
import { benchOptions } from "../bench/options.ts";

const ROWS = { all: ["read, depth 1", "write, depth 32", "idle"], quick: ["read, depth 1"] };

test("what is not told has its default, which is less for the quick form", (t) => {
  t.like(benchOptions([], ROWS), { quick: false, row: [], rounds: 5, seconds: 2, output: "bench.json" });
  t.like(benchOptions(["--quick"], ROWS), { quick: true, rounds: 3, seconds: 1 });
  t.like(benchOptions(["--row", "idle", "--row", "depth", "--rounds", "2"], ROWS), {
    row: ["idle", "depth"],
    rounds: 2,
  });
});

for (const [args, told] of [
  [["--bogus"], /^Unknown option '--bogus'; see npm run bench -- --help\.$/],
  [["more"], /^Unexpected argument 'more'/],
  [["--rounds", "0"], /^--rounds is '0'; give a whole number from 1\.$/],
  [["--seconds", "1.5"], /^--seconds is '1\.5'/],
  [["--row", "raed"], /^No row has 'raed' in its name; the rows are:\n {2}read, depth 1\n/],
  [["--quick", "--row", "idle"], /^No row of the quick form has 'idle' in its name; the rows are:\n {2}read, depth 1$/],
] as const)
  test(`refused: ${args.join(" ")}`, (t) => {
    t.regex(String(benchOptions(args, ROWS)), told);
  });
