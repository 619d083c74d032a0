/** What the code of each workspace needs from outside; that of the workspaces themselves is in dist/. */
const needed = ["./package.json", "../target/package.json", "../controller/package.json", "../vm/package.json"]
  .flatMap((file) => Object.entries(require(file).dependencies))
  .filter(([name]) => name !== "node-iscsi-target" && !name.startsWith("@sanlab/"));

module.exports = {
  indent: 2,
  remove: ["scripts"],
  replace: {
    bin: { sanlab: "dist/provisioning/bin/sanlab.js" },
    dependencies: Object.fromEntries(needed.sort(([a], [b]) => (a < b ? -1 : 1))),
    exports: {
      ".": { types: "./dist/provisioning/index.d.ts", default: "./dist/provisioning/index.js" },
      "./lab.schema.json": "./dist/provisioning/lab.schema.json",
      "./scenario.schema.json": "./dist/provisioning/scenario.schema.json",
      "./package.json": "./package.json",
    },
  },
};
