/** The simulator notices when a piece of the protocol is taken away (`npm run mutate` tries all of them). */
import { readFileSync } from "node:fs";
import test from "ava";
import { SourceCopy } from "./mutations/copy.ts";
import { replacement, tryOut } from "./mutations/mutation.ts";
import { MUTATIONS } from "./mutations/mutations.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** Found by early seeds. */
const QUICK = ["drain", "zero-before-reuse"] as const;

for (const { name, file, text } of MUTATIONS) {
  test(`the piece '${name}' is where the list of mutations says`, (t) => {
    t.is(readFileSync(`${ROOT}${file}`, "utf8").split(text).length - 1, 1, file);
  });
}

for (const mutation of MUTATIONS.filter(({ name }) => (QUICK as readonly string[]).includes(name))) {
  test(`without '${mutation.name}' a rule is broken`, async (t) => {
    t.timeout(600_000);
    const copy = new SourceCopy();
    try {
      const verdict = await tryOut(copy, replacement(mutation), 500);
      t.is(verdict.kind, "caught");
      t.log(verdict);
    } finally {
      copy.remove();
    }
  });
}

test("a mutation whose piece is not there is refused", (t) => {
  const copy = new SourceCopy();
  try {
    const gone = { name: "gone", file: "controller/core.ts", text: "nothing of the kind", replacement: "" };
    t.throws(() => replacement(gone)(copy), { message: /there 0 times/ });
  } finally {
    copy.remove();
  }
});
