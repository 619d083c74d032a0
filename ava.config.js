// biome-ignore lint/style/noDefaultExport: ava reads its configuration from a default export.
export default {
  extensions: ["ts"],
  files: [
    "test/**/*.ts",
    "examples/testing/ava.test.ts",
    "!test/helpers/**",
    "!test/bench/**",
    "!test/run/**",
    "!test/conformance/**",
    "!test/scenarios/**",
    "!test/**/fixtures/**",
    "!test/simulation/*/**",
    "!test/crash/*/**",
  ],
  concurrency: 2,
  timeout: "3m",
};
