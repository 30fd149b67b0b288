// Connections and imports.
const BACK = "https://example.com/back";

module.exports = async (client, { check, holds, refused, until }) => {
  const { dataConnectors: connectors, imports } = client;
  const uri = await connectors.createRedirectUri({ redirectUri: BACK });
  check((await connectors.listRedirectUris()).data.map((found) => found.redirectUri), [BACK]);
  await refused(connectors.createRedirectUri({ redirectUri: BACK }), 409, "redirect_uri_exists");

  // The Python client cannot send this request.
  const { authorizeUrl } = await connectors.authorizeConnection({ provider: "google_drive", redirectUri: BACK, customId: "team" });
  const sent = await fetch(`${authorizeUrl}&decision=allow`, { redirect: "manual" });
  check(sent.status, 302);
  const back = new URL(sent.headers.get("location")).searchParams;
  check([back.get("status"), back.get("custom_id")], ["ok", "team"]);
  const connection = back.get("connection_id");
  check(await connectors.retrieveConnection(connection), { provider: "google_drive", status: "active", customId: "team" });
  check((await connectors.listConnections()).data.map((found) => found.id), [connection]);
  const token = await connectors.createConnectionPickerToken(connection);
  holds(token.accessToken && token.expiresIn > 0);

  const result = await imports.importFiles(connection, { items: [{ sourceId: "1a" }, { sourceId: "missing-1" }] });
  check(result.items.map((item) => item.action), ["created", "rejected"]);
  check([result.hasFailures, result.items[1].error.code], [true, "source_unavailable"]);
  await until(() => imports.retrieveImport(connection, result.id), (found) => found.items[0].status === "ready");
  check((await imports.listImports(connection)).data.map((found) => found.id), [result.id]);

  check(await connectors.deleteRedirectUri(uri.id), undefined);
  check(await connectors.deleteConnection(connection), undefined);
  await refused(connectors.retrieveConnection(connection), 404, "resource_not_exist");
};
