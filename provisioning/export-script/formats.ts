/** What `sanlab export script` can write, by the name of its `--format`. */
import { cloudConfig } from "./cloud-init.ts";
import { iscsiadmScript } from "./iscsiadm.ts";
import { libvirtDomain, libvirtPools } from "./libvirt.ts";
import { multipathConf } from "./multipath.ts";
import { qemuScript } from "./qemu.ts";
import type { ScriptSubject } from "./subject.ts";
import { vagrantfile } from "./vagrant.ts";

export const FORMATS: Readonly<Record<string, (subject: ScriptSubject) => string>> = {
  iscsiadm: iscsiadmScript,
  qemu: qemuScript,
  libvirt: libvirtDomain,
  "libvirt-pool": libvirtPools,
  vagrant: vagrantfile,
  "cloud-init": cloudConfig,
  multipath: multipathConf,
};
