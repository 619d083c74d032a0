/** A command line of QEMU whose own initiator opens the disks. It knows no multipath: each disk goes through one agent. */
import { type ScriptDisk, type ScriptSubject, SECRETS, secretNotes, splitPortal } from "./subject.ts";

export function qemuScript({ host, iqn, targets, disks }: ScriptSubject): string {
  const secrets = targets
    .filter(({ agent, chap }) => chap !== undefined && disks.some(({ paths: [path] }) => path?.agent === agent))
    .map(({ agent }) => `  -object 'secret,id=chap-${agent},file=${SECRETS}/${agent}' \\\n`);
  const notes = secretNotes({ targets }).map((note) => `# ${note}`);
  const drives = disks.map((disk, at) => drive(disk, iqn, at));
  const others = disks.flatMap(({ name, paths }) =>
    paths
      .slice(1)
      .map(
        ({ agent, portal, target }) => `# Disk '${name}' through agent '${agent}': portal=${portal}, target=${target}`,
      ),
  );
  return `#!/bin/sh
# Starts a machine with the disks of host '${host}'. Arguments are added: a system to boot, memory, a network.
${[...notes, ...others, ""].join("\n")}exec qemu-system-x86_64 \\
${secrets.join("")}  -device virtio-scsi-pci,id=scsi \\
${drives.join(" \\\n")} \\
  "$@"
`;
}

function drive({ name, lun, paths }: ScriptDisk, iqn: string, at: number): string {
  const [path] = paths;
  if (path === undefined) return "";
  const { address, port } = splitPortal(path.portal);
  const portal = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const node = `disk${at}`;
  const initiator = `driver=iscsi,transport=tcp,portal=${portal},target=${path.target},lun=${lun},initiator-name=${iqn}${path.chap === undefined ? "" : `,user=${path.chap.user},password-secret=chap-${path.agent}`}`;
  return `  -blockdev '${initiator},node-name=${node},discard=unmap,cache.direct=on' \\
  -device 'scsi-hd,bus=scsi.0,drive=${node},serial=${name}'`;
}
