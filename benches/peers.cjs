// The JavaScript contenders of the benches. Prints the seconds that the work took, and nothing else.
const { createRequire } = require("node:module");
const path = require("node:path");

const [work, folder, base, count] = process.argv.slice(2);
// The client takes its address from the environment only.
process.env.TWELVELABS_BASE_URL = base;
const { TwelveLabs } = createRequire(path.join(folder, "index.js"))("twelvelabs-js");
const client = new TwelveLabs({ apiKey: "tlk_bench" });

async function events() {
  let received = 0;
  const video = { type: "url", url: "https://example.com/a.mp4" };
  const stream = await client.analyzeStream({ video, prompt: count });
  for await (const event of stream) received += event.text === undefined ? 0 : 1;
  if (received !== Number(count)) throw new Error(`${received} events were received`);
}

async function searches() {
  const query = { indexId: "6639ce30f6b0d4e6a0d01234", queryText: "goal in the rain", searchOptions: ["visual"], pageLimit: 50 };
  for (let done = 0; done < Number(count); done += 1) {
    const page = await client.search.create(query);
    if (page.data.length !== 50) throw new Error(`${page.data.length} results were decoded`);
  }
}

async function embeddings() {
  const task = await client.embed.v2.tasks.retrieve("6298d673f1090f1100476d4d");
  if (task.data.length !== Number(count)) throw new Error(`${task.data.length} rows were decoded`);
}

(async () => {
  const start = performance.now();
  await { events, searches, embeddings }[work]();
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`${seconds}\n`, () => process.exit(0));
})();
