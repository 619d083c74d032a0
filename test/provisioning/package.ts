/** The npm package, as those have it who install it: packed, installed in an empty directory, used from tests and the command line. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { compile, install, pack } from "../helpers/packed.ts";

const DEFINITION = `{
  pools: { main: { devices: [{ path: "main.img", size: "64MiB" }] } },
  disks: { data: { pool: "main", size: "32MiB" } },
  agents: { a: {} },
  hosts: { client: { disks: ["data"], iqn: "iqn.2026-11.example:client", external: true } },
  zones: { all: { hosts: ["client"], agents: ["a"], disks: ["data"] } },
}`;

const SUITE = `import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { lab, UserError } from "sanlab";

test("a lab, a client and a fault", async () => {
  await using san = await lab(${DEFINITION});
  const [path] = await san.host("client").paths();
  const inquire = () => execFileSync("iscsi-inq", ["-i", path.iqn, path.url], { encoding: "utf8" });
  assert.match(inquire(), /Vendor:SANLAB/i);
  const fault = await san.fault("on command=inquiry when first 1 do busy");
  assert.throws(inquire);
  assert.equal((await fault.show()).fired, 1);
  await assert.rejects(san.fault("on agent=b do busy"), UserError);
});
`;

const TYPED = `import { type Disk, lab } from "sanlab";
await using san = await lab(${DEFINITION});
const disk: Disk = await san.disk("data").show();
console.log(disk.sizeBytes.toFixed());
// @ts-expect-error there is no such disk
san.disk("dat");
// @ts-expect-error a size is a text with a unit
void lab({ pools: { main: { devices: [{ path: "main.img", size: 64 }] } } });
`;

test("is packed, without a complaint of publint and attw, and brings up labs where it is installed", async (t) => {
  t.timeout(300_000);
  const place = await install(t, await pack(t, "provisioning", ["target", "controller", "vm"]));
  const sanlab = join(place, "node_modules/.bin/sanlab");
  const { version } = JSON.parse(await readFile(new URL("../../provisioning/package.json", import.meta.url), "utf8"));
  t.is((await execa(sanlab, ["--version"])).stdout, version);
  await execa(sanlab, ["init"], { cwd: place });
  await execa(sanlab, ["validate", "lab.yaml"], { cwd: place });

  await writeFile(join(place, "suite.js"), SUITE);
  const { stdout } = await execa(process.execPath, ["--test", "--test-reporter=tap", "suite.js"], { cwd: place });
  t.regex(stdout, /^# pass 1$/m);
  await compile(place, TYPED);
});
