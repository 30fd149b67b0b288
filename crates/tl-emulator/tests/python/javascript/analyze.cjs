// Analyses: whole, streamed, as tasks and as batches.
const SCHEMA = { type: "object", properties: { title: { type: "string" }, rating: { type: "integer", minimum: 1, maximum: 5 } }, required: ["title", "rating"] };

module.exports = async (client, { check, holds, refused, all, until, upload, options }) => {
  const assetId = await upload(client, options.video, "match.mp4");
  const video = { type: "asset_id", assetId };

  const whole = await client.analyze({ video, prompt: "Why?", modelName: "pegasus1.5" });
  check(whole.finishReason, "stop");
  holds(whole.data.endsWith("Why?") && whole.usage.outputTokens > 0);
  const rated = await client.analyze({ video, prompt: "Rate it.", responseFormat: { type: "json_schema", jsonSchema: SCHEMA } });
  const { title, rating } = JSON.parse(rated.data);
  holds(typeof title === "string" && rating >= 1 && rating <= 5);
  const cut = await client.analyze({ video, prompt: "x".repeat(9000), maxTokens: 512 });
  check(cut.finishReason, "length");
  await refused(client.analyze({ video, prompt: "Why?", maxTokens: 10 }), 400, "parameter_invalid");
  await refused(client.analyze({ video: { type: "asset_id", assetId: "0".repeat(24) }, prompt: "Why?" }), 404, "resource_not_exist");

  const kinds = [];
  let text = "";
  for await (const event of await client.analyzeStream({ video, prompt: "Why is the sky blue, and the grass green, today?" })) {
    kinds.push(event.eventType);
    text += event.text ?? "";
  }
  check([kinds[0], kinds.at(-1)], ["stream_start", "stream_end"]);
  holds(text.endsWith("today?") && kinds.length > 4);

  const { tasks, batches } = client.analyzeAsync;
  const created = await tasks.create({ video, prompt: "Why?", customId: "row-17" });
  const task = await until(() => tasks.retrieve(created.taskId), (task) => task.status === "ready");
  check(task, { customId: "row-17", taskId: created.taskId });
  holds(task.result.data.endsWith("Why?"));
  check((await tasks.list({ assetId, status: "ready" })).data.map((task) => task.taskId), [created.taskId]);
  check(await tasks.delete(created.taskId), undefined);
  await refused(tasks.retrieve(created.taskId), 404, "resource_not_exist");

  const requests = [{ video, customId: "a" }, { video, customId: "b", prompt: { inputText: "How?" } }];
  const batch = await batches.create({ modelName: "pegasus1.5", analysisMode: "general", requests, defaults: { prompt: { inputText: "Why?" } } });
  check(batch.items.map((item) => item.customId), ["a", "b"]);
  const done = await until(() => batches.retrieve(batch.batchId), (batch) => batch.status === "completed");
  check(done, { readyItems: 2, totalItems: 2 });
  const results = await all(batches.results(batch.batchId));
  check(Object.fromEntries(results.map((result) => [result.customId, result.data.data.slice(-4)])), { a: "Why?", b: "How?" });
  check((await all(batches.list({ status: ["completed"] }))).map((found) => found.batchId), [batch.batchId]);
  await refused(batches.cancel(batch.batchId), 409, "batch_completed");
  check(await batches.delete(batch.batchId), undefined);
  check(await all(batches.list()), []);
};
