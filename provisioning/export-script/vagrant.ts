/** A Vagrantfile, for the QEMU and libvirt providers, whose machine attaches the disks when it is provisioned. */
import { iscsiadmScript } from "./iscsiadm.ts";
import { multipathConf } from "./multipath.ts";
import { hasSeveralPaths, type ScriptSubject, SECRETS } from "./subject.ts";

export function vagrantfile(subject: ScriptSubject): string {
  const { host } = subject;
  const isMultipath = hasSeveralPaths(subject);
  const packages = ["open-iscsi", ...(isMultipath ? ["multipath-tools"] : [])].join(" ");
  const proofs = subject.targets.filter(({ chap }) => chap !== undefined);
  const multipath = `cat > /etc/multipath.conf <<'MULTIPATH'
${multipathConf(subject)}MULTIPATH
systemctl restart multipathd
`;
  return `# -*- mode: ruby -*-
# Host '${host}'. The machine must reach the agents at the addresses below; on QEMU's user networking
# this machine's 127.0.0.1 is 10.0.2.2: give agents an \`advertise\` address that the guest can reach.
${proofs.length === 0 ? "" : "# CHAP secrets: a file for each of these agents, with nothing else in it, in the directory chap beside this file.\n"}
ATTACH = <<~'SHELL'
  set -eu
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends ${packages}
${proofs.length === 0 ? "" : `  install -d -m 0700 /etc/sanlab ${SECRETS}\n`}${proofs.map(({ agent }) => `  install -m 0600 /tmp/sanlab-chap-${agent} ${SECRETS}/${agent}\n  rm -f /tmp/sanlab-chap-${agent}\n`).join("")}${indent(isMultipath ? multipath : "")}  cat > /usr/local/sbin/sanlab-disks <<'DISKS'
${indent(iscsiadmScript(subject, isMultipath))}  DISKS
  chmod 0755 /usr/local/sbin/sanlab-disks
  /usr/local/sbin/sanlab-disks login
SHELL

Vagrant.configure("2") do |config|
  config.vm.define "${host}" do |machine|
    machine.vm.box = "generic/debian12"
    machine.vm.hostname = "${host}"
    machine.vm.provider "libvirt" do |libvirt|
      libvirt.memory = 1024
    end
    machine.vm.provider "qemu" do |qemu|
      qemu.memory = "1G"
    end
${proofs.map(({ agent }) => `    machine.vm.provision "file", source: "chap/${agent}", destination: "/tmp/sanlab-chap-${agent}"\n`).join("")}    machine.vm.provision "disks", type: "shell", inline: ATTACH
  end
end
`;
}

/** Two spaces before each line that has something: the squiggly heredoc takes them away again. */
function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
