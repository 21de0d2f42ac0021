import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** MIT asks for its notice; these packages name the licence, but leave out the text. */
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions: The above copyright notice and this permission notice shall be included
in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN
NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Writes the licences of all packages that the page may contain to licences.txt. */
export function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const own = readFileSync("../LICENSE", "utf8");
      const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
      const folders = Object.keys(lock.packages).filter((path) => path && !lock.packages[path].dev);
      const notices = folders.filter(existsSync).map((folder) => {
        const { name, version, license, author } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        const by = name.startsWith("onnxruntime") ? "Microsoft Corporation" : (author?.name ?? author ?? "its authors");
        const text = file
          ? readFileSync(`${folder}/${file}`, "utf8")
          : `Copyright (c) ${by}${license === "MIT" ? `\n\n${MIT}` : ""}`;
        const more = name === "onnxruntime-web" ? "\n\nIts own parts: ThirdPartyNotices.txt in its repository.\n" : "";
        return `${name} ${version} (${license})\n\n${text.trim()}${more}`;
      });
      const source = [`sscodec\n\n${own.trim()}`, ...notices].join(`\n\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "licences.txt", source: `${source}\n` });
    },
  };
}
