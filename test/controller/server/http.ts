/** The HTTP API of a running controller, as any program reaches it: who is let in, and how mistakes are told. */
import { readFile, stat } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import test from "ava";
import { labOf, testLab } from "../../helpers/lab.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** node:http, since fetch does not let a caller say any Host. */
function ask(url: string, { method = "GET", headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

test("the API wants its token, its own Host and no foreign Origin, and tells mistakes in a sentence", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const state = join(lab.directory, "state");
  const { url } = JSON.parse(await readFile(join(state, "controller.json"), "utf8")) as { url: string };
  const tokenFile = join(state, "token");
  t.is((await stat(tokenFile)).mode & 0o777, 0o600);
  const authorization = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
  const disks = `${url}/v1/disks`;

  const own = await ask(disks, { headers: { authorization } });
  t.is(own.status, 200);
  t.is((JSON.parse(own.body) as { name: string }[])[0]?.name, "data");
  const strangers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "no token": {},
    "another token": { authorization: `${authorization.slice(0, -1)}!` },
    "a name that a page could have made of this address": { authorization, host: "evil.example" },
    "a page of another site": { authorization, origin: "https://evil.example" },
  };
  for (const [who, headers] of Object.entries(strangers)) {
    const { status, body } = await ask(disks, { headers });
    t.true(status === 401 || status === 403, `${who}: ${status}`);
    t.false(body.includes("data"), who);
  }

  const json = { authorization, "content-type": "application/json" };
  const mistakes: readonly (readonly [string, Asked, number])[] = [
    ["/v1/nothing", { headers: { authorization } }, 404],
    ["/v1/disks/none", { headers: { authorization }, method: "DELETE" }, 404],
    ["/v1/disks", { headers: json, method: "POST", body: "{" }, 400],
    ["/v1/disks", { headers: json, method: "POST", body: '{"name":"x"}' }, 400],
    ["/v1/disks", { headers: json, method: "POST", body: '{"name":"data","pool":"main","sizeBytes":1048576}' }, 409],
  ];
  for (const [path, asked, status] of mistakes) {
    const answer = await ask(url + path, asked);
    t.is(answer.status, status, `${path}: ${answer.body}`);
    t.regex((JSON.parse(answer.body) as { error: { message: string } }).error.message, /^[A-Z].*[^\n]$/, path);
  }
});
