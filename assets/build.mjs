// Sass makes one style sheet of assets/scss and Pico; esbuild minifies it and brings the font
// along. `node assets/build.mjs OUTPUT`. WhiteNoise gives the files their hashed names later.
import * as esbuild from "esbuild";
import path from "node:path";
import * as sass from "sass";

const here = import.meta.dirname;
const root = path.dirname(here);
const output = path.resolve(process.argv[2]);

const { css } = sass.compile(path.join(here, "scss", "site.scss"), {
  loadPaths: [path.join(root, "node_modules")],
  quietDeps: true,
});
await esbuild.build({
  stdin: { contents: css, loader: "css", resolveDir: root, sourcefile: "site.css" },
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "inline",
  outfile: path.join(output, "css", "site.css"),
  loader: { ".woff2": "file" },
  assetNames: "../fonts/[name]",
  logLevel: "error",
});
