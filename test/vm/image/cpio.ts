import { cpioArchive } from "@sanlab/vm";
import test from "ava";
import { readCpioArchive } from "../../../vm/image/cpio.ts";

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly content: string;
  readonly device: readonly [number, number];
}

/** Reads an archive by the format's description, not by what wrote it. */
function membersOf(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let offset = 0; ; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", offset + 6 + index * 8, offset + 14 + index * 8), 16);
    if (archive.toString("latin1", offset, offset + 6) !== "070701") throw new Error(`no header at ${offset}`);
    const [mode, contentBytes, major, minor, nameBytes] = [field(1), field(6), field(9), field(10), field(11)];
    const name = archive.toString("utf8", offset + 110, offset + 110 + nameBytes - 1);
    const start = Math.ceil((offset + 110 + nameBytes) / 4) * 4;
    if (name === "TRAILER!!!") return members;
    members.push({
      name,
      mode,
      content: archive.toString("utf8", start, start + contentBytes),
      device: [major, minor],
    });
    offset = Math.ceil((start + contentBytes) / 4) * 4;
  }
}

test("directories come before what is in them, also when they were not named", (t) => {
  const archive = cpioArchive([{ kind: "file", path: "etc/sanlab/host.conf", mode: 0o600, content: Buffer.from("x") }]);
  t.deepEqual(
    membersOf(archive).map(({ name, mode }) => [name, mode.toString(8)]),
    [
      ["etc", "40755"],
      ["etc/sanlab", "40755"],
      ["etc/sanlab/host.conf", "100600"],
    ],
  );
});

test("files of any length, links and devices keep their content", (t) => {
  const lengths = [0, 1, 2, 3, 4, 5, 513];
  const files = lengths.map((length) => {
    const content = Buffer.alloc(length, "a");
    return { kind: "file", path: `file-${length}`, mode: 0o644, content } as const;
  });
  const archive = cpioArchive([
    ...files,
    { kind: "symlink", path: "link", target: "/usr/bin/busybox" },
    { kind: "character-device", path: "console", mode: 0o600, major: 5, minor: 1 },
  ]);
  const members = new Map(membersOf(archive).map((member) => [member.name, member]));
  for (const length of lengths) t.is(members.get(`file-${length}`)?.content, "a".repeat(length));
  t.is(members.get("link")?.content, "/usr/bin/busybox");
  t.is(members.get("link")?.mode, 0o120777);
  t.deepEqual(members.get("console")?.device, [5, 1]);
  t.is(members.get("console")?.mode, 0o020600);
});

test("the last entry of a path wins", (t) => {
  const archive = cpioArchive(
    ["first", "second"].map((text) => ({ kind: "file", path: "a", mode: 0o644, content: Buffer.from(text) })),
  );
  t.deepEqual(
    membersOf(archive).map(({ content }) => content),
    ["second"],
  );
});

test("an archive ends on a multiple of 512 bytes, so that another can follow", (t) => {
  t.is(cpioArchive([]).length % 512, 0);
  t.is(cpioArchive([{ kind: "directory", path: "a", mode: 0o755 }]).length % 512, 0);
});

for (const path of ["", "/etc", "a//b", "../a", "a/./b", "TRAILER!!!", "a\0b"]) {
  test(`the path ${JSON.stringify(path)} is refused`, (t) => {
    t.throws(() => cpioArchive([{ kind: "directory", path, mode: 0o755 }]), { instanceOf: RangeError });
  });
}

test("an archive of ours is read again as what it was made of, with what is padded behind it", (t) => {
  const entries = [
    { kind: "directory", path: "etc", mode: 0o755 },
    { kind: "file", path: "etc/motd", mode: 0o644, content: Buffer.from("hello\n") },
    { kind: "symlink", path: "etc/mtab", target: "/proc/self/mounts" },
    { kind: "character-device", path: "null", mode: 0o666, major: 1, minor: 3 },
  ] as const;
  t.deepEqual(readCpioArchive(cpioArchive(entries)), [...entries]);
});
