/** A sample in the text format of Prometheus. */
import { Counter, Gauge, Registry } from "prom-client";
import type { Sample } from "./resources.ts";

type Row = Readonly<Record<string, string | number | boolean>>;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  readonly rows: (sample: Sample) => readonly object[];
  readonly labels: readonly string[];
  readonly value: string;
}

const ofDisks = { rows: ({ disks }: Sample) => disks, labels: ["disk", "agent"], kind: "counter" } as const;
const ofAgents = { rows: ({ agents }: Sample) => agents, labels: ["agent"] } as const;
const ofPaths = { rows: ({ paths }: Sample) => paths, labels: ["host", "agent"] } as const;
const ofPools = { rows: ({ pools }: Sample) => pools, labels: ["pool"], kind: "gauge" } as const;
const ofFaults = { rows: ({ faults }: Sample) => faults, labels: ["fault", "agent"], kind: "counter" } as const;

/** Every metric there is; docs/metrics.md has the same table. */
export const METRICS: readonly Metric[] = [
  { name: "sanlab_disk_reads_total", help: "Reads of a disk through an agent", value: "reads", ...ofDisks },
  { name: "sanlab_disk_writes_total", help: "Writes to a disk through an agent", value: "writes", ...ofDisks },
  { name: "sanlab_disk_read_bytes_total", help: "Bytes read", value: "readBytes", ...ofDisks },
  { name: "sanlab_disk_written_bytes_total", help: "Bytes written", value: "writtenBytes", ...ofDisks },
  { name: "sanlab_disk_held_total", help: "I/Os that waited for the controller", value: "held", ...ofDisks },
  { name: "sanlab_agent_up", help: "1: the agent answers the controller", value: "up", kind: "gauge", ...ofAgents },
  {
    name: "sanlab_agent_faults_total",
    help: "Mapping faults that I/O has raised",
    value: "faultsSent",
    kind: "counter",
    ...ofAgents,
  },
  {
    name: "sanlab_agent_unmaps_total",
    help: "Unmaps sent to the controller",
    value: "unmapsSent",
    kind: "counter",
    ...ofAgents,
  },
  {
    name: "sanlab_agent_messages_total",
    help: "Messages sent to the controller",
    value: "messagesSent",
    kind: "counter",
    ...ofAgents,
  },
  {
    name: "sanlab_path_sessions",
    help: "Sessions of a host at an agent",
    value: "sessions",
    kind: "gauge",
    ...ofPaths,
  },
  { name: "sanlab_path_queue", help: "SCSI commands under way", value: "queue", kind: "gauge", ...ofPaths },
  {
    name: "sanlab_path_commands_total",
    help: "SCSI commands since the login",
    value: "commands",
    kind: "counter",
    ...ofPaths,
  },
  {
    name: "sanlab_path_received_bytes_total",
    help: "Bytes from the host since its login",
    value: "bytesIn",
    kind: "counter",
    ...ofPaths,
  },
  {
    name: "sanlab_path_sent_bytes_total",
    help: "Bytes to the host since its login",
    value: "bytesOut",
    kind: "counter",
    ...ofPaths,
  },
  { name: "sanlab_pool_segments", help: "Segments of a pool", value: "segments", ...ofPools },
  { name: "sanlab_pool_used_segments", help: "Segments of a pool in use", value: "usedSegments", ...ofPools },
  { name: "sanlab_pool_segment_bytes", help: "Size of a segment", value: "segmentBytes", ...ofPools },
  { name: "sanlab_injected_matched_total", help: "What an injected fault was for", value: "matched", ...ofFaults },
  { name: "sanlab_injected_fired_total", help: "How often an injected fault happened", value: "fired", ...ofFaults },
];

/** Made anew for each sample: the agents count, and nothing is kept here. */
export async function prometheusText(sample: Sample): Promise<{ type: string; text: string }> {
  const registry = new Registry();
  for (const { name, help, kind, rows, labels, value } of METRICS) {
    const options = { name, help, labelNames: labels, registers: [registry] };
    const metric = kind === "counter" ? new Counter(options) : new Gauge(options);
    for (const row of rows(sample) as readonly Row[]) {
      metric.inc(Object.fromEntries(labels.map((label) => [label, String(row[label])])), Number(row[value]));
    }
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
