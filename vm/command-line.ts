import type { Accelerator, HostSpec, IscsiDiskSpec, NicSpec } from "./host-spec.ts";
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

/** Without these, an emulated boot waits for timers and self-tests that a guest of this kind does not need. */
const KERNEL_WORDS = [
  ..."console=ttyS0 quiet panic=-1 mitigations=off nokaslr".split(" "),
  ..."tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on".split(" "),
];

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
    ["-M", "q35"],
    ...ACCELERATORS[spec.accelerator ?? "tcg"],
    ["-m", `${spec.memoryMiB}M`],
    ["-smp", `${spec.processors ?? 1}`],
    ["-kernel", spec.kernel],
    ["-initrd", spec.initramfs],
    ["-append", [...KERNEL_WORDS, ...(spec.append ?? [])].join(" ")],
    ["-pidfile", RUN_FILES.pidFile],
    ["-qmp", `unix:${values({ "": RUN_FILES.qmp, server: "on", wait: "off" })}`],
    ...serialConsole(),
    ...guestAgent(),
    ...spec.nics.flatMap(networkCard),
    ...disks(spec.disks ?? []),
  ];
  return options.flat();
}

/** One option of QEMU with its value, if it has one. */
type Option = readonly [flag: string] | readonly [flag: string, value: string];

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

/** The network of the card with this index: the guest's address, with its prefix, and that of this machine. */
export function userNetwork(index: number): { network: string; guestAddress: string; hostAddress: string } {
  const prefix = `10.0.${index + 2}`;
  return { network: `${prefix}.0/24`, guestAddress: `${prefix}.15/24`, hostAddress: `${prefix}.2` };
}

function networkCard(nic: NicSpec, index: number): Option[] {
  const { network, hostAddress } = userNetwork(index);
  const id = `net${index}`;
  // No option ROM: nothing boots from these cards, and loading it costs time.
  const card = { netdev: id, id: `nic${index}`, mac: nic.mac, romfile: "" };
  return [
    ["-netdev", `user,${values({ id, net: network, host: hostAddress, ipv6: "off" })}`],
    ["-device", `${nic.model ?? "virtio-net-pci"},${values(card)}`],
  ];
}

function disks(specs: readonly IscsiDiskSpec[]): Option[] {
  const needsController = specs.some(({ device }) => device === "scsi-block");
  const controller: Option[] = needsController ? [["-device", "virtio-scsi-pci,id=scsi"]] : [];
  return [...controller, ...specs.flatMap(disk)];
}

function disk(spec: IscsiDiskSpec, index: number): Option[] {
  const [node, secret] = [`disk${index}`, `secret${index}`];
  const session = {
    driver: "iscsi",
    "node-name": node,
    transport: "tcp",
    portal: spec.portal,
    target: spec.target,
    lun: `${spec.lun}`,
    "initiator-name": spec.initiatorName,
    ...(spec.timeoutSeconds === undefined ? {} : { timeout: `${spec.timeoutSeconds}` }),
    ...(spec.chap === undefined ? {} : { user: spec.chap.user, "password-secret": secret }),
  };
  // An error is the guest's to see. Left to itself, QEMU would stop the guest when the pool is full.
  const errors = { rerror: "report", werror: "report" };
  const device =
    spec.device === "scsi-block"
      ? `scsi-block,${values({ bus: "scsi.0", drive: node, id: `scsi-${node}`, ...errors })}`
      : `virtio-blk-pci,${values({ drive: node, id: `virtio-${node}`, ...errors })}`;
  const secrets: Option[] =
    spec.chap === undefined ? [] : [["-object", `secret,${values({ id: secret, file: spec.chap.secretFile })}`]];
  return [...secrets, ["-blockdev", values(session)], ["-device", device]];
}

/** QEMU's option syntax, "key=value,…": a comma in a value is doubled. The key "" takes a bare value. */
function values(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => (key === "" ? "" : `${key}=`) + value.replaceAll(",", ",,"))
    .join(",");
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
    ...(spec.append ?? []).map((word): [boolean, string] => [
      /\s/.test(word),
      `the kernel word '${word}' has a space in it`,
    ]),
  ];
  const found = problems.find(([isWrong]) => isWrong);
  if (found !== undefined) throw new VmError("INVALID_HOST", `The host '${spec.name}' cannot be started: ${found[1]}.`);
}

/** Below this the guest cannot unpack its root file system. */
export const MIN_MEMORY_MIB = 192;
