// Collections of entities, and entities.
module.exports = async (client, { check, refused, all, until, upload, options }) => {
  const collections = client.entityCollections;
  const { entities } = collections;
  const face = await upload(client, options.image, "face.png");
  const other = await upload(client, options.image, "other.png");

  const people = (await collections.create({ name: "people", description: "of the club" })).id;
  check(await collections.retrieve(people), { name: "people", description: "of the club" });
  check(await collections.update(people, { name: "players" }), { name: "players" });
  check((await all(collections.list({ name: "players" }))).map((found) => found.id), [people]);

  const ada = (await entities.create(people, { name: "Ada", assetIds: [face] })).id;
  check(await until(() => entities.retrieve(people, ada), (entity) => entity.status !== "processing"), { status: "ready", name: "Ada", assetIds: [face] });
  check(await entities.update(people, ada, { name: "Ada L.", metadata: { team: "red" } }), { name: "Ada L." });
  check((await entities.createAssets(people, ada, { assetIds: [other] })).assetIds, [face, other]);
  check((await all(entities.listByAsset(other))).map((entity) => entity.id), [ada]);
  check((await entities.deleteAssets(people, ada, { assetIds: [other] })).assetIds, [face]);
  const bulk = await entities.createBulk(people, { entities: [{ name: "Bo", assetIds: [face] }, { name: "Cy", assetIds: ["0".repeat(24)] }] });
  check([bulk.entities?.length ?? bulk.data?.length, bulk.errors?.length], [1, 1]);
  check((await all(entities.list(people, { sortBy: "name", sortOption: "asc" }))).map((entity) => entity.name), ["Ada L.", "Bo"]);
  check(await entities.delete(people, ada), undefined);
  await refused(entities.retrieve(people, ada), 404, "resource_not_exist");
  check(await collections.delete(people), undefined);
  check(await all(collections.list()), []);
};
