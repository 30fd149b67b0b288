// Embeddings at once and by tasks.
module.exports = async (client, { check, holds, refused, all, until, upload, options }) => {
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
};
