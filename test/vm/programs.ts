import { VmError } from "@sanlab/vm";
import test from "ava";
import { findProgram, findPrograms } from "../../vm/programs.ts";

test("a program is found in the PATH", async (t) => {
  t.regex(await findProgram("tar"), /^\/.*\/tar$/);
});

test("a missing program is named with the Debian package to install", async (t) => {
  const error = await t.throwsAsync(findProgram("qemu-system-x86_64", "/nonexistent:"), { instanceOf: VmError });
  t.is(error.code, "PROGRAM_MISSING");
  t.regex(error.message, /^qemu-system-x86_64 is needed .* 'apt-get install qemu-system-x86'\.$/);
});

test("all missing programs are named at once, and each package once", async (t) => {
  const error = await t.throwsAsync(findPrograms(["apt-get", "apt-cache", "dpkg-deb"], ""), { instanceOf: VmError });
  t.regex(error.message, /apt-get, apt-cache, dpkg-deb are needed .*'apt-get install apt dpkg'/);
});
