/** `qemu-img` and `iscsi-ls` as independent initiators on a mapped disk. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { labOf, testLab } from "../helpers/lab.ts";
import { patternedImage } from "../helpers/patterned-image.ts";

const IQN = "iqn.2026-11.example:outside";

test("an image converted onto a mapped disk and back is identical", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"], diskSize: "96MiB" }));
  const image = join(lab.directory, "in.raw");
  await writeFile(image, patternedImage(96 * 1024 * 1024));
  const onto = imageOptions(await lab.url("data", "a"));
  await execa("qemu-img", ["convert", "-n", "-t", "none", "-f", "raw", image, "--target-image-opts", onto]);

  const from = imageOptions(await lab.url("data", "b"));
  const compared = await execa("qemu-img", ["compare", "--image-opts", from, `driver=raw,file.filename=${image}`]);
  t.regex(compared.stdout, /identical/);
  const back = join(lab.directory, "out.raw");
  await execa("qemu-img", ["convert", "--image-opts", "-O", "raw", from, back]);
  await execa("cmp", [image, back]);
});

test("iscsi-ls finds the disk at its portal under the host's name, and nothing under another", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a"], diskSize: "64MiB" }));
  const [path] = await lab.paths();
  const seen = await execa("iscsi-ls", ["-s", "-i", IQN, `iscsi://${path?.portal}`]);
  t.true(seen.stdout.includes(path?.target ?? "?"), seen.stdout);
  t.regex(seen.stdout, /Lun:0 .*\(Size:6[34]M\)/i);
  const stranger = await execa("iscsi-ls", ["-i", "iqn.2026-11.example:stranger", `iscsi://${path?.portal}`], {
    reject: false,
  });
  t.false(stranger.stdout.includes("iqn.2026-11.io.sanlab"), stranger.stdout);
});

function imageOptions(url: string): string {
  const [, portal, target, lun] = /^iscsi:\/\/([^/]+)\/([^/]+)\/(\d+)$/.exec(url) ?? [];
  return `driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=${portal},file.target=${target},file.lun=${lun},file.initiator-name=${IQN}`;
}
