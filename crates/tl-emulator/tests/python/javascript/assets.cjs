// Assets and uploads in chunks.
const fs = require("node:fs");

module.exports = async (client, { check, holds, refused, all, until, upload, options }) => {
  const { assets, multipartUpload: uploads } = client;
  const video = await upload(client, options.video, "match.mp4");
  const image = await upload(client, options.image, "face.png");
  check(await assets.retrieve(video), { method: "direct", status: "ready", filename: "match.mp4" });
  check((await all(assets.list({ assetTypes: ["image"] }))).map((asset) => asset.id), [image]);
  check((await all(assets.list({ assetIds: [video], filename: "match" }))).map((asset) => asset.id), [video]);

  await assets.replaceUserMetadata(video, { userMetadata: { team: "red", round: 3 } });
  check((await assets.retrieve(video)).userMetadata, { team: "red", round: 3 });
  await assets.updateUserMetadata(video, { userMetadata: { round: 4 } });
  check((await assets.retrieve(video)).userMetadata, { team: "red", round: 4 });
  await assets.deleteUserMetadata(video);
  holds(Object.keys((await assets.retrieve(video)).userMetadata ?? {}).length === 0);

  await assets.retrieveTranscription(video, { include: ["words", "utterances"] }).then(
    (transcription) => holds(transcription !== undefined),
    (error) => holds([404, 409].includes(error.statusCode), String(error)),
  );

  check(await assets.delete(image), undefined);
  await refused(assets.retrieve(image), 404, "resource_not_exist");

  const seen = [];
  const result = await uploads.uploadFile(options.video, { filename: "chunks.mp4", progressCallback: (progress) => seen.push(progress) });
  holds(seen.length > 0 && seen.at(-1).completedChunks === seen.at(-1).totalChunks);
  check((await until(() => assets.retrieve(result.assetId), (asset) => asset.status !== "processing")).method, "multipart");

  const size = fs.statSync(options.video).size;
  const session = await uploads.create({ filename: "by-hand.mp4", type: "video", totalSize: size });
  const count = Math.ceil(size / session.chunkSize);
  check(session, { totalChunks: count });
  check((await all(uploads.listIncompleteUploads())).map((found) => found.uploadId), [session.uploadId]);
  const more = await uploads.getAdditionalPresignedUrls(session.uploadId, { start: 1, count });
  check(more.uploadUrls.length, count);
  const bytes = fs.readFileSync(options.video);
  const completed = [];
  for (const { chunkIndex, url } of more.uploadUrls) {
    const chunk = bytes.subarray((chunkIndex - 1) * session.chunkSize, chunkIndex * session.chunkSize);
    const sent = await fetch(url, { method: "PUT", body: chunk, headers: session.uploadHeaders ?? {} });
    check(sent.status, 200);
    completed.push({ chunkIndex, proof: sent.headers.get("etag"), proofType: "etag", chunkSize: chunk.length });
  }
  const report = await uploads.reportChunkBatch(session.uploadId, { completedChunks: completed });
  check(report, { totalCompleted: count });
  check((await all(uploads.getStatus(session.uploadId))).map((chunk) => chunk.status), Array(count).fill("completed"));
  const status = await uploads.waitForUploadCompletion(session.uploadId, { sleepInterval: 0.02, maxWaitTime: 10 });
  check(status, { status: "completed", completedChunks: count });
  check(await all(uploads.listIncompleteUploads()), []);
};
