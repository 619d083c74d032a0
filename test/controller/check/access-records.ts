/** Agents, hosts, zones and exports on record that cannot be, or that name what is not there: found, and mended. */
import { type DamageCase, testDamages } from "../../helpers/damage-cases.ts";

const CASES: Readonly<Record<string, DamageCase>> = {
  "two agents with one port id": {
    does: (tables) => tables.edit("agent/b", { relativePortId: 1 }),
    found: ["agent"],
    says: /^Agents 'a' and 'b' have one port id, 1\.$/,
    loses: true,
    after: { "agent/a": { relativePortId: 1 }, "agent/b": { relativePortId: 2 } },
  },
  "two agents with one portal": {
    does: (tables) => {
      for (const key of ["agent/a", "agent/b"]) tables.edit(key, { portal: { host: "127.0.0.1", port: 3260 } });
    },
    found: ["agent"],
    says: /^Agents 'a' and 'b' have one portal, 127\.0\.0\.1:3260\.$/,
    loses: true,
    after: {
      "agent/a": { portal: { host: "127.0.0.1", port: 3260 } },
      "agent/b": { portal: { host: "127.0.0.1", port: 0 } },
    },
  },
  "an agent that nobody can end": {
    does: (tables) => tables.edit("agent/a", { process: null }),
    found: ["agent"],
    says: /^Which process is agent 'a' is not on record\.$/,
    after: { "agent/a": { ended: true, tables: [] } },
  },
  "an agent's record with an address that cannot be": {
    does: (tables) => tables.edit("agent/a", { advertise: 17 }),
    found: ["record"],
    says: /^The record agent\/a says 17 for advertise, which cannot be\.$/,
    loses: true,
    after: { "agent/a": { advertise: null } },
  },
  "an agent of another machine, and devices through the page cache": {
    does: (tables) => tables.edit("agent/a", { remote: { leaseMs: 5000, tokenHash: "ab".repeat(32) } }),
    found: ["sharing"],
    says: /^Agent 'a' is on another machine, and devices are said to be used through the page cache\.$/,
    after: { "sharing/lab": { direct: true } },
  },
  "an agent that is gone": {
    does: (tables) => tables.remove("agent/b"),
    found: ["wwn", "zone"],
    says: /^Zone 'all' names agent 'b', which is not there\.$/,
    after: { "zone/all": { agents: ["a"] }, "wwn/agent/b": undefined },
  },
  "two hosts with one initiator name": {
    does: (tables) => tables.edit("host/second", { iqn: "iqn.2026-11.example:host" }),
    found: ["export", "host", "wwn", "zone"],
    says: /^Hosts 'host' and 'second' have one initiator name, iqn\.2026-11\.example:host\.$/,
    loses: true,
    after: { "host/second": undefined, "zone/all": { hosts: ["host"] } },
  },
  "a host of no initiator name": {
    does: (tables) => tables.edit("host/second", { iqn: "second" }),
    found: ["export", "record", "wwn", "zone"],
    says: /^The record host\/second cannot be read\.$/,
    loses: true,
  },
  "two ports of one world-wide name": {
    does: (tables) => tables.edit("wwn/host/host", tables.json<object>("wwn/agent/a")),
    found: ["wwn"],
    says: /^There are world-wide names of host 'host', one of which, [0-9a-f]{16}, is that of agent 'a'\.$/,
    loses: true,
    after: { "wwn/host/host": undefined },
  },
  "a world-wide name that was never given out": {
    does: (tables) => tables.edit("wwn/agent/a", { wwpn: "3000000fffffffff" }),
    found: ["wwn"],
    says: /, one of which, 3000000fffffffff, this lab has not given out\.$/,
    loses: true,
  },
  "a zone with an agent, a host and a disk that are not there": {
    does: (tables) => tables.edit("zone/few", { hosts: ["who"], agents: ["nobody"], disks: ["data", "none"] }),
    found: ["zone"],
    says: /^Zone 'few' names host 'who', which is not there\.$/,
    after: { "zone/few": { hosts: [], agents: [], disks: ["data"], members: ["nodes"] } },
  },
  "a zone with an alias that is not there": {
    does: (tables) => tables.remove("alias/nodes"),
    found: ["zone"],
    says: /^Zone 'few' names alias 'nodes', which is not there\.$/,
    after: { "zone/few": { members: [] } },
  },
  "a zone that lists what is no name": {
    does: (tables) => tables.edit("zone/few", { disks: ["data", 17] }),
    found: ["record"],
    says: /^The record zone\/few says \["data",17\] for disks, which cannot be\.$/,
    loses: true,
    after: { "zone/few": { disks: ["data"] } },
  },
  "a zone set with a zone that is not there": {
    does: (tables) => tables.edit("zoneset/set", { zones: ["all", "few", "none"] }),
    found: ["zone"],
    says: /^Zone set 'set' names zone 'none', which is not there\.$/,
    after: { "zoneset/set": { zones: ["all", "few"] } },
  },
  "an active zone set that is not there": {
    does: (tables) => tables.edit("fabric/fabric", { zoneSet: "nowhere" }),
    found: ["fabric"],
    says: /^The active zone set is 'nowhere', which is not there\.$/,
    loses: true,
    after: { "fabric/fabric": { zoneSet: "nowhere" }, "zoneset/nowhere": { zones: [] } },
  },
  "which zone set is active, forgotten": {
    does: (tables) => tables.remove("fabric/fabric"),
    found: ["fabric"],
    says: /^Which zone set is active is not on record\.$/,
    loses: true,
    after: { "fabric/fabric": { zoneSet: "found-none" }, "zoneset/found-none": { zones: [] } },
  },
  "an alias with a member that nobody can be": {
    does: (tables) => tables.edit("alias/nodes", { members: ["host:second", "agent:b", "whoever"] }),
    found: ["zone"],
    says: /^Alias 'nodes' names 'whoever', which nobody can be\.$/,
    after: { "alias/nodes": { members: ["host:second", "agent:b"] } },
  },
  "an export through an agent that is not there": {
    does: (tables) => tables.edit("export/host/data", { agents: ["a", "z"] }),
    found: ["export"],
    says: /^Disk 'data' is exported to host 'host' through agent 'z', which is not there\.$/,
    after: { "export/host/data": { agents: ["a"] } },
  },
  "a LUN that cannot be": {
    does: (tables) => tables.edit("export/host/data", { lun: 70_000 }),
    found: ["record"],
    says: /^The record export\/host\/data cannot be read\.$/,
    loses: true,
  },
};

testDamages(CASES);
