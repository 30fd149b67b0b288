// Search by text, image and filter, and its pages.
const fs = require("node:fs");

module.exports = async (client, { check, holds, refused, all, control, options }) => {
  const size = { duration: 13, width: 640, height: 360, fps: 25, size: 1000 };
  const seeded = await control("POST", "/seed", { indexes: [{ index_name: "clips", videos: ["soccer goal", "soccer match", "cooking"].map((title) => ({ filename: `${title}.mp4`, ...size })) }] });
  const [indexId] = seeded.indexes;
  const ids = Object.fromEntries((await all(client.indexes.videos.list(indexId))).map((video) => [video.systemMetadata.filename, video.id]));
  const query = { indexId, searchOptions: ["visual", "audio"], queryText: "soccer goal" };

  const found = await all(client.search.query(query));
  check(found.slice(0, 3).map((hit) => [hit.videoId, hit.start, hit.rank]), [0, 6, 12].map((start, rank) => [ids["soccer goal.mp4"], start, rank + 1]));
  check(found.length, 6);
  const page = await client.search.create({ ...query, pageLimit: 2 });
  check(page.data.map((hit) => hit.rank), [1, 2]);
  check(page.searchPool, { totalCount: 3 });
  const next = await client.search.retrieve(page.pageInfo.nextPageToken, { includeUserMetadata: true });
  check(next.data.map((hit) => hit.rank), [3, 4]);
  check((await all(client.search.query({ ...query, pageLimit: 2 }))).map((hit) => hit.rank), [1, 2, 3, 4, 5, 6]);

  const groups = await all(client.search.query({ ...query, groupBy: "video" }));
  check(groups.map((group) => group.clips.length), [3, 3]);
  const filtered = await all(client.search.query({ ...query, filter: JSON.stringify({ filename: "soccer match.mp4" }) }));
  check(new Set(filtered.map((hit) => hit.videoId)), new Set([ids["soccer match.mp4"]]));
  const image = new File([fs.readFileSync(options.image)], "cooking.png", { type: "image/png" });
  const pictured = await all(client.search.query({ indexId, searchOptions: ["visual"], queryMediaType: "image", queryMediaFile: image }));
  holds(pictured.length > 0, "a query with an image has results");
  const several = await all(client.search.query({ indexId, searchOptions: ["visual"], queryMediaType: "image", queryMediaFiles: [image, image], queryText: "cooking" }));
  check(several[0].videoId, ids["cooking.mp4"]);

  await refused(client.search.create({ ...query, pageLimit: 51 }), 400, "parameter_invalid");
  await refused(client.search.create({ ...query, filter: "[" }), 400, "search_filter_invalid");
  // The client retries a form whose body it has already used: the retry fails before it is sent, and
  // the status is lost.
  await control("PUT", "/faults", { faults: [{ operation: "search.create", nth: [1], status: 503 }] });
  await refused(client.search.create(query), undefined, undefined);
  await control("PUT", "/faults", { faults: [] });
  await control("POST", "/clock/advance", { seconds: 16 * 60 });
  await refused(client.search.retrieve(page.pageInfo.nextPageToken), 400, "search_page_token_expired");
};
