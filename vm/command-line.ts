import type { Accelerator, Boot, HostSpec, NicSpec } from "./host-spec.ts";
import { iscsiDisks } from "./iscsi-disk.ts";
import { KERNEL_WORDS } from "./kernel-words.ts";
import { LIMITED_ROOT_MIB, MIN_MEMORY_MIB } from "./memory.ts";
import { type Option, values } from "./options.ts";
import { RUN_FILES } from "./run-directory.ts";
import { VmError } from "./vm-error.ts";

/** The port name that the guest's agent looks for. */
const AGENT_PORT = "org.qemu.guest_agent.0";

/**
 * What each accelerator wants. TCG keeps translated code in 32 MiB: with the default of 1 GiB, a rebooted guest
 * spends 3 s more on overwriting pages that old translations hang on, and nothing else gains from it.
 * la57, smap and smep only cost time in emulation.
 */
const ACCELERATORS = {
  tcg: [
    ["-accel", "tcg,thread=multi,tb-size=32"],
    ["-cpu", "max,-la57,-smap,-smep"],
  ],
  kvm: [
    ["-accel", "kvm"],
    ["-cpu", "max"],
  ],
} as const satisfies Record<Accelerator, Option[]>;

/**
 * QEMU's arguments for a host, without the program's name. Pure. Sockets, logs and the pid file are named relative
 * to the run directory (`RUN_FILES`), which must be QEMU's working directory.
 *
 * Without `-no-reboot`: a guest that reboots starts anew in the same process, from the kernel that QEMU keeps.
 * Throws INVALID_HOST for a specification that QEMU would misread.
 */
export function commandLine(spec: HostSpec): string[] {
  checkSpec(spec);
  const options: Option[] = [
    ["-name", values({ guest: spec.name, process: `sanlab-${spec.name}`.slice(0, 15) })],
    ["-nodefaults"],
    ["-no-user-config"],
    ["-display", "none"],
    // With its graphics off, a BIOS speaks on the serial line.
    ["-M", spec.boot.kind === "kernel" ? "q35" : "q35,graphics=off"],
    ...ACCELERATORS[spec.accelerator ?? "tcg"],
    ["-m", `${spec.memoryMiB}M`],
    ["-smp", `${spec.processors ?? 1}`],
    ...bootOptions(spec),
    ["-pidfile", RUN_FILES.pidFile],
    ["-qmp", `unix:${values({ "": RUN_FILES.qmp, server: "on", wait: "off" })}`],
    ...serialConsole(),
    ...guestAgent(),
    ...Object.entries(spec.firmwareFiles ?? {}).map(([name, file]): Option => ["-fw_cfg", values({ name, file })]),
    ...spec.nics.flatMap((nic, index) => networkCard(nic, index, index === 0 ? spec.boot : undefined)),
    ...iscsiDisks(spec.disks ?? [], spec.hotPlug === true),
  ];
  return options.flat();
}

function bootOptions({ boot, memoryMiB }: HostSpec): Option[] {
  switch (boot.kind) {
    case "kernel":
      return [
        ["-kernel", boot.kernel],
        ["-initrd", boot.initramfs],
        ["-append", [...KERNEL_WORDS, ...rootWords(memoryMiB), ...(boot.append ?? [])].join(" ")],
      ];
    case "disk":
      return [
        [
          "-blockdev",
          values({ driver: boot.format, "node-name": "system", "file.driver": "file", "file.filename": boot.path }),
        ],
        ["-device", values({ "": "virtio-blk-pci", drive: "system", bootindex: "1" })],
        ...(boot.seed === undefined ? [] : seedDisk(boot.seed)),
      ];
    case "network":
      return [];
  }
}

/** Read-only, so that whatever the guest does to it, its next start reads the same. */
function seedDisk(path: string): Option[] {
  const node = { driver: "raw", "node-name": "seed", "read-only": "on", "file.driver": "file", "file.filename": path };
  return [
    ["-blockdev", values(node)],
    ["-device", values({ "": "virtio-blk-pci", drive: "seed", serial: "seed" })],
  ];
}

function serialConsole(): Option[] {
  const socket = { id: "console", path: RUN_FILES.console, server: "on", wait: "off", logfile: RUN_FILES.consoleLog };
  return [
    ["-chardev", `socket,${values(socket)}`],
    ["-serial", "chardev:console"],
  ];
}

function guestAgent(): Option[] {
  return [
    ["-chardev", `socket,${values({ id: "agent", path: RUN_FILES.agent, server: "on", wait: "off" })}`],
    ["-device", "virtio-serial-pci"],
    ["-device", `virtserialport,${values({ chardev: "agent", name: AGENT_PORT })}`],
  ];
}

/** QEMU's name for the card with this index. */
export function nicId(index: number): string {
  return `nic${index}`;
}

/** The network of the card with this index: the guest's address, with its prefix, and that of this machine. */
export function userNetwork(index: number): { network: string; guestAddress: string; hostAddress: string } {
  const prefix = `10.0.${index + 2}`;
  return { network: `${prefix}.0/24`, guestAddress: `${prefix}.15/24`, hostAddress: `${prefix}.2` };
}

function networkCard(nic: NicSpec, index: number, boot: Boot | undefined): Option[] {
  const { network, hostAddress } = userNetwork(index);
  const id = `net${index}`;
  const isBooting = boot?.kind === "network";
  // No option ROM where nothing boots from the card: loading it costs time.
  const rom = isBooting ? { bootindex: "1" } : { romfile: "" };
  const card = { netdev: id, id: nicId(index), mac: nic.mac, ...rom };
  const files = isBooting ? { tftp: boot.directory, bootfile: boot.file } : {};
  return [
    ["-netdev", `user,${values({ id, net: network, host: hostAddress, ipv6: "off", ...files })}`],
    ["-device", `${nic.model ?? "virtio-net-pci"},${values(card)}`],
  ];
}

function checkSpec(spec: HostSpec): void {
  const problems: [boolean, string][] = [
    [
      !/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(spec.name),
      `the name '${spec.name}' is not letters, digits, '-' and '.' (at most 63)`,
    ],
    [
      !Number.isInteger(spec.memoryMiB) || spec.memoryMiB < MIN_MEMORY_MIB,
      `${spec.memoryMiB} MiB of memory are not a whole number of at least ${MIN_MEMORY_MIB}`,
    ],
    ...spec.nics.map(({ mac }): [boolean, string] => [
      !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac),
      `'${mac}' is no MAC address like 52:54:00:12:34:56`,
    ]),
    ...(spec.boot.kind === "kernel" ? (spec.boot.append ?? []) : []).map((word): [boolean, string] => [
      /\s/.test(word),
      `the kernel word '${word}' has a space in it`,
    ]),
  ];
  const found = problems.find(([isWrong]) => isWrong);
  if (found !== undefined) throw new VmError("INVALID_HOST", `The host '${spec.name}' cannot be started: ${found[1]}.`);
}

/** A file system without the usual limit of half of the memory, where that is too little to unpack the guest's system into. */
function rootWords(memoryMiB: number): string[] {
  return memoryMiB < LIMITED_ROOT_MIB ? ["rootfstype=ramfs"] : [];
}
