import type { Mutation } from "./mutation.ts";
export const MUTATIONS: readonly Mutation[] = [];
