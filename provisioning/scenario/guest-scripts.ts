/**
 * Scripts for a guest's shell. Each is a constant, and what a scenario says reaches it as its arguments only: nothing
 * of a scenario is ever read by a shell as a command.
 */

/** `$1`: the disk's NAA identifier. Prints the device through which the guest uses it, above multipath where there is one. */
export const FIND_DEVICE = `
for block in /sys/block/sd*; do
  grep -qi "$1" "$block/device/wwid" 2> /dev/null || continue
  found=/dev/\${block##*/}
  for holder in "$block"/holders/dm-*; do
    [ -e "$holder/dm/name" ] || continue
    echo "/dev/mapper/$(cat "$holder/dm/name")"
    exit
  done
done
echo "$found"
`;

/** `$1`: NAA. Prints a line per path: device, its state, its session's, multipath's two states, its ALUA state; "-" for none. */
export const SHOW_PATHS = `
shown=$(pidof multipathd > /dev/null && multipathd show paths raw format "%d %t %T" 2> /dev/null)
for block in /sys/block/sd*; do
  grep -qi "$1" "$block/device/wwid" 2> /dev/null || continue
  name=\${block##*/}
  session=$(cat "$(readlink -f "$block/device")"/../../iscsi_session/*/state 2> /dev/null)
  access=$(cat "$block/device/access_state" 2> /dev/null)
  multipath=$(echo "$shown" | sed -n "s/^ *$name //p" | tr -s ' ')
  echo "$name $(cat "$block/device/state") \${session:--} \${multipath:-- -} \${access:--}"
done
`;

/** `$1`: a device. Prints a checksum of all that is on it, read past the guest's cache. */
export const CHECKSUM = `dd if="$1" bs=1M iflag=direct 2> /run/sanlab/checksum.err | md5sum | cut -d' ' -f1`;

const LOAD_DIRECTORY = "/run/sanlab/loads";
export const loadDirectory = (name: string): string => `${LOAD_DIRECTORY}/${name}`;

/** Begins a load: `$1` its loop below, then the loop's own arguments. */
export const START_LOAD = `
loop=$1 directory=$2
shift
[ ! -e "$directory/running" ] || exit 1
rm -rf "$directory"
mkdir -p "$directory"
read -r now rest < /proc/uptime
echo "begun $now" > "$directory/log"
touch "$directory/running"
setsid sh -c "$loop" load "$@" < /dev/null > "$directory/out" 2>&1 &
`;

/**
 * \`$1\` directory, \`$2\` name, \`$3\` target, \`$4\` bytes of a block, \`$5\` blocks, \`$6\` seconds between, \`$7\` write or read.
 * The device stays open from block to block, since every close of a device that was written makes udev look at it.
 */
export const LOAD_LOOP = `
directory=$1 name=$2 target=$3 bytes=$4 blocks=$5 pause=$6 kind=$7
number=0 at=$blocks
while [ ! -e "$directory/stop" ]; do
  block=$((number % blocks))
  number=$((number + 1))
  read -r from rest < /proc/uptime
  if [ $block -lt $at ]; then
    at=0
    if [ $kind = write ]; then exec 3<> "$target"; else exec 3< "$target"; fi
  fi
  if [ $kind = write ]; then
    printf "%\${bytes}s" "$name.$number" | dd bs=$bytes seek=$((block - at)) count=1 iflag=fullblock oflag=direct conv=notrunc >&3 2> /dev/null
  else
    dd bs=$bytes skip=$((block - at)) count=1 iflag=direct <&3 > /dev/null 2>&1
  fi
  code=$?
  at=$((block + 1))
  [ $code = 0 ] || at=$blocks
  read -r to rest < /proc/uptime
  echo "$number $from $to $code" >> "$directory/log"
  sleep $pause
done
rm -f "$directory/running"
`;

/** \`$1\` directory. Prints what \`accountOf\` reads. */
export const LOAD_LOG = `
read -r now rest < /proc/uptime
if [ -e "$1/running" ]; then echo "$now running"; else echo "$now ended"; fi
cat "$1/log"
`;

/** \`$1\` directory, \`$2\` seconds: asks the load to end and waits so long for the I/O that it is at. */
export const STOP_LOAD = `
touch "$1/stop"
tries=$(($2 * 10))
while [ -e "$1/running" ] && [ $tries -gt 0 ]; do
  sleep 0.1
  tries=$((tries - 1))
done
[ ! -e "$1/running" ]
`;

/** \`$1\` target, \`$2\` bytes of a block, \`$3\` blocks. Prints a line with the word of each block, empty where there is none. */
export const READ_BLOCKS = `dd if="$1" bs="$2" count="$3" iflag=direct 2> /dev/null | tr -s '\\000 ' '\\n' | sed '/^$/d'`;
