/** What `sanlab export script` can write, by the name of its `--format`. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ExitCode, UserError } from "../user-error.ts";
import { cloudConfig } from "./cloud-init.ts";
import { iscsiadmScript } from "./iscsiadm.ts";
import { libvirtDomain, libvirtPools, libvirtSecrets, libvirtVolumes } from "./libvirt.ts";
import { multipathConf } from "./multipath.ts";
import { nodeDatabase, type ScriptFile } from "./node-database.ts";
import { qemuScript } from "./qemu.ts";
import { hasSeveralPaths, type ScriptSubject } from "./subject.ts";
import { vagrantfile } from "./vagrant.ts";

/** A format that is one text, for standard output. */
export const TEXTS: Readonly<Record<string, (subject: ScriptSubject) => string>> = {
  iscsiadm: (subject) => iscsiadmScript(subject, hasSeveralPaths(subject)),
  qemu: qemuScript,
  libvirt: libvirtDomain,
  "libvirt-pool": libvirtPools,
  "libvirt-volume": libvirtVolumes,
  "libvirt-secret": libvirtSecrets,
  vagrant: vagrantfile,
  "cloud-init": cloudConfig,
  multipath: multipathConf,
};

/** A format that is a tree of files, for a directory. */
export const TREES: Readonly<Record<string, (subject: ScriptSubject) => ScriptFile[]>> = {
  "node-db": nodeDatabase,
};

export const FORMATS = [...Object.keys(TEXTS), ...Object.keys(TREES)];

/** One text, or a tree of files. */
export interface Script {
  readonly text?: string;
  readonly files?: readonly ScriptFile[];
}

export function scriptOf(format: string, subject: ScriptSubject): Script {
  const [text, tree] = [TEXTS[format], TREES[format]];
  return text === undefined ? { files: tree?.(subject) ?? [] } : { text: text(subject) };
}

/** For standard output. @throws UserError for a tree, which only a directory can hold */
export function textOf(format: string, { text }: Script): string {
  if (text !== undefined) return text.trimEnd();
  throw new UserError(
    "USAGE",
    `The format ${format} is a tree of files: name a directory for it with --output, or take --json.`,
    {
      exitCode: ExitCode.USAGE,
    },
  );
}

/** Names of a text in a directory, where they are not the format's. */
const FILE_NAMES: Readonly<Record<string, string>> = {
  iscsiadm: "attach.sh",
  qemu: "start.sh",
  libvirt: "domain.xml",
  "libvirt-pool": "pool.xml",
  "libvirt-volume": "volume.xml",
  "libvirt-secret": "secret.xml",
  vagrant: "Vagrantfile",
  "cloud-init": "user-data",
  multipath: "multipath.conf",
};

/** @returns the paths written */
export async function writeScript(directory: string, format: string, { text, files }: Script): Promise<string[]> {
  const all = text === undefined ? (files ?? []) : [{ path: FILE_NAMES[format] ?? format, content: text }];
  const paths: string[] = [];
  for (const { path, content } of all) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
    paths.push(target);
  }
  return paths;
}
