/** A lab whose faults are added and cleared through the command line. */
import { TestLab } from "./lab.ts";

export interface FaultRow {
  readonly name: string;
  readonly state: string;
  readonly matched: number;
  readonly fired: number;
  readonly controller?: { readonly matched: number; readonly fired: number };
}

export class FaultLab extends TestLab {
  async addFault(name: string, text: string): Promise<void> {
    await this.must("fault", "add", "--name", name, ...text.split(" "));
  }

  async faults(): Promise<FaultRow[]> {
    const { exitCode, stdout } = await this.run(["fault", "list", "--json"]);
    return exitCode === 0 ? (JSON.parse(stdout) as FaultRow[]) : [];
  }

  async fault(name: string): Promise<FaultRow | undefined> {
    return (await this.faults()).find((row) => row.name === name);
  }

  /** Its counters when it is cleared. */
  async clearFault(name: string): Promise<FaultRow | undefined> {
    const row = await this.fault(name);
    await this.must("fault", "clear", name);
    return row;
  }
}
