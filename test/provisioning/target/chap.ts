/** `sanlab target --chap`, with libiscsi's tools as initiators. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { UserError } from "node-iscsi-target";
import { parseChap } from "sanlab/target/chap-option.ts";
import { startTarget } from "../../helpers/target-command.ts";

async function secrets(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
): Promise<(name: string) => string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-chap-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return (name) => join(directory, name);
}

test("an initiator with the secret is let in, discovery included; one without it is not", async (t) => {
  const file = await secrets(t, { host: "secret-of-the-host\nmore lines\n", target: "secret-of-the-target\n" });
  const chap = ["--chap", `host:${file("host")}`, "--mutual-chap", `san:${file("target")}`];
  const target = await startTarget("mem,size=16MiB", chap);
  t.teardown(() => target.close());
  const url = (login: string) => target.url.replace("iscsi://", `iscsi://${login}@`);
  const mutual = { LIBISCSI_CHAP_TARGET_USERNAME: "san", LIBISCSI_CHAP_TARGET_PASSWORD: "secret-of-the-target" };
  await execa("iscsi-inq", [url("host%secret-of-the-host")]);
  await execa("iscsi-inq", [url("host%secret-of-the-host")], { env: mutual });
  await execa("iscsi-ls", [url("host%secret-of-the-host").replace(/\/iqn.*$/, "")]);
  for (const login of ["host%a-wrong-secret", "guest%secret-of-the-host"]) {
    t.not((await execa("iscsi-inq", [url(login)], { reject: false })).exitCode, 0);
  }
  t.not((await execa("iscsi-inq", [target.url], { reject: false })).exitCode, 0);
  const impostor = { ...mutual, LIBISCSI_CHAP_TARGET_PASSWORD: "expected-of-another" };
  t.not((await execa("iscsi-inq", [url("host%secret-of-the-host")], { env: impostor, reject: false })).exitCode, 0);
});

test("secrets that cannot be used are refused in a sentence, which never has one in it", async (t) => {
  const file = await secrets(t, { host: "a-very-secret-word\n", same: "a-very-secret-word", empty: "\nx" });
  const cases: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, `san:${file("host")}`],
    ["host", undefined],
    [":x", undefined],
    [`host:${file("missing")}`, undefined],
    [`host:${file("empty")}`, undefined],
    [`host:${file("host")}`, `san:${file("same")}`],
  ];
  for (const [chap, mutual] of cases) {
    const error = t.throws(() => parseChap(chap, mutual), { instanceOf: UserError });
    t.regex(error.message, /\.$/);
    t.notRegex(error.message, /a-very-secret-word/);
  }
});
