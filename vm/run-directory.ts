/**
 * A host's run directory holds everything about its QEMU process. QEMU runs in it, so that its sockets have short
 * names (a Unix socket's path is limited to 108 bytes, unix(7)), wherever the directory lies.
 */
export const RUN_FILES = {
  /** QEMU's machine protocol. */
  qmp: "qmp.sock",
  /** The guest agent's end of virtio-serial. */
  agent: "agent.sock",
  /** The serial console; one client at a time. */
  console: "console.sock",
  /** All that the console ever printed since QEMU was started. */
  consoleLog: "console.log",
  /** How long that log was when the guest was last reset, in bytes. */
  resetAt: "reset-at",
  /** QEMU's stdout and stderr. */
  qemuLog: "qemu.log",
  /** Written and locked by QEMU itself. */
  pidFile: "qemu.pid",
  /** The image's initramfs with the host's own files behind it. */
  initramfs: "initramfs",
} as const;
