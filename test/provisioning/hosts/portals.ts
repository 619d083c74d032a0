import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import test from "ava";
import { distinctPortals, hasSeveralPaths, pathsOfHost, usedPaths } from "sanlab/hosts/portals.ts";

function agent(name: string, portal: string, relativePortId = 1): Agent {
  return {
    name,
    pid: 1,
    portal,
    configured: { host: "127.0.0.1", port: 0 },
    advertise: null,
    chap: null,
    relativePortId,
    target: `iqn.example:${name}`,
    incarnation: 1,
    state: "connected",
    problem: null,
    fence: "kill",
    leaseMs: null,
    elsewhere: false,
  };
}

function path(host: string, disk: string, through: string, lun: number): ExportPath {
  const target = `iqn.example:${through}`;
  const unit = { host, iqn: "iqn.example:web", disk, unit: disk, table: "1", naa: "", sizeBytes: 0 };
  return { ...unit, agent: through, portal: "", target, lun, url: "" };
}

const AGENTS = [
  agent("a", "127.0.0.1:3260"),
  agent("b", "0.0.0.0:3261", 2),
  agent("c", "192.0.2.7:3260", 3),
  agent("new", "127.0.0.1:0"),
];
const PATHS = [
  path("web", "data", "c", 0),
  path("web", "data", "b", 0),
  path("web", "data", "a", 0),
  path("web", "logs", "a", 1),
  path("web", "data", "new", 0),
  path("db", "data", "a", 0),
];

test("a guest reaches this machine's loopback by its gateway, and other addresses as they are", (t) => {
  const paths = pathsOfHost("web", PATHS, AGENTS, { nics: 1 });
  t.deepEqual(
    paths.map(({ disk, portal }) => [disk, portal]),
    [
      ["data", "10.0.2.2:3260"],
      ["data", "10.0.2.2:3261"],
      ["data", "192.0.2.7:3260"],
      ["logs", "10.0.2.2:3260"],
    ],
  );
});

test("a program on this machine takes the loopback address itself", (t) => {
  const paths = pathsOfHost("web", PATHS, AGENTS, "machine");
  t.deepEqual(
    new Set(paths.map(({ portal }) => portal)),
    new Set(["127.0.0.1:3260", "127.0.0.1:3261", "192.0.2.7:3260"]),
  );
});

test("a host logs in to each portal once, and needs multipath where a disk has several paths", (t) => {
  const paths = pathsOfHost("web", PATHS, AGENTS, { nics: 1 });
  t.is(distinctPortals(paths).length, 3);
  t.true(hasSeveralPaths(paths));
  t.false(hasSeveralPaths(pathsOfHost("db", PATHS, AGENTS, { nics: 1 })));
});

test("a guest with several cards reaches the agents over one after the other", (t) => {
  const portals = (nics: number) => pathsOfHost("web", PATHS, AGENTS, { nics }).map(({ portal }) => portal);
  t.deepEqual(portals(2), ["10.0.2.2:3260", "10.0.3.2:3261", "192.0.2.7:3260", "10.0.2.2:3260"]);
  t.deepEqual(portals(8), portals(2), "b has the second place among the agents, whoever else there is");
});

test("QEMU and the firmware use one path to a disk, the firmware all through the agent it boots from", (t) => {
  const used = (initiator: "open-iscsi" | "qemu" | "ipxe") =>
    usedPaths({ name: "web", initiator, nics: 2 }, PATHS, AGENTS).map(({ disk, portal }) => `${disk} ${portal}`);
  t.is(used("open-iscsi").length, 4);
  t.deepEqual(used("qemu"), ["data 127.0.0.1:3260", "logs 127.0.0.1:3260"]);
  t.deepEqual(
    used("ipxe"),
    ["data 10.0.2.2:3260", "logs 10.0.2.2:3260"],
    "over the first card, which the firmware has brought up",
  );
});
