/** Whatever goes wrong for a reason outside of sanlab is told in a sentence; what is left is a bug, and is not hidden. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Refusal } from "@sanlab/controller/user-error.ts";
import { VmError } from "@sanlab/vm/vm-error.ts";
import test from "ava";
import { UserError as TargetError } from "node-iscsi-target/storage/user-error.ts";
import { asUserError } from "sanlab/errors.ts";
import { UserError, type UserErrorCode } from "sanlab/user-error.ts";

const EXPECTED: readonly { readonly what: string; readonly error: Error; readonly code: UserErrorCode }[] = [
  { what: "the target's", error: new TargetError("DEVICE_MISSING", "The device is gone."), code: "REFUSED" },
  { what: "the controller's", error: new Refusal("exists", "The device is gone."), code: "REFUSED" },
  { what: "a host's", error: new VmError("HOST_NOT_RUNNING", "The device is gone."), code: "HOST" },
  { what: "the command line's own", error: new UserError("DEVICE", "The device is gone."), code: "DEVICE" },
];

for (const { what, error, code } of EXPECTED) {
  test(`${what} errors keep their sentence, also as the cause of another`, (t) => {
    for (const told of [asUserError(error), asUserError(new Error("wrapped", { cause: error }))]) {
      t.is(told?.message, "The device is gone.");
      t.is(told?.code, code);
    }
  });
}

test("an interrupt is told as one, whatever it cut short", (t) => {
  const { reason } = AbortSignal.abort() as { reason: Error };
  t.is(asUserError(reason)?.code, "INTERRUPTED");
  t.is(asUserError(new VmError("ABORTED", "'sleep' was stopped in the guest."))?.code, "INTERRUPTED");
});

test("what SQLite says of a damaged file is told", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sanlab-errors-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "tables");
  writeFileSync(path, Buffer.alloc(8192, "no tables"));
  const error = t.throws(() => new DatabaseSync(path).exec("SELECT * FROM sqlite_master"));
  t.regex(asUserError(error)?.message ?? "", /tables are damaged/);
});

test("a bug is no user error", (t) => {
  for (const bug of [new TypeError("x is not a function"), new Error("no"), "text", undefined]) {
    t.is(asUserError(bug), undefined);
  }
});
