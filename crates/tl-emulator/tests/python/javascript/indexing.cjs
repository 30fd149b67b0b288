// Indexes, tasks, videos and indexed assets.
const fs = require("node:fs");

const MODELS = [{ modelName: "marengo3.0", modelOptions: ["visual", "audio"] }];
const UNKNOWN = "aaaaaaaaaaaaaaaaaaaaaaaa";

module.exports = async (client, { check, holds, refused, all, upload, options }) => {
  const video = () => new File([fs.readFileSync(options.video)], "good.mp4", { type: "video/mp4" });
  const { indexes, tasks } = client;

  const { id: index } = await indexes.create({ indexName: "clips", models: MODELS, addons: ["thumbnail"] });
  check(await indexes.retrieve(index), { indexName: "clips", addons: ["thumbnail"], videoCount: 0 });
  check(await indexes.update(index, { indexName: "renamed" }), undefined);
  check((await all(indexes.list({ indexName: "renamed" }))).map((found) => found.id), [index]);
  await refused(indexes.create({ indexName: "renamed", models: MODELS }), 400, "index_name_already_exists");
  await refused(indexes.retrieve(UNKNOWN), 404, "resource_not_exist");

  const created = await tasks.create({ indexId: index, videoFile: video() });
  const seen = [];
  const done = await tasks.waitForDone(created.id, { sleepInterval: 0.02, callback: (task) => seen.push(task.status) });
  check(done, { status: "ready", indexId: index, videoId: created.videoId });
  check(seen.at(-1), "ready");
  check((await tasks.retrieve(created.id)).systemMetadata.filename, "good.mp4");
  const bulk = await tasks.createBulk({ indexId: index, videoFiles: [video(), video()] });
  check(bulk.length, 2);
  for (const task of bulk) await tasks.waitForDone(task.id, { sleepInterval: 0.02 });
  // A refused file is logged and left out, so that the caller is not told which one is missing.
  check(await tasks.createBulk({ indexId: UNKNOWN, videoFiles: [video()] }), []);
  check((await all(tasks.list({ indexId: index, status: ["ready"], sortOption: "asc" }))).map((task) => task.id), [created.id, ...bulk.map((task) => task.id)]);

  const { videos, indexedAssets } = indexes;
  check((await all(videos.list(index, { pageLimit: 2 }))).length, 3);
  check((await videos.list(index, { duration: { gte: 100 } })).data, []);
  check(await videos.update(index, created.videoId, { userMetadata: { team: "red", round: 3 } }), undefined);
  const shown = await videos.retrieve(index, created.videoId);
  check(shown, { id: created.videoId, userMetadata: { team: "red", round: 3 } });
  holds(shown.systemMetadata.width === 640);
  check((await all(videos.list(index, { userMetadata: { team: "red" } }))).map((found) => found.id), [created.videoId]);
  check(await videos.delete(index, created.videoId), undefined);
  await refused(videos.retrieve(index, created.videoId), 404, "not_found");
  check(await tasks.delete(created.id), undefined);
  await refused(tasks.retrieve(created.id), 404, "resource_not_exist");

  const asset = await upload(client, options.video, "other.mp4");
  const { id: indexed } = await indexedAssets.create(index, { assetId: asset });
  let found;
  do found = await indexedAssets.retrieve(index, indexed);
  while (found.status !== "ready" && found.status !== "failed");
  check(found, { id: indexed, status: "ready", assetId: asset });
  check(await indexedAssets.update(index, indexed, { userMetadata: { team: "blue" } }), undefined);
  check((await indexedAssets.retrieve(index, indexed)).userMetadata, { team: "blue" });
  check((await all(indexedAssets.list(index, { filename: "other.mp4" }))).map((found) => found.id), [indexed]);
  check((await all(indexedAssets.listByAsset(asset))).map((found) => found.id), [indexed]);
  check(await indexedAssets.delete(index, indexed), undefined);
  check(await all(indexedAssets.listByAsset(asset)), []);

  check(await indexes.delete(index), undefined);
  check(await all(indexes.list()), []);
};
