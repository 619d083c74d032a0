/**
 * `npm test [-- PATH…]`: lint and types, then every test, then the quick benchmark, then a look at what
 * was left behind. Fails where a test was skipped or none ran. Paths run only those tests, and nothing else.
 */
import { lint } from "./lint.ts";
import { quickBench } from "./quick-bench.ts";
import { type AvaResult, runAva } from "./run-ava.ts";
import { TestSite } from "./test-site.ts";

/**
 * Guests want a core each: their tests come last, and one file at a time; but for those that wait most of their time.
 * Patterns as ava takes them.
 */
const PHASES = [
  { files: ["test/**/*.ts", "!test/{system,crash}/**"], concurrency: 2 },
  { files: ["test/crash/**/*.ts"], concurrency: 2 },
  { files: ["test/system/scenarios/*.ts"], concurrency: 2 },
  { files: ["test/system/**/*.ts", "!test/system/scenarios/**", "examples/testing/ava.test.ts"], concurrency: 1 },
] as const;

const paths = process.argv.slice(2);
const problems: string[] = [];
let [passed, failed, skipped] = [0, 0, 0];

if (paths.length === 0) {
  for (const checker of await lint()) problems.push(`${checker} found something`);
}
const site = new TestSite();
try {
  const phases = paths.length === 0 ? PHASES : [{ files: paths, concurrency: 2 }];
  for (const { files, concurrency } of phases) count(await runAva(files, { concurrency, env: site.env }));
  if (paths.length === 0) problems.push(...(await quickBench(site.env)));
  problems.push(...site.leftBehind().map((thing) => `left behind: ${thing}`));
  report(site.guestsBooted());
} finally {
  site.remove();
}

function count(result: AvaResult): void {
  passed += result.passed;
  failed += result.failed;
  skipped += result.skipped;
  if (result.exitCode !== 0 && result.failed === 0) problems.push(`ava ended with ${result.exitCode}`);
}

/** The last line is the one that machines read. */
function report(guests: number): void {
  if (skipped > 0) problems.push(`${skipped} tests were skipped or left to do`);
  if (passed + failed === 0) problems.push("no test ran");
  for (const problem of problems) console.log(`npm test fails: ${problem}`);
  console.log(`guests booted: ${guests}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || problems.length > 0 ? 1 : 0;
}
