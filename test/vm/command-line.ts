import { commandLine, type HostSpec, userNetwork, VmError } from "@sanlab/vm";
import test from "ava";

const KERNEL = { kind: "kernel", kernel: "/images/vmlinux", initramfs: "initramfs" } as const;
const SPEC: HostSpec = {
  name: "web",
  memoryMiB: 512,
  boot: KERNEL,
  nics: [{ mac: "52:54:00:00:00:01" }],
};

const DISK = {
  id: "0",
  portal: "127.0.0.1:3260",
  target: "iqn.2026-11.example:target",
  lun: 3,
  initiatorName: "iqn.2026-11.example:host",
} as const;

/** The values of all options with this flag. */
function valuesOf(flag: string, spec: HostSpec): (string | undefined)[] {
  const args = commandLine(spec);
  return args.flatMap((arg, index) => (arg === flag ? [args[index + 1]] : []));
}

test("a host runs in software unless its specification says otherwise", (t) => {
  t.regex(valuesOf("-accel", SPEC)[0] ?? "", /^tcg,thread=multi/);
  t.deepEqual(valuesOf("-accel", { ...SPEC, accelerator: "kvm" }), ["kvm"]);
});

test("a guest that reboots is not the end of its QEMU", (t) => {
  t.false(commandLine(SPEC).includes("-no-reboot"));
});

test("every socket and log is named relative to the run directory", (t) => {
  const text = commandLine(SPEC).join(" ");
  t.regex(text, /-qmp unix:qmp\.sock,server=on,wait=off/);
  t.regex(text, /path=agent\.sock/);
  t.regex(text, /path=console\.sock,server=on,wait=off,logfile=console\.log/);
  t.regex(text, /-pidfile qemu\.pid/);
});

test("a guest whose system would not fit into half of its memory may use all of it for that", (t) => {
  const appended = (memoryMiB: number) => valuesOf("-append", { ...SPEC, memoryMiB })[0];
  t.regex(appended(192) ?? "", / rootfstype=ramfs$/);
  t.notRegex(appended(208) ?? "", /rootfstype/);
});

test("each card is on a network of its own", (t) => {
  const nics = [{ mac: "52:54:00:00:00:01" }, { mac: "52:54:00:00:00:02", model: "e1000" as const }];
  const spec = { ...SPEC, nics };
  t.deepEqual(valuesOf("-netdev", spec), [
    "user,id=net0,net=10.0.2.0/24,host=10.0.2.2,ipv6=off",
    "user,id=net1,net=10.0.3.0/24,host=10.0.3.2,ipv6=off",
  ]);
  t.true(valuesOf("-device", spec).includes("e1000,netdev=net1,id=nic1,mac=52:54:00:00:00:02,romfile="));
  t.is(userNetwork(1).guestAddress, "10.0.3.15/24");
});

test("a disk of QEMU's own initiator passes SCSI commands through, and its errors to the guest", (t) => {
  const spec = { ...SPEC, disks: [{ ...DISK, device: "scsi-block" as const }] };
  t.deepEqual(valuesOf("-blockdev", spec), [
    "driver=iscsi,node-name=node-0,transport=tcp,portal=127.0.0.1:3260,target=iqn.2026-11.example:target,lun=3,initiator-name=iqn.2026-11.example:host",
  ]);
  const devices = valuesOf("-device", spec);
  t.true(devices.includes("virtio-scsi-pci,id=scsi"));
  t.true(devices.includes("scsi-block,bus=scsi.0,drive=node-0,id=disk-0,rerror=report,werror=report"));
});

test("a virtio disk needs no SCSI controller", (t) => {
  const devices = valuesOf("-device", { ...SPEC, disks: [{ ...DISK, device: "virtio-blk" }] });
  t.true(devices.includes("virtio-blk-pci,drive=node-0,id=disk-0,rerror=report,werror=report"));
  t.false(devices.some((device) => device?.startsWith("virtio-scsi-pci")));
});

test("disks of a host with hot-plug have ports that let them go again", (t) => {
  const disks = [{ ...DISK, device: "virtio-blk" as const, serial: "data" }];
  const devices = valuesOf("-device", { ...SPEC, disks, hotPlug: true });
  t.true(devices.includes("pcie-root-port,id=port0,slot=0,chassis=1"));
  t.true(devices.includes("virtio-scsi-pci,id=scsi"), "for SCSI disks that come later");
  t.true(devices.includes("virtio-blk-pci,bus=port0,drive=node-0,id=disk-0,serial=data,rerror=report,werror=report"));
});

test("a host boots from a local disk, with its seed beside it, by the BIOS", (t) => {
  const spec: HostSpec = {
    ...SPEC,
    boot: { kind: "disk", path: "overlay,1.qcow2", format: "qcow2", seed: "seed.img" },
  };
  t.deepEqual(valuesOf("-M", spec), ["q35,graphics=off"]);
  t.deepEqual(valuesOf("-kernel", spec), []);
  t.deepEqual(valuesOf("-blockdev", spec), [
    "driver=qcow2,node-name=system,file.driver=file,file.filename=overlay,,1.qcow2",
    "driver=raw,node-name=seed,read-only=on,file.driver=file,file.filename=seed.img",
  ]);
});

test("a host boots from its first card by what that fetches", (t) => {
  const nics = [{ mac: "52:54:00:00:00:01" }, { mac: "52:54:00:00:00:02" }];
  const spec: HostSpec = { ...SPEC, nics, boot: { kind: "network", directory: "boot", file: "boot.ipxe" } };
  t.regex(valuesOf("-netdev", spec)[0] ?? "", /,tftp=boot,bootfile=boot\.ipxe$/);
  const devices = valuesOf("-device", spec);
  t.true(devices.includes("virtio-net-pci,netdev=net0,id=nic0,mac=52:54:00:00:00:01,bootindex=1"));
  t.true(devices.includes("virtio-net-pci,netdev=net1,id=nic1,mac=52:54:00:00:00:02,romfile="));
});

test("a CHAP secret is read from its file and not on the command line", (t) => {
  const chap = { user: "alice", secretFile: "/etc/secrets/a,b" };
  const spec = { ...SPEC, disks: [{ ...DISK, device: "virtio-blk" as const, chap }] };
  t.deepEqual(valuesOf("-object", spec), ["secret,id=secret-0,file=/etc/secrets/a,,b"]);
  t.regex(valuesOf("-blockdev", spec)[0] ?? "", /,user=alice,password-secret=secret-0$/);
});

test("words for the kernel follow those that every guest needs", (t) => {
  t.regex(
    valuesOf("-append", { ...SPEC, boot: { ...KERNEL, append: ["panic=5"] } })[0] ?? "",
    /^console=ttyS0 .* panic=5$/,
  );
});

const REFUSED: readonly { what: string; spec: Partial<HostSpec>; expected: RegExp }[] = [
  { what: "a name with a comma", spec: { name: "a,b" }, expected: /the name 'a,b' is not letters/ },
  { what: "too little memory", spec: { memoryMiB: 64 }, expected: /64 MiB of memory .* at least 192/ },
  { what: "a broken MAC address", spec: { nics: [{ mac: "52:54:00" }] }, expected: /'52:54:00' is no MAC address/ },
  { what: "a kernel word with a space", spec: { boot: { ...KERNEL, append: ["a b"] } }, expected: /'a b' has a space/ },
];

for (const { what, spec, expected } of REFUSED) {
  test(`${what} is refused before QEMU sees it`, (t) => {
    const error = t.throws(() => commandLine({ ...SPEC, ...spec }), { instanceOf: VmError, message: expected });
    t.is(error.code, "INVALID_HOST");
  });
}
