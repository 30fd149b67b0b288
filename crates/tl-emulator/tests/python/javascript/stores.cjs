// Knowledge stores, their items and collections, and chat responses.
module.exports = async (client, { check, holds, refused, all, until, upload, control, options }) => {
  const { knowledgeStores: stores, knowledgeStoreItems: items, knowledgeStoreItemCollections: collections } = client;
  const assetId = await upload(client, options.video, "final match.mp4");
  // The platform takes numbers and booleans as well; this client refuses them before it sends anything.
  await refused(stores.create({ name: "matches", metadata: { season: 2026 } }), undefined, undefined);
  const store = (await stores.create({ name: "matches", metadata: { season: "2026" } })).id;
  check(await stores.retrieve(store), { name: "matches", itemCount: 0 });
  check(await stores.update(store, { name: "games" }), { name: "games" });
  check((await all(stores.list())).map((found) => found.id), [store]);

  const item = (await items.create(store, { assetId, assetType: "video", metadata: { team: "red" } })).id;
  const ready = await until(() => items.retrieve(store, item), (item) => item.status === "ready");
  check(ready, { assetId, assetType: "video", metadata: { team: "red" } });
  check((await all(items.list(store, { status: ["ready"] }))).map((found) => found.id), [item]);

  const query = { query: { text: "the red match" }, searchOptions: { video: { modalities: ["visual", "audio"] } }, includeMetadata: true };
  const found = await stores.search(store, query);
  check(found.data[0], { itemId: item, rank: 1, assetType: "video" });
  holds(found.data[0].matches[0].startSec < found.data[0].matches[0].endSec);
  await refused(stores.search(store, { query: { text: "a" }, pageToken: "0000" }), 400, "parameter_invalid");

  const finals = (await collections.create(store, { name: "finals" })).id;
  check(await collections.addItems(store, finals, { itemIds: [item] }), { memberCount: 1 });
  check((await all(collections.listItems(store, finals))).map((found) => found.id), [item]);
  check(await collections.update(store, finals, { name: "semifinals" }), { name: "semifinals" });
  check((await collections.retrieve(store, finals)).memberCount, 1);
  check((await all(collections.list(store))).map((found) => found.id), [finals]);
  check(await collections.removeItems(store, finals, { itemIds: [item] }), undefined);
  check(await collections.delete(store, finals), undefined);

  const ask = (text, more) => ({ knowledgeStoreId: store, input: [{ type: "message", role: "user", content: text }], ...more });
  const first = await client.responses.create(ask("Who scored?"));
  check(first.status, "completed");
  check(first.output.at(-1).role, "assistant");
  const events = [];
  let text = "";
  for await (const event of await client.responses.createStream(ask("How does the kickoff begin?", { sessionId: first.sessionId }))) {
    events.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  check([events[0], events.at(-1)], ["response.created", "response.completed"]);
  holds(text.length > 0);
  check(first.output.at(-1).content[0].text.includes("[DONE] early"), true);
  // The text is the same, with the marker of the end of the stream in it: the client ends there
  // without an error, and the rest is lost.
  const cut = [];
  for await (const event of await client.responses.createStream(ask("Who scored?"))) cut.push(event.type);
  holds(!cut.includes("response.completed") && cut.includes("response.output_text.delta"), String(cut));

  check(await items.delete(store, item), undefined);
  check(await all(items.list(store)), []);
  check(await stores.delete(store), undefined);
  await refused(stores.retrieve(store), 404, "resource_not_exist");
};
