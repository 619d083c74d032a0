import { constants } from "node:os";
import test from "ava";
import { outcomeOf } from "node-iscsi-target/storage/engine/outcome.ts";
import { SystemCallError } from "node-iscsi-target/storage/syscalls/libc.ts";

const EXPECTED = {
  EIO: { kind: "medium-error", offset: 512 },
  ENOSPC: { kind: "no-space" },
  EDQUOT: { kind: "no-space" },
  EROFS: { kind: "write-protected" },
  ENODEV: { kind: "not-ready" },
} as const;

for (const [code, result] of Object.entries(EXPECTED)) {
  test(`${code} of a medium is told as ${result.kind}, whoever reports it`, (t) => {
    t.deepEqual(outcomeOf(Object.assign(new Error(code), { code }), 512), result);
    const errno = constants.errno[code as keyof typeof constants.errno];
    t.deepEqual(outcomeOf(new SystemCallError("fallocate", errno), 512), result);
  });
}

test("an errno that no medium reports is a bug, and stays one", (t) => {
  const bug = Object.assign(new Error("EBADF"), { code: "EBADF" });
  t.is(
    t.throws(() => outcomeOf(bug, 0)),
    bug,
  );
  t.throws(() => outcomeOf(new TypeError("not a system call"), 0), { instanceOf: TypeError });
});
