// The global setup for Jest: the emulator runs, and the variables are set.
test("clients read the environment", async () => {
  const response = await fetch(`${process.env.TWELVELABS_BASE_URL}/indexes`, {
    headers: { "x-api-key": process.env.TWELVE_LABS_API_KEY },
  });
  expect(response.status).toBe(200);
  expect((await response.json()).data).toEqual([]);
});
