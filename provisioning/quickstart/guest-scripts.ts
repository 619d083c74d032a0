/** Shell scripts of the quick start's guest. Each gets the disk's udev link (by path) as its first argument. */

/** Sets `device`: the multipath device over the path's disk, or the disk itself where there is one path only. */
const DEVICE = `
disk=$(basename "$(readlink -f "$1")")
above=$(ls /sys/block/$disk/holders | head -n 1)
device=/dev/$disk
[ -z "$above" ] || device=/dev/mapper/$(cat /sys/block/$above/dm/name)
`;

/** Prints how the guest sees the disk. */
export const SEE_DISK = `${DEVICE}
for session in /sys/class/iscsi_session/session*; do echo "session with $(cat $session/targetname)"; done
size=$(($(blockdev --getsize64 $device) / 1048576))
paths=$(ls /sys/block/$above/slaves 2> /dev/null | wc -l)
if [ -n "$above" ]; then echo "$device: $size MiB, over $paths paths by multipath"; else echo "$device: $size MiB"; fi
`;

/** Mounts the disk at /mnt, after it was given an ext4 file system if it had none; prints which. */
export const MOUNT = `${DEVICE}
set -e
mkdir -p /mnt
if mountpoint -q /mnt; then echo "$device is mounted at /mnt"; exit; fi
if blkid -p -s TYPE -o value $device | grep -q ext4; then found="has an ext4 file system"; else
  mkfs.ext4 -q $device
  found="now has an ext4 file system"
fi
mount $device /mnt
echo "$device $found, mounted at /mnt"
`;
