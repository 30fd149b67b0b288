// Embeddings at once and by tasks.
const fs = require("node:fs");

module.exports = async (client, { check, holds, refused, all, until, upload, control, options }) => {
  const { v2 } = client.embed;
  const assetId = await upload(client, options.video, "soccer goal.mp4");
  const { data } = await v2.create({ inputType: "text", modelName: "marengo3.0", text: { inputText: "goal in the rain" } });
  check(data.map((row) => row.embedding.length), [512]);
  const video = { mediaSource: { assetId }, embeddingScope: ["clip"] };
  const created = await v2.tasks.create({ inputType: "video", modelName: "marengo3.0", video });
  const task = await until(() => v2.tasks.retrieve(created.id), (task) => task.status !== "processing");
  check(task.status, "ready");
  check([...new Set(task.data.map((row) => row.embeddingScope))], ["clip"]);
  check((await all(v2.tasks.list({ status: "ready" }))).map((task) => task.id), [created.id]);
  await refused(v2.create({ inputType: "text", modelName: "marengo3.0" }), 400, "parameter_not_provided");

  const described = (await control("GET", "/openapi.json")).paths;
  await (described["/embed/tasks"] ? first : unavailable)(client.embed, { check, holds, all, refused, options });
};

/** The first version of the operations. */
async function first({ create, tasks }, { check, holds, all, options }) {
  const modelName = "marengo3.0";
  const text = await create({ modelName, text: "goal in the rain" });
  check(text.textEmbedding.segments.map((segment) => segment.float.length), [512]);
  const videoFile = () => new File([fs.readFileSync(options.video)], "goal.mp4", { type: "video/mp4" });
  const { id } = await tasks.create({ modelName, videoFile: videoFile(), videoEmbeddingScope: ["clip"] });
  const done = await tasks.waitForDone(id, { sleepInterval: 0.02 });
  check(done.status, "ready");
  check((await tasks.status(id)).status, "ready");
  const { videoEmbedding } = await tasks.retrieve(id, { embeddingOption: ["visual"] });
  holds(videoEmbedding.segments.every((segment) => segment.float.length === 512 && segment.embeddingScope === "clip"));
  const bulk = await tasks.createBulk({ modelName, videos: [{ videoFile: videoFile() }, { videoFile: videoFile() }] });
  check(bulk.length, 2);
  holds((await all(tasks.list())).some((task) => task.id === id));
}

/** What the emulator answers while it does not implement them. */
async function unavailable({ create, tasks }, { check, refused }) {
  const id = "aaaaaaaaaaaaaaaaaaaaaaaa";
  const modelName = "marengo3.0";
  const videoUrl = "https://example.com/a.mp4";
  const once = { maxRetries: 0 };
  const calls = [
    create({ modelName, text: "goal" }, once),
    tasks.create({ modelName, videoUrl }, once),
    tasks.list({}, once),
    tasks.status(id, once),
    tasks.retrieve(id, {}, once),
    tasks.waitForDone(id, {}, once),
  ];
  await Promise.all(calls.map((call) => refused(call, 501, "not_implemented_in_emulator")));
  // Refused videos are logged and left out.
  check(await tasks.createBulk({ modelName, videos: [{ videoUrl }] }, once), []);
}
