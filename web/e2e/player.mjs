// The built page in a real Chromium, beside the command line: `npm run e2e`, after `make web`.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "web/dist");
const sscodec = process.env.SSCODEC ?? join(root, ".venv/bin/sscodec");
const pictures = process.env.PICTURES;
const folder = mkdtempSync(join(tmpdir(), "sscodec-player-"));
const inFolder = (name) => join(folder, name);
const run = (...args) => execFileSync(sscodec, args, { stdio: ["ignore", "pipe", "pipe"] });

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok: ${what}`);
}

/** 16-bit WAV: two voices of harmonics that come and go, of other pitch on each channel. */
function sound(rate, channels, seconds) {
  const frames = rate * seconds;
  const bytes = Buffer.alloc(44 + 2 * frames * channels);
  bytes.write("RIFF");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate * channels, 28);
  bytes.writeUInt16LE(2 * channels, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(2 * frames * channels, 40);
  for (let i = 0; i < frames; i++) {
    for (let c = 0; c < channels; c++) {
      let value = 0;
      for (let h = 1; h < 9; h++) value += Math.sin((2 * Math.PI * h * (130 + 70 * c) * i) / rate) / h;
      value *= 0.2 * (0.55 - 0.45 * Math.cos((2 * Math.PI * 3 * i) / rate));
      bytes.writeInt16LE(Math.round(32767 * Math.max(-1, Math.min(1, value))), 44 + 2 * (i * channels + c));
    }
  }
  return bytes;
}

/** Samples of a 16-bit WAV. */
function samples(path) {
  const bytes = readFileSync(path);
  let at = 12;
  while (bytes.toString("latin1", at, at + 4) !== "data") at += 8 + bytes.readUInt32LE(at + 4);
  const size = Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8);
  return Float64Array.from({ length: size / 2 }, (_, i) => bytes.readInt16LE(at + 8 + 2 * i) / 32768);
}

function farthest(one, other, count = one.length) {
  if (one.length !== other.length) throw new Error(`${one.length} samples beside ${other.length}`);
  let most = 0;
  for (let i = 0; i < count; i++) most = Math.max(most, Math.abs(one[i] - other[i]));
  return most;
}

const serve = () =>
  new Promise((resolve) => {
    const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
    const server = createServer((request, response) => {
      const path = new URL(request.url, "http://localhost").pathname;
      const from = path.startsWith("/files/")
        ? inFolder(path.slice(7))
        : join(dist, path === "/" ? "index.html" : path);
      try {
        const body = readFileSync(from);
        response.writeHead(200, { "content-type": types[extname(from)] ?? "application/octet-stream" }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    }).listen(0, "127.0.0.1", () => resolve(server));
  });

const speech = join(root, "tests/data/speech.flac");
writeFileSync(inFolder("stereo.wav"), sound(24000, 2, 6));
// Speech at the model's rate, so that no filter of a change of rate comes between.
run("encode", speech, inFolder("wide.ssc"));
run("decode", "--rate", "model", inFolder("wide.ssc"), inFolder("speech.wav"));
for (const coder of ["raw", "static", "context"])
  run("encode", "--entropy", coder, inFolder("speech.wav"), inFolder(`${coder}.ssc`));
run("encode", "--entropy", "context", inFolder("stereo.wav"), inFolder("stereo.ssc"));
const damaged = readFileSync(inFolder("stereo.ssc"));
damaged[Math.floor(damaged.length * 0.6)] ^= 0x40;
writeFileSync(inFolder("damaged.ssc"), damaged);
writeFileSync(inFolder("empty.ssc"), "");
writeFileSync(inFolder("other.ssc"), readFileSync(inFolder("raw.ssc")).reverse());

const server = await serve();
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--allow-file-access-from-files=false"],
});
const errors = [];
const strangers = [];

async function newPage(options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => {
    if (!/^(blob|data|file):/.test(request.url()) && !request.url().startsWith(origin)) strangers.push(request.url());
  });
  return page;
}

const decoded = (page) => page.locator("#status").filter({ hasText: "Decoded" }).waitFor({ timeout: 120_000 });

async function download(page, name) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByText("Download WAV").click()]);
  await file.saveAs(inFolder(name));
  return samples(inFolder(name));
}

/** What the command line decodes; damage makes it leave with an exit code of 4. */
function reference(name, ...options) {
  const path = inFolder(`reference-${name}.wav`);
  try {
    run("decode", "--force", ...options, inFolder(`${name}.ssc`), path);
  } catch (error) {
    if (error.status !== 4) throw error;
  }
  return samples(path);
}

try {
  const page = await newPage();
  await page.goto(origin);
  for (const name of ["raw", "static", "context", "stereo"]) {
    await page.setInputFiles("#file", inFolder(`${name}.ssc`));
    await decoded(page);
    console.log(await page.locator("#status").textContent());
    const far = farthest(await download(page, `${name}.wav`), reference(name));
    check(far <= 1e-4, `${name}: within ${far.toExponential(1)} of sscodec decode`);
  }

  const slider = page.getByLabel("Codebooks");
  await slider.fill("2");
  await decoded(page);
  const far = farthest(await download(page, "two.wav"), reference("stereo", "--n-q", "2"));
  check(far <= 1e-4, `two codebooks: within ${far.toExponential(1)}`);

  await page.setInputFiles("#file", inFolder("wide.ssc"));
  await decoded(page);
  const [wide, expected] = [await download(page, "wide.wav"), reference("wide")];
  let noise = 0;
  let power = 0;
  for (let i = 0; i < wide.length; i++) {
    noise += (wide[i] - expected[i]) ** 2;
    power += expected[i] ** 2;
  }
  check(wide.length === expected.length && power > 1e4 * noise, "22.05 kHz: as long, and within -40 dB");

  await page.setInputFiles("#file", inFolder("damaged.ssc"));
  await decoded(page);
  check(await page.locator("#damage").isVisible(), "damage is shown");
  const whole = reference("damaged");
  const first = Math.floor(whole.length * 0.4);
  check(farthest(await download(page, "damaged.wav"), whole, first) <= 1e-4, "damaged: what comes before is the same");

  for (const name of ["empty", "other"]) {
    await page.setInputFiles("#file", inFolder(`${name}.ssc`));
    await page.getByRole("alert").waitFor();
    check((await page.getByRole("alert").textContent()).length > 0, `${name}: one line says what is wrong`);
  }

  const bytes = readFileSync(inFolder("context.ssc")).toString("base64");
  const data = await page.evaluateHandle((base64) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "dropped.ssc"));
    return transfer;
  }, bytes);
  await page.dispatchEvent("#drop", "drop", { dataTransfer: data });
  await page.getByRole("heading", { name: "dropped.ssc" }).waitFor();
  await decoded(page);
  const seconds = async () => Number(await page.getByLabel("Position").inputValue());
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForFunction(() => Number(document.querySelector("#seek").value) > 0.5);
  await page.getByLabel("Position").fill("2");
  await page.waitForFunction(() => Number(document.querySelector("#seek").value) > 2.3);
  await page.getByRole("button", { name: "Pause" }).click();
  const rest = await seconds();
  await page.waitForTimeout(300);
  check(rest > 2 && rest === (await seconds()), "it plays, seeks and pauses");

  const linked = await newPage();
  await linked.goto(`${origin}/?src=files/stereo.ssc`);
  await decoded(linked);
  check(await linked.getByRole("heading", { name: "stereo.ssc" }).isVisible(), "?src= opens a file");

  const single = await newPage();
  await single.goto(pathToFileURL(join(dist, "sscodec-player.html")).href);
  await single.setInputFiles("#file", inFolder("context.ssc"));
  await decoded(single);
  const alone = farthest(await download(single, "single.wav"), reference("context"));
  check(alone <= 1e-4, "the page of one file decodes from file://");

  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    for (const [name, options] of Object.entries({
      light: { colorScheme: "light", viewport: { width: 1100, height: 900 } },
      dark: { colorScheme: "dark", viewport: { width: 1100, height: 900 } },
      phone: { colorScheme: "light", viewport: { width: 375, height: 812 }, deviceScaleFactor: 2 },
    })) {
      const shot = await newPage(options);
      await shot.goto(`${origin}/?src=files/${name === "light" ? "context" : "damaged"}.ssc`);
      await decoded(shot);
      await shot.getByLabel("Position").fill("1.4");
      await shot.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    }
  }
  check(errors.length === 0, `nothing on the console ${errors.join(" | ")}`);
  check(strangers.length === 0, `no request but for its own files ${strangers.join(" | ")}`);
} finally {
  await browser.close();
  server.close();
}
