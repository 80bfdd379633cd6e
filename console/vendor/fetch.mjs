// Brings what the console takes from others, and notes what it was. By hand, when a version changes:
//   node console/vendor/fetch.mjs           fetches each package of manifest.json, writes its files, notes their hashes
//   node console/vendor/fetch.mjs --check   the same without writing; fails when anything differs
// A build needs neither this nor Node: the files are in the repository, and a test of `crates/api` compares their hashes.
//
// Two things are changed in a file: an import by name becomes one by path, since a page without inline scripts has no
// import map, and the name of a source map that we do not carry goes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const check = process.argv.includes("--check");
const manifest = JSON.parse(readFileSync(join(here, "manifest.json"), "utf8"));
const PATH_BY_NAME = {
  "preact": "./preact.js",
  "preact/hooks": "./hooks.js",
  "@preact/signals-core": "./signals-core.js",
};
let differences = 0;

const hash = (bytes, kind, form) => createHash(kind).update(bytes).digest(form);

function adapt(bytes, name) {
  if (!name.endsWith(".js")) return bytes;
  const text = bytes.toString("utf8")
    .replace(/(from\s*)"([^".][^"]*)"/g, (_, from, wanted) => {
      if (!PATH_BY_NAME[wanted]) throw new Error(`${name} wants ${wanted}`);
      return `${from}"${PATH_BY_NAME[wanted]}"`;
    })
    .replace(/\n?\/\/# sourceMappingURL=\S*\s*$/, "\n");
  return Buffer.from(text);
}

function note(owner, key, value) {
  if (owner[key] === value) return;
  if (check) {
    console.error(`${owner.name ?? owner.to}: ${key} is ${value}, and ${owner[key]} was noted`);
    differences += 1;
  }
  owner[key] = value;
}

for (const pack of manifest.packages) {
  const folder = mkdtempSync(join(tmpdir(), "vendor-"));
  try {
    const packed = execFileSync("npm", ["pack", `${pack.name}@${pack.version}`, "--silent", "--pack-destination", folder]);
    const tarball = join(folder, packed.toString().trim().split("\n").pop());
    note(pack, "integrity", `sha512-${hash(readFileSync(tarball), "sha512", "base64")}`);
    execFileSync("tar", ["xzf", tarball, "-C", folder]);
    for (const file of pack.files) {
      const bytes = adapt(readFileSync(join(folder, "package", file.from)), file.to);
      note(file, "sha256", hash(bytes, "sha256", "hex"));
      if (!check) writeFileSync(join(here, file.to), bytes);
      else if (!readFileSync(join(here, file.to)).equals(bytes)) {
        console.error(`${file.to} is not what ${pack.name} ${pack.version} has`);
        differences += 1;
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
if (!check) writeFileSync(join(here, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
process.exit(differences === 0 ? 0 : 1);
