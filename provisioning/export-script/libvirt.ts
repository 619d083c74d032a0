/** A libvirt domain whose disks QEMU's initiator opens (https://libvirt.org/formatdomain.html, network disks). */
import { type ScriptDisk, type ScriptSubject, splitPortal } from "./subject.ts";

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
        <initiator>
          <iqn name='${text(iqn)}'/>
        </initiator>
      </source>
      <target dev='sd${String.fromCharCode(97 + at)}' bus='scsi'/>
      <serial>${text(name)}</serial>
    </disk>`;
}

/** A storage pool for each target, whose volumes are its LUNs (https://libvirt.org/formatstorage.html). */
export function libvirtPools({ host, iqn, targets }: ScriptSubject): string {
  return targets
    .map(({ agent, portal, target }) => {
      const { address, port } = splitPortal(portal);
      return `<pool type='iscsi'>
  <name>${text(host)}-${text(agent)}</name>
  <source>
    <host name='${text(address)}' port='${port}'/>
    <device path='${text(target)}'/>
    <initiator>
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

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
