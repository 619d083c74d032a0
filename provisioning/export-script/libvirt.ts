/** A libvirt domain whose disks QEMU's initiator opens (https://libvirt.org/formatdomain.html, network disks). */
import { plainName } from "../lab/unit-name.ts";
import { type ScriptDisk, type ScriptPath, type ScriptSubject, splitPortal } from "./subject.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

export function libvirtDomain({ host, iqn, disks }: ScriptSubject): string {
  return `<!-- Host '${text(host)}': virsh define FILE. Change memory, boot and network as needed. -->
<domain type='qemu'>
  <name>${text(host)}</name>
  <memory unit='MiB'>1024</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <boot dev='hd'/>
  </os>
  <devices>
    <controller type='scsi' model='virtio-scsi'/>
${disks.map((disk, at) => diskElement(disk, iqn, at)).join("\n")}
    <interface type='user'>
      <model type='virtio'/>
    </interface>
    <console type='pty'/>
  </devices>
</domain>
`;
}

function diskElement({ name, lun, paths }: ScriptDisk, iqn: string, at: number): string {
  const [path] = paths;
  if (path === undefined) return "";
  const { address, port } = splitPortal(path.portal);
  return `    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <source protocol='iscsi' name='${text(path.target)}/${lun}'>
        <host name='${text(address)}' port='${port}'/>
${auth(path, "        ")}        <initiator>
          <iqn name='${text(iqn)}'/>
        </initiator>
      </source>
      <target dev='sd${String.fromCharCode(97 + at)}' bus='scsi'/>
      <serial>${text(plainName(name))}</serial>
    </disk>`;
}

/** A storage pool for each target, whose volumes are its LUNs (https://libvirt.org/formatstorage.html). */
export function libvirtPools({ host, iqn, targets }: ScriptSubject): string {
  return targets
    .map(({ agent, portal, target, chap }) => {
      const { address, port } = splitPortal(portal);
      return `<pool type='iscsi'>
  <name>${text(host)}-${text(agent)}</name>
  <source>
    <host name='${text(address)}' port='${port}'/>
    <device path='${text(target)}'/>
${chapAuth(agent, chap, "    ")}    <initiator>
      <iqn name='${text(iqn)}'/>
    </initiator>
  </source>
  <target>
    <path>/dev/disk/by-path</path>
  </target>
</pool>
`;
    })
    .join("");
}

/**
 * The volumes of those pools, as `virsh vol-dumpxml` shows them: an iSCSI pool finds its volumes itself, so these are
 * for whoever wants to name or compare them (https://libvirt.org/formatstorage.html, storage volumes).
 */
export function libvirtVolumes({ disks }: ScriptSubject): string {
  return disks
    .flatMap(({ name, lun, sizeBytes, paths }) => paths.map((path) => ({ name, lun, sizeBytes, ...path })))
    .map(
      ({
        name,
        lun,
        sizeBytes,
        agent,
        portal,
        target,
      }) => `<!-- Disk '${text(name)}' in the pool of agent '${text(agent)}' -->
<volume type='block'>
  <name>unit:0:0:${lun}</name>
  <capacity unit='bytes'>${sizeBytes}</capacity>
  <allocation unit='bytes'>${sizeBytes}</allocation>
  <target>
    <path>/dev/disk/by-path/ip-${text(portal)}-iscsi-${text(target)}-lun-${lun}</path>
    <format type='raw'/>
  </target>
</volume>
`,
    )
    .join("");
}

/** The secret itself is libvirt's to keep: `virsh secret-define`, `virsh secret-set-value`. */
export function libvirtSecrets({ targets }: ScriptSubject): string {
  return targets
    .filter(({ chap }) => chap !== undefined)
    .map(
      ({ agent }) => `<!-- virsh secret-define FILE, then virsh secret-set-value UUID with the secret in base64 -->
<secret ephemeral='no' private='yes'>
  <usage type='iscsi'>
    <target>${text(secretUsage(agent))}</target>
  </usage>
</secret>
`,
    )
    .join("");
}

function auth({ agent, chap }: ScriptPath, indent: string): string {
  return chapAuth(agent, chap, indent).replace("type='chap' ", "");
}

/** A pool says what kind of proof it is; a disk's source knows one kind only. */
function chapAuth(agent: string, chap: ScriptPath["chap"], indent: string): string {
  if (chap === undefined) return "";
  return `${indent}<auth type='chap' username='${text(chap.user)}'>
${indent}  <secret ${indent === "    " ? "" : "type='iscsi' "}usage='${text(secretUsage(agent))}'/>
${indent}</auth>
`;
}

function secretUsage(agent: string): string {
  return `sanlab-${agent}`;
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
