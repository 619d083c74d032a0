/** Where an agent finds its controller. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The state directory where the controller says where it is; or its URL, with what is needed to be let in and to know it. */
export type ControllerAddress =
  | { readonly stateDirectory: string }
  | {
      readonly url: string;
      readonly token: string | { readonly file: string };
      /** Of the certificate authority that the controller's certificate is of, PEM; for https. */
      readonly ca?: string;
    };

export interface Endpoint {
  readonly url: string;
  readonly token: string;
  readonly ca?: string;
}

/** Undefined where it is not known now. */
export async function endpointOf(controller: ControllerAddress): Promise<Endpoint | undefined> {
  try {
    if ("stateDirectory" in controller) return await endpointIn(controller.stateDirectory);
    const { token, ...rest } = controller;
    return { ...rest, token: typeof token === "string" ? token : await line(token.file) };
  } catch (error) {
    // The controller has not been there yet, or is just writing the file: asked again at the next attempt.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function endpointIn(directory: string): Promise<Endpoint> {
  const { url } = JSON.parse(await readFile(join(directory, "controller.json"), "utf8")) as { url: string };
  return { url, token: await line(join(directory, "token")) };
}

async function line(file: string): Promise<string> {
  return (await readFile(file, "utf8")).trim();
}
