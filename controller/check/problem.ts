export interface Problem {
  readonly code: string;
  readonly message: string;
}
