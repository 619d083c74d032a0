/** A request that is refused: one sentence for people; the HTTP status that goes with it. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, sentence: string, status = 409) {
    super(sentence);
    this.code = code;
    this.status = status;
  }
}

export function notFound(kind: string, name: string): Refusal {
  return new Refusal("not-found", `There is no ${kind} '${name}'; list what there is, and name one of those.`, 404);
}
