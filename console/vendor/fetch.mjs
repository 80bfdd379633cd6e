// Brings what the console takes from others, and notes what it was. By hand, when a version changes:
//   node console/vendor/fetch.mjs           fetches each package of manifest.json, writes its files, notes their hashes
//   node console/vendor/fetch.mjs --check   the same without writing; fails when anything differs
// A build needs neither this nor Node: the files are in the repository, and a test of `crates/api` compares their hashes.
//
// A package that is CommonJS is bundled with what it needs, by a version of esbuild that is named in the manifest.
//
// Two things are changed in a file: an import by name becomes one by path, since a page without inline scripts has no
// import map, and the name of a source map that we do not carry goes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

/** What a package of CommonJS and those that it needs (`with`) become for a page: one module, and one file of licences. */
function bundle(folder, pack) {
  const [name] = pack.files.map((file) => file.to).filter((to) => to.endsWith(".js"));
  const all = [pack, ...pack.with];
  const wanted = Object.fromEntries(all.map((one) => [one.name, one.version]));
  const dependencies = { ...wanted, esbuild: manifest.esbuild };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies, overrides: wanted }));
  writeFileSync(join(folder, "entry.mjs"), `export { default } from "${pack.name}";\n`);
  execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--omit=optional"], { cwd: folder });
  const esbuild = join(folder, "node_modules", "esbuild", "bin", "esbuild");
  const options = ["--bundle", "--format=esm", "--minify", "--platform=browser", "--legal-comments=none"];
  const module = execFileSync(esbuild, ["entry.mjs", ...options], { cwd: folder, maxBuffer: 16 << 20 });
  const licences = all.map((one) => {
    const own = join(folder, "node_modules", one.name);
    const file = readdirSync(own).find((entry) => /^licen[sc]e/i.test(entry));
    return `${one.name} ${one.version}\n\n${readFileSync(join(own, file), "utf8").trim()}\n`;
  });
  return { [name]: module, [name.replace(/\.js$/, ".LICENSE.txt")]: Buffer.from(licences.join("\n\n")) };
}

for (const pack of manifest.packages) {
  const folder = mkdtempSync(join(tmpdir(), "vendor-"));
  try {
    const packed = execFileSync("npm", ["pack", `${pack.name}@${pack.version}`, "--silent", "--pack-destination", folder]);
    const tarball = join(folder, packed.toString().trim().split("\n").pop());
    note(pack, "integrity", `sha512-${hash(readFileSync(tarball), "sha512", "base64")}`);
    execFileSync("tar", ["xzf", tarball, "-C", folder]);
    const bundled = pack.bundle && bundle(folder, pack);
    for (const file of pack.files) {
      const bytes = bundled ? bundled[file.to] : adapt(readFileSync(join(folder, "package", file.from)), file.to);
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
