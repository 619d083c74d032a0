/** What is run in a guest to see whether it sees its disks. Pure: text out of paths and disks. */
import { type HostPath, hasSeveralPaths } from "./portals.ts";
import { shownSerial } from "./qemu-disks.ts";
import type { HostRecord } from "./record.ts";
import type { ExpectedDisk } from "./sight.ts";

/** What the script says, alone, where there is no multipath daemon and it was to look for its devices. */
export const NO_MULTIPATH = "no multipath daemon";

/** A portal to be logged in to. */
export interface Login {
  readonly portal: string;
  readonly target: string;
  readonly chap?: { readonly user: string; readonly secret: string };
}

/**
 * Waits a moment for what is on its way: for a second, and for as long as udev is at work, five at most. Looking for
 * disks anew, from here, would only slow down a guest in software that has just found them.
 *
 * Prints a line for everything that is not as it should be, and does something about it. A session's disks are where
 * udev puts their links: by-path names portal, target and LUN.
 */
export function openIscsiScript(
  paths: readonly HostPath[],
  disks: readonly ExpectedDisk[],
  logins: readonly Login[],
): string {
  const isMultipath = hasSeveralPaths(paths);
  const looks = paths.map((path) => {
    const bytes = disks.find(({ name }) => name === path.disk)?.sizeBytes ?? 0;
    return `look ${word(path.disk)} ${word(pathLink(path))} ${bytes}`;
  });
  return `${FUNCTIONS}
is_multipath=${isMultipath ? "yes" : ""}
all_links=${word(paths.map(pathLink).join(" "))}
lost=
await_cloud_init
[ -z "$is_multipath" ] || pidof multipathd > /dev/null || { echo ${word(NO_MULTIPATH)}; exit; }
await_first_logins
${logins.map(({ portal, target, chap }) => ["log_in", word(portal), word(target), ...(chap === undefined ? [] : [word(chap.user), word(chap.secret)])].join(" ")).join("\n")}
await_links
${looks.join("\n")}
# Also where the host has been shown nothing any more.
for target in $(cat /run/sanlab/portals/* 2> /dev/null | sort -u); do let_go "$target"; done
[ -z "$lost" ] || iscsiadm -m session --rescan > /dev/null 2>&1
true
`;
}

/** A word of a shell, whatever is in it. */
function word(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const FUNCTIONS = String.raw`
log_in() {
  [ -e "/run/sanlab/portals/$1" ] && return
  mkdir -p /run/sanlab/portals
  # A session that the firmware began, or a service of the guest's own, is as good as one of ours.
  if iscsiadm -m session 2> /dev/null | grep -qF " $1,"; then echo "$2" > "/run/sanlab/portals/$1"; return; fi
  iscsiadm -m node -T "$2" -p "$1" -o new > /dev/null 2>&1
  [ -z "$3" ] || prove "$@"
  iscsiadm -m node -T "$2" -p "$1" --login > /dev/null 2>&1
  case $? in 0 | 15) echo "$2" > "/run/sanlab/portals/$1" ;; *) echo "no session with $2 at $1" ;; esac
}
prove() {
  where=$(echo "$1" | sed 's/[][]//g; s/:\([0-9]*\)$/,\1/')
  find "/etc/iscsi/nodes/$2" -type f -path "*/$where*" | while read -r record; do
    { umask 077
      grep -v -e '^node.session.auth\.\(authmethod\|username\|password\)' -e '^# END' < "$record"
      printf 'node.session.auth.%s\n' 'authmethod = CHAP' "username = $3" "password = $4"
      echo '# END RECORD'; } > "$record.new"
    mv "$record.new" "$record"
  done
}
look() {
  if [ ! -e "$2" ]; then echo "no disk '$1' at $2"; lost=1; return; fi
  device=$(basename "$(readlink -f "$2")")
  size_of "$device" "$3" "disk '$1' at $2" || echo 1 > /sys/block/$device/device/rescan
  [ -z "$is_multipath" ] || look_above "$1" "$device" "$3"
}
size_of() {
  [ "$(( $(cat /sys/block/$1/size) * 512 ))" = "$2" ] || { echo "$3 has not its full size"; return 1; }
}
look_above() {
  holder=$(ls /sys/block/$2/holders | head -n 1)
  if [ -z "$holder" ]; then echo "no multipath device over $2 (disk '$1')"; return; fi
  size_of "$holder" "$3" "the multipath device of disk '$1'" || multipathd resize map "$(cat /sys/block/$holder/dm/name)" > /dev/null
}
# A system that cloud-init sets up starts its programs and logs in by itself, once: what is done meanwhile would be done twice.
await_cloud_init() {
  [ -e /run/cloud-init/enabled ] || return 0
  [ -e /run/cloud-init/result.json ] || { echo "cloud-init is still at work"; exit; }
}
# A guest of ours logs in by itself when it starts.
await_first_logins() {
  [ -x /usr/lib/sanlab/boot ] || return 0
  tries=0
  until [ -e /run/sanlab/logged-in ]; do
    [ $tries -lt 100 ] || { echo "no login yet at one of its first portals"; exit; }
    sleep 0.1
    tries=$((tries + 1))
  done
}
all_there() {
  for link in $all_links; do
    [ -e "$link" ] || return 1
    [ -z "$is_multipath" ] || { set -- /sys/block/$(basename "$(readlink -f "$link")")/holders/*; [ -e "$1" ] || return 1; }
  done
}
await_links() {
  tries=0
  until all_there || { [ $tries -ge 10 ] && [ ! -e /run/udev/queue ]; } || [ $tries -ge 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}
# Disks of a target that this host is not shown any more: their devices would only give errors.
let_go() {
  for link in /dev/disk/by-path/*-iscsi-"$1"-lun-*; do
    [ -e "$link" ] || continue
    case $link in *-part[0-9]*) continue ;; esac
    case " $all_links " in *" $link "*) continue ;; esac
    device=$(basename "$(readlink -f "$link")")
    holder=$(ls /sys/block/$device/holders | head -n 1)
    grep -q "^/dev/$device" /proc/mounts && continue
    if [ -n "$holder" ]; then
      name=$(cat /sys/block/$holder/dm/name)
      grep -q "^/dev/mapper/$name" /proc/mounts && continue
      keeps_a_path "$holder" || flush_map "$name"
      multipathd del path "$device" > /dev/null 2>&1
    fi
    echo 1 > /sys/block/$device/device/delete
    await_no_link "$link"
    [ -z "$holder" ] || [ -e "/sys/block/$holder" ] || await_no_link "/dev/mapper/$name"
  done
}
keeps_a_path() {
  for shown in $all_links; do [ ! -e "/sys/block/$1/slaves/$(basename "$(readlink -f "$shown")")" ] || return 0; done
  return 1
}
# Before any of its paths goes: a map that changes is looked at by udev, and one that queues keeps whoever looks at it.
flush_map() {
  multipathd disablequeueing map "$1" > /dev/null 2>&1
  tries=0
  until multipath -f "$1" > /dev/null 2>&1 || [ $tries -ge 3 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}
# The device goes at once, and its link when udev has heard of it.
await_no_link() {
  tries=0
  until [ ! -L "$1" ] || [ $tries -ge 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}
`;

/** The link that udev makes in the guest for a disk on a path. */
export function pathLink({ portal, target, lun }: HostPath): string {
  return `/dev/disk/by-path/ip-${portal}-iscsi-${target}-lun-${lun}`;
}

/** QEMU's own initiator: the guest knows nothing of paths, and sees the logical unit's identity, or a serial number. */
export function qemuScript({ device }: HostRecord, disks: readonly ExpectedDisk[]): string {
  const looks = disks.map(({ name, naa, sizeBytes }) => {
    const key = device === "scsi-block" ? naa : shownSerial(name);
    return `look ${word(name)} ${word(key)} ${sizeBytes}`;
  });
  return `${QEMU_FUNCTIONS[device]}
look() {
  device=$(find_device "$2")
  if [ -z "$device" ]; then echo "no disk '$1'"; return; fi
  [ "$(( $(cat /sys/block/$device/size) * 512 ))" = "$3" ] && return
  echo "disk '$1' has not its full size"
  [ ! -e /sys/block/$device/device/rescan ] || echo 1 > /sys/block/$device/device/rescan
}
${looks.join("\n")}
true
`;
}

/** How a guest knows a disk that it was given, by what QEMU shows of it. */
const QEMU_FUNCTIONS: Readonly<Record<HostRecord["device"], string>> = {
  "scsi-block": `find_device() { grep -il "$1" /sys/block/*/device/wwid 2> /dev/null | head -n 1 | cut -d/ -f4; }`,
  "scsi-hd": `find_device() { grep -l "$1$" /sys/block/*/device/vpd_pg80 2> /dev/null | head -n 1 | cut -d/ -f4; }`,
  "virtio-blk": `find_device() { grep -lx "$1" /sys/block/*/serial 2> /dev/null | head -n 1 | cut -d/ -f4; }`,
};
