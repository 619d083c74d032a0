/** A script for the host itself: logs in to every target with open-iscsi, under the host's name in this lab. */
import { REPLACEMENT_TIMEOUT_S, type ScriptPath, type ScriptSubject, SECRETS, secretNotes } from "./subject.ts";

/** An open-iscsi interface of its own carries the name, so that the machine's other sessions keep theirs. */
export function iscsiadmScript(
  {
    host,
    iqn,
    targets,
    disks,
  }: Omit<ScriptSubject, "disks"> & {
    readonly disks: readonly { readonly name: string; readonly lun: number }[];
  },
  isMultipath: boolean,
): string {
  const notes = [...secretNotes({ targets }), disks.map(({ name, lun }) => `LUN ${lun}: ${name}`).join(", ")];
  const needsProof = targets.some(({ chap }) => chap !== undefined);
  return `#!/bin/sh
# Attaches the disks of host '${host}' by open-iscsi. As root: sh FILE [login | logout]
${notes
  .filter((note) => note !== "")
  .map((note) => `# ${note}\n`)
  .join("")}set -eu

interface=sanlab-${host}

log_in() {
  iscsiadm -m iface -I "$interface" -o new > /dev/null 2>&1 || true
  iscsiadm -m iface -I "$interface" -o update -n iface.transport_name -v tcp > /dev/null
  iscsiadm -m iface -I "$interface" -o update -n iface.initiatorname -v '${iqn}' > /dev/null
${targets.map(logIn).join("\n")}
}

log_in_to() {
  iscsiadm -m node -o new -T "$1" -p "$2" -I "$interface" > /dev/null
  # Also at the machine's next start.
  iscsiadm -m node -T "$1" -p "$2" -I "$interface" -o update -n node.startup -v automatic
  iscsiadm -m node -T "$1" -p "$2" -I "$interface" -o update -n node.session.timeo.replacement_timeout -v ${REPLACEMENT_TIMEOUT_S[isMultipath ? "multipath" : "single"]}
${needsProof ? '  [ $# -eq 2 ] || prove "$@"\n' : ""}  # 15: there is a session already.
  iscsiadm -m node -T "$1" -p "$2" -I "$interface" --login || [ $? -eq 15 ]
}
${needsProof ? PROVE : ""}
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

function logIn({ agent, target, portal, chap }: ScriptPath): string {
  const proof = chap === undefined ? "" : ` '${chap.user}' '${SECRETS}/${agent}'`;
  return `  log_in_to '${target}' '${portal}'${proof}`;
}

const PROVE = `
# CHAP, into the node record itself: an option of iscsiadm would show the secret to everybody.
prove() {
  secret=$(cat "$4")
  where=$(echo "$2" | sed 's/[][]//g; s/:\\([0-9]*\\)$/,\\1/')
  find "/etc/iscsi/nodes/$1" -type f '(' -path "*/$where" -o -path "*/$where,*/$interface" ')' | while read -r record; do
    umask 077
    {
      grep -v -e '^node.session.auth.\\(authmethod\\|username\\|password\\)' -e '^# END' < "$record"
      printf 'node.session.auth.%s\\n' 'authmethod = CHAP' "username = $3" "password = $secret"
      echo '# END RECORD'
    } > "$record.new"
    mv "$record.new" "$record"
  done
}
`;
