/** What `sanlab init` writes. */
export const EXAMPLE_LAB = `# A lab: sanlab up lab.yaml brings it up, sanlab down stops it.
# Editors that know JSON Schema check it against provisioning/lab.schema.json.
lab: example

# Pools of storage devices. Image files are created (sparse) where they are not there; paths are relative to this file.
pools:
  main:
    segment: 1MiB
    devices:
      - { path: main-0.img, size: 2GiB }
      - { path: main-1.img, size: 2GiB }

# Virtual disks. A thin disk takes space in its pool only where it was written.
disks:
  data: { pool: main, size: 1GiB }

# iSCSI targets, each a process of its own. Port 0 takes any free port.
agents:
  a: { portal: "127.0.0.1:0" }
  b: { portal: "127.0.0.1:0" }

# Hosts: guests that are started here, and others' machines that are let in.
hosts:
  web: { disks: [data], memory: 256MiB, initiator: open-iscsi }
  # outside: { disks: [data], iqn: "iqn.2026-11.example:outside", external: true }

# Who sees whom. A host outside the zones sees nothing at all.
zones:
  all: { hosts: [web], agents: [a, b], disks: [data] }
`;
