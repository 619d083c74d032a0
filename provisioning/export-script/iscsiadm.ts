/** A script for the host itself: logs in to every target with open-iscsi, under the host's name in this lab. */
import type { ScriptSubject } from "./subject.ts";

/** An open-iscsi interface of its own carries the name, so that the machine's other sessions keep theirs. */
export function iscsiadmScript({ host, iqn, targets, disks }: ScriptSubject): string {
  return `#!/bin/sh
# Attaches the disks of host '${host}' by open-iscsi. As root: sh FILE [login | logout]
# ${disks.map(({ name, lun }) => `LUN ${lun}: ${name}`).join(", ")}
set -eu

interface=sanlab-${host}

log_in() {
  iscsiadm -m iface -I "$interface" -o new > /dev/null 2>&1 || true
  iscsiadm -m iface -I "$interface" -o update -n iface.transport_name -v tcp > /dev/null
  iscsiadm -m iface -I "$interface" -o update -n iface.initiatorname -v '${iqn}' > /dev/null
${targets.map(({ target, portal }) => `  log_in_to '${target}' '${portal}'`).join("\n")}
}

log_in_to() {
  iscsiadm -m node -o new -T "$1" -p "$2" -I "$interface" > /dev/null
  # 15: there is a session already.
  iscsiadm -m node -T "$1" -p "$2" -I "$interface" --login || [ $? -eq 15 ]
}

log_out() {
${targets.map(({ target, portal }) => `  log_out_of '${target}' '${portal}'`).join("\n")}
}

log_out_of() {
  # 21: there is no session.
  iscsiadm -m node -T "$1" -p "$2" -I "$interface" --logout || [ $? -eq 21 ]
  iscsiadm -m node -o delete -T "$1" -p "$2" -I "$interface"
}

case "\${1:-login}" in
  login) log_in ;;
  logout) log_out ;;
  *)
    echo "usage: sh $0 [login | logout]" >&2
    exit 2
    ;;
esac
`;
}
